/**
 * The version before, out of the repository's history: the stack that it deploys, and its own command line.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configInputOf } from './configs.ts';
import { Unavailable } from './python.ts';
import { type Life, ROOT } from './tools.ts';

/** The last commit whose stack had no configuration of its own. With the first release its tag takes its place. */
const PREVIOUS = '3266aaa5e85287485eb30bc50a18c0f077de98aa';
const ARCHIVE_BYTES_MAX = 100_000_000;

const git = (args: readonly string[], input?: Buffer) =>
  spawnSync('git', ['-C', ROOT, ...args], {
    maxBuffer: ARCHIVE_BYTES_MAX,
    ...(input && { input }),
  });

/**
 * Writes the version before into a folder, with the installed packages and a configuration like that of today's stack.
 * @throws Unavailable if its commit or its packages are not here
 */
export function checkOutPrevious({ folder, providers }: Life): string {
  const archive = git(['archive', '--format=tar', PREVIOUS]);
  if (archive.status !== 0) {
    throw new Unavailable('its commit is not in this copy of the repository (no history)');
  }
  const target = join(folder, 'previous');
  mkdirSync(target);
  const tar = spawnSync('tar', ['-x', '-C', target], { input: archive.stdout });
  if (tar.status !== 0) throw new Unavailable('tar is not on this machine');
  requireSamePackages(target);
  symlinkSync(join(ROOT, 'node_modules'), join(target, 'node_modules'));
  const config = JSON.stringify(configInputOf(providers));
  writeFileSync(
    join(target, 'hallpass.config.ts'),
    `import { defineConfig } from './core/config.ts';\nexport const config = defineConfig(${config});\n`,
  );
  return target;
}

/** Packages that make the stack or are in its functions. The command line runs with whatever version is here. */
const EXACT = [
  ...['aws-cdk', 'aws-cdk-lib', 'cdk-nag', 'constructs', 'esbuild'],
  ...['@middy/core', 'jose', 'valibot'],
];

/** @throws Unavailable if what it deploys would not be what it was */
function requireSamePackages(target: string): void {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(join(target, 'package.json'), 'utf8'),
  );
  const needed = { ...devDependencies, ...dependencies };
  for (const name of new Set([...EXACT, ...Object.keys(dependencies)])) {
    const file = join(ROOT, 'node_modules', name, 'package.json');
    const found = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : 'none';
    const isEnough = EXACT.includes(name) ? found === needed[name] : found !== 'none';
    if (!isEnough) throw new Unavailable(`it needs ${name} ${needed[name]}, and ${found} is here`);
  }
}
