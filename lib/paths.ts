/**
 * Paths of the package's own files, in a clone (TypeScript) and where it is installed (JavaScript).
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Returns the path of a file or folder, named from the top of the package. */
export const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../${name}`, import.meta.url));

/** Returns the path of a module, named from the top of the package and without its extension. */
export const moduleOf = (name: string): string =>
  pathOf(`${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`);

/** The version of the package. */
export const VERSION = String(
  Object(JSON.parse(readFileSync(pathOf('package.json'), 'utf8'))).version,
);

/** Packages that bundles need, and that an installation may lack. */
const BUNDLING_PACKAGES = ['esbuild', '@aws-sdk/client-dynamodb'];

/** @throws Error that names the package without which the functions cannot be bundled */
export function requireBundlingPackages(): void {
  const { resolve } = createRequire(import.meta.url);
  for (const name of BUNDLING_PACKAGES) {
    try {
      resolve(name);
    } catch {
      throw new Error(
        `the functions cannot be bundled without the package "${name}": npm i ${name}`,
      );
    }
  }
}
