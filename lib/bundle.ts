/**
 * Bundles a function: its module and all that it imports, in one file, by the esbuild of the app.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { AssetHashType, DockerImage, type ILocalBundling } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { BuildOptions, buildSync } from 'esbuild';
import { moduleOf, pathOf } from './paths.ts';

const require = createRequire(import.meta.url);

/** Packages that bundles need, and that an installation may lack. */
const BUNDLING_PACKAGES = ['esbuild', '@aws-sdk/client-dynamodb'];

/** @throws Error that names the package without which the functions cannot be bundled */
export function requireBundlingPackages(): void {
  for (const name of BUNDLING_PACKAGES) {
    try {
      require.resolve(name);
    } catch {
      throw new Error(
        `the functions cannot be bundled without the package "${name}": npm i ${name}`,
      );
    }
  }
}

const OPTIONS: BuildOptions = {
  absWorkingDir: pathOf('.'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  mainFields: ['module', 'main'],
  minify: true,
  // A source map is of no use: no log line holds a stack.
  sourcemap: false,
  // Nothing is taken from the runtime: its SDK has another version.
  external: [],
  logLevel: 'error',
};

/** CDK takes two bundles for one if their fields are equal, so the fields name what is bundled. */
class LocalBundle implements ILocalBundling {
  readonly entry: string;
  readonly alias: Readonly<Record<string, string>>;

  constructor(entry: string, configModule: string) {
    this.entry = entry;
    this.alias = {
      '#config': configModule,
      'node:stream/web': moduleOf('lambdas/node/stream-web'),
    };
  }

  /** Always answers true, because CDK starts Docker after false. A bundle that fails throws esbuild's message. */
  tryBundle(folder: string): true {
    // Loaded here, because an app that lacks it may still import this file.
    const esbuild: { readonly buildSync: typeof buildSync } = require('esbuild');
    const outfile = join(folder, 'index.mjs');
    esbuild.buildSync({ ...OPTIONS, entryPoints: [this.entry], alias: this.alias, outfile });
    return true;
  }
}

/**
 * Returns the code of a function.
 * @param entry the path of the module that exports the handler
 * @param configModule the path of the module that takes the place of `#config`
 */
export const bundledCode = (entry: string, configModule: string): Code =>
  Code.fromAsset(pathOf('.'), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: DockerImage.fromRegistry('never-pulled'),
      local: new LocalBundle(entry, configModule),
    },
  });
