/**
 * Builds the pages: bundles scripts and styles, names them by their hash, puts the names into the HTML, compresses all.
 * The same source gives the same files.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const PAGES = fileURLToPath(new URL('../pages/', import.meta.url));

/** Licences of what is bundled ask for this line. */
const NOTICE = '/* Hallpass, MIT. With preact (MIT, Jason Miller), uqr (MIT, Anthony Fu). */';

const HASH_CHARS = 12;

/** A file in the forms in which it is sent, as base64. */
export interface BuiltFile {
  readonly type: string;
  readonly hash: string;
  readonly br: string;
  readonly gzip: string;
}

const HTML = 'text/html; charset=utf-8';
const MARKDOWN = 'text/markdown; charset=utf-8';
const TEXT = 'text/plain; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

/** Bundles: the name in an HTML file, the source, the type. */
const BUNDLES = [
  ['style.css', 'style.css', STYLE],
  ['me.js', 'me/main.tsx', SCRIPT],
  ['console.js', 'console/main.tsx', SCRIPT],
  ['console.css', 'console/console.css', STYLE],
] as const;

/** Parts that several HTML files begin or end with. */
const PARTS = ['head.html', 'bar.html', 'root.html'];

/** The end of the name of a page's form where people may sign in. It is no path; `lambdas/pages.ts` has the same. */
const WITH_SIGN_IN = ' with sign-in';

/** Files by their path. Two pages have a second form, which no path leads to. */
const DOCUMENTS = [
  ['/', 'landing.html', HTML],
  [`/${WITH_SIGN_IN}`, 'landing.html', HTML],
  ['/me', 'me.html', HTML],
  [`/me${WITH_SIGN_IN}`, 'me.html', HTML],
  ['/console', 'console.html', HTML],
  ['/SKILL.md', 'SKILL.md', MARKDOWN],
  ['/llms.txt', 'llms.txt', TEXT],
] as const;

/** The files that `hallpass console` serves on loopback. No gateway serves them. */
const OPERATOR = {
  bundles: [BUNDLES[0], BUNDLES[3], ['operator.js', 'operator/main.tsx', SCRIPT]],
  documents: [['/', 'operator.html', HTML]],
} as const;

type Files = Readonly<Record<string, BuiltFile>>;
type Source = readonly [name: string, source: string, type: string];

/** Builds the files that a gateway serves, by their path. */
export const buildPageFiles = (): Promise<Files> => buildAll(BUNDLES, DOCUMENTS);

/** Builds the files of `hallpass console`, by their path. */
export const buildOperatorFiles = (): Promise<Files> =>
  buildAll(OPERATOR.bundles, OPERATOR.documents);

async function buildAll(bundles: readonly Source[], documents: readonly Source[]): Promise<Files> {
  const files: Record<string, BuiltFile> = {};
  const names = new Map<string, string>();
  for (const [name, source, type] of bundles) {
    const text = await bundle(source);
    const [stem, extension] = name.split('.');
    const path = `assets/${stem}-${hashOf(text)}.${extension}`;
    names.set(name, path);
    files[`/${path}`] = toFile(text, type);
  }
  const read = async (source: string): Promise<string> =>
    (await readFile(`${PAGES}${source}`, 'utf8')).trimEnd();
  for (const part of PARTS) names.set(part, fillIn(await read(part), names));
  for (const [path, source, type] of documents) {
    const text = choose(await read(source), path.endsWith(WITH_SIGN_IN));
    files[path] = toFile(fillIn(text, names), type);
  }
  return files;
}

async function bundle(source: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [`${PAGES}${source}`],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    banner: source.endsWith('.css') ? {} : { js: NOTICE },
    logLevel: 'error',
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error(`${source} gives no file`);
  return file.text;
}

/** Keeps one of two parts: `<!--sign-in-->` with sign-in `<!--else-->` without `<!--end-->`. */
const choose = (text: string, hasSignIn: boolean): string =>
  text.replace(/<!--sign-in-->([\s\S]*?)<!--else-->([\s\S]*?)<!--end-->/g, (_, yes, no) =>
    hasSignIn ? yes : no,
  );

/** Replaces `{{me.js}}` by the path of that file, relative to the page, and `{{head.html}}` by that part. */
const fillIn = (text: string, names: ReadonlyMap<string, string>): string =>
  text.replace(/\{\{([\w.]+)\}\}/g, (_, name: string) => {
    const path = names.get(name);
    if (path === undefined) throw new Error(`there is no file "${name}"`);
    return path;
  });

const hashOf = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, HASH_CHARS);

function toFile(text: string, type: string): BuiltFile {
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  return {
    type,
    hash: hashOf(text),
    br: brotliCompressSync(text, { params: quality }).toString('base64'),
    gzip: gzipSync(text, { level: constants.Z_BEST_COMPRESSION }).toString('base64'),
  };
}
