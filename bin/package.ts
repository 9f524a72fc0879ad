/**
 * `npm run package`: builds the folder that is published, `dist/` or the one that is named. It is JavaScript for Node 20
 * and later with types, without source maps, and the same bytes each time. Further arguments go to the compiler.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toManifest } from './package-manifest.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Files that are published as they are. The compiler would write the JSON anew, and larger. */
const COPIED = {
  'package/README.md': 'README.md',
  'CHANGELOG.md': 'CHANGELOG.md',
  LICENSE: 'LICENSE',
  'core/price-table.json': 'core/price-table.json',
  'pages/dist/pages.json': 'pages/dist/pages.json',
  'pages/dist/operator.json': 'pages/dist/operator.json',
};
/** The compiler leaves the names in types as they are in the source. */
const TYPED_IMPORT = /((?:from|import\()\s*')(\.[^']*)\.ts'/g;

function build(folder: string, compilerArgs: readonly string[]): void {
  rmSync(folder, { recursive: true, force: true });
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const args = [compiler, '--project', join(ROOT, 'package'), '--outDir', folder, ...compilerArgs];
  // The compiler has said what is wrong.
  if (spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0) process.exit(1);
  for (const name of globSync('**/*.d.ts', { cwd: folder })) {
    const path = join(folder, name);
    writeFileSync(path, readFileSync(path, 'utf8').replace(TYPED_IMPORT, "$1$2.js'"));
  }
  for (const [from, to] of Object.entries(COPIED)) {
    mkdirSync(dirname(join(folder, to)), { recursive: true });
    copyFileSync(join(ROOT, from), join(folder, to));
  }
  const own = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(toManifest(own), undefined, 2)}\n`);
}

const [folder = join(ROOT, 'dist'), ...compilerArgs] = process.argv.slice(2);
build(resolve(folder), compilerArgs);
