/**
 * The project's source as the architecture test sees it: files, what they import, their code without comments.
 */
import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SourceFile {
  /** From the top of the project: `core/wallet/wallet.ts`. */
  readonly path: string;
  readonly text: string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = ['adapters', 'bench', 'bin', 'cli', 'core', 'lambdas', 'lib', 'local', 'test'];

/** Every TypeScript file of the project but declarations. */
export function readSource(): readonly SourceFile[] {
  const paths = globSync(['*.ts', `{${FOLDERS.join(',')}}/**/*.ts`], { cwd: ROOT });
  return paths
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => !path.endsWith('.d.ts'))
    .map((path) => ({ path, text: readFileSync(`${ROOT}/${path}`, 'utf8') }));
}

const FROM = /^\s*(?:import|export)\b[^;'"]*?\bfrom\s+['"]([^'"]+)['"]/gm;
const BARE = /^\s*import\s+['"]([^'"]+)['"]/gm;
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]/g;

const TYPES = /^\s*(?:import|export)\s+type\b[^;]*;/gm;

/**
 * What a file imports: packages by name, the project's own files by path from the top.
 * @param types whether imports that are of types alone, and gone when the file runs, count
 */
export function importsOf({ path, text }: SourceFile, types = true): readonly string[] {
  const code = types ? withoutComments(text) : withoutComments(text).replace(TYPES, '');
  const found = [FROM, BARE, DYNAMIC].flatMap((pattern) => [...code.matchAll(pattern)]);
  return found
    .map(([, name = '']) => name)
    .map((name) =>
      name.startsWith('.') ? posix.normalize(posix.join(posix.dirname(path), name)) : name,
    );
}

const STRING_OR_COMMENT =
  /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

export const withoutComments = (text: string): string =>
  text.replace(STRING_OR_COMMENT, (all, string) => (string === undefined ? '' : all));

/** The code alone: texts are emptied, but for what a template puts into them. */
export const withoutTexts = (text: string): string =>
  text.replace(STRING_OR_COMMENT, (all, string) => {
    if (string === undefined) return '';
    const filledIn = all.startsWith('`') ? all.match(/\$\{[^}]*\}/g) : null;
    return `'${filledIn?.join(' ') ?? ''}'`;
  });
