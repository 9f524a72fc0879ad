/**
 * Finds the configuration in the folder where a command of the installed package runs.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Config, defineConfig, toConfigInput } from '../core/config.ts';

/** The names of its file, in the order in which they are looked for. */
const NAMES = ['hallpass.config.ts', 'hallpass.config.mjs', 'hallpass.config.json'] as const;

/**
 * Reads the first of the three files that is there; undefined: there is none.
 * @param readsTypeScript true if this Node runs TypeScript, as all do from 22.18 on
 * @throws Error where Node does not run the file, TypeError that names the file and what is wrong with it
 */
export async function findConfig(
  folder: string,
  readsTypeScript = Boolean(process.features.typescript),
): Promise<Config | undefined> {
  const name = NAMES.find((each) => existsSync(join(folder, each)));
  if (name === undefined) return undefined;
  if (name === 'hallpass.config.ts' && !readsTypeScript) {
    throw new Error(
      `hallpass.config.ts needs Node 22.18 or later, got ${process.versions.node}; write hallpass.config.mjs or hallpass.config.json instead`,
    );
  }
  try {
    return await readConfig(join(folder, name));
  } catch (error) {
    const words = error instanceof Error ? error.message : 'cannot be read';
    throw new TypeError(`${name}: ${words.replace(/^hallpass\.config\.ts: /, '')}`);
  }
}

async function readConfig(path: string): Promise<Config> {
  if (path.endsWith('.json')) return defineConfig(JSON.parse(readFileSync(path, 'utf8')));
  const { config } = await import(pathToFileURL(path).href);
  return requireChecked(config);
}

/** Refuses an export that did not come from `defineConfig`, which fills in the defaults. */
function requireChecked(config: Config | undefined): Config {
  if (typeof config !== 'object' || !Array.isArray(Object(config.defaults).limits)) {
    throw new TypeError('it must export "config", made by "defineConfig" of "hallpass"');
  }
  return defineConfig(toConfigInput(config));
}
