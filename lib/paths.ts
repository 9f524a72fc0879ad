/**
 * Paths of the package's own files, in a clone (TypeScript) and where it is installed (JavaScript).
 */
import { readFileSync } from 'node:fs';
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
