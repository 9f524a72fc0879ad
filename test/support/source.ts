/** The project's source as the architecture test sees it: files, what they import, their code without comments. */
import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SourceFile {
  /** From the top of the project: `core/wallet/wallet.ts`. */
  readonly path: string;
  readonly text: string;
}

/** One file imports another, or a package by its name. */
export interface Arrow {
  readonly from: string;
  readonly to: string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = [
  'adapters',
  'bench',
  'bin',
  'cli',
  'core',
  'lambdas',
  'lib',
  'local',
  'package',
  'pages',
  'test',
];

/** Reads every TypeScript file of the project except declarations and installed packages. */
export function readSource(): readonly SourceFile[] {
  const paths = globSync(['*.ts', `{${FOLDERS.join(',')}}/**/*.{ts,tsx}`], { cwd: ROOT });
  return paths
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => !path.endsWith('.d.ts') && !path.includes('/node_modules/'))
    .map((path) => ({ path, text: readFileSync(`${ROOT}/${path}`, 'utf8') }));
}

const FROM = /^\s*(?:import|export)\b[^;'"]*?\bfrom\s+['"]([^'"]+)['"]/gm;
const BARE = /^\s*import\s+['"]([^'"]+)['"]/gm;
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]/g;

/** Returns what a file imports, types included: packages by name, the project's files by path from the top. */
export function importsOf({ path, text }: SourceFile): readonly string[] {
  const code = withoutComments(text);
  const found = [FROM, BARE, DYNAMIC].flatMap((pattern) => [...code.matchAll(pattern)]);
  return found
    .map(([, name = '']) => name)
    .map((name) =>
      // The `imports` of package.json, which the stack replaces by its own configuration.
      name === '#config' ? 'hallpass.config.ts' : name,
    )
    .map((name) =>
      name.startsWith('.') ? posix.normalize(posix.join(posix.dirname(path), name)) : name,
    );
}

export const arrowsOf = (files: readonly SourceFile[]): readonly Arrow[] =>
  files.flatMap((file) => importsOf(file).map((to) => ({ from: file.path, to })));

/** Returns the files on the first circle of imports, the first one named again at its end; empty if there is none. */
export function findCycle(arrows: readonly Arrow[]): readonly string[] {
  const imports = Map.groupBy(arrows, ({ from }) => from);
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): readonly string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const { to } of imports.get(path) ?? []) {
      const cycle = visit(to, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    done.add(path);
    return [];
  };
  for (const path of imports.keys()) {
    const cycle = visit(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

const STRING_OR_COMMENT =
  /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

export const withoutComments = (text: string): string =>
  text.replace(STRING_OR_COMMENT, (all, string) => (string === undefined ? '' : all));

/** Returns the code with empty texts; expressions inside a template stay. */
export const withoutTexts = (text: string): string =>
  text.replace(STRING_OR_COMMENT, (all, string) => {
    if (string === undefined) return '';
    const filledIn = all.startsWith('`') ? all.match(/\$\{[^}]*\}/g) : null;
    return `'${filledIn?.join(' ') ?? ''}'`;
  });
