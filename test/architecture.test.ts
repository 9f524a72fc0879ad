import { describe, expect, test } from 'vitest';
import {
  importsOf,
  readSource,
  type SourceFile,
  withoutComments,
  withoutTexts,
} from './support/source.ts';

/**
 * Who may import what, first match wins. A file is read as `from` if it matches; then each of its imports must match
 * `to`. Packages are named like files, without a folder.
 */
const RULES: readonly { readonly from: RegExp; readonly to: RegExp }[] = [
  // The rules: no AWS, no clock, no network.
  { from: /^core\//, to: /^(core\/.*|valibot|jose|eventsource-parser|node:crypto)$/ },
  // One file an outside: what several of them speak is named here, no other adapter is.
  {
    from: /^adapters\//,
    to: /^(core\/.*|adapters\/(table-schema|environment|log|aws-call|signature|socket-pool|dynamodb-(values|update|wallet-item|pools|key-items)|gateway-responses|public-address)\.ts|jose|aws-lambda|node:.*)$/,
  },
  {
    from: /^lambdas\/entry\//,
    to: /^(lambdas\/[a-z]+\.ts|adapters\/environment\.ts|hallpass\.config\.ts)$/,
  },
  { from: /^lambdas\//, to: /^(adapters\/.*|core\/.*|@middy\/core(\/.*)?|aws-lambda|node:.*)$/ },
  // What is deployed names tables, routes and providers; the functions it knows by path only.
  {
    from: /^lib\//,
    to: /^(lib\/.*|adapters\/(table-schema|gateway-(responses|routes))\.ts|core\/(config|providers\/provider)\.ts|aws-cdk-lib(\/.*)?|constructs|node:.*)$/,
  },
  { from: /^bin\/gateway\.ts$/, to: /^(lib\/stack\.ts|hallpass\.config\.ts|aws-cdk-lib|cdk-nag)$/ },
  { from: /^bin\/hallpass\.(ts|mjs)$/, to: /^(cli\/program\.ts|bin\/.*|node:.*)$/ },
  { from: /^bin\//, to: /^(?!test\/|bench\/|lib\/|lambdas\/)/ },
  { from: /^hallpass\.config\.ts$/, to: /^core\/config\.ts$/ },
  // The AWS SDK knows profiles and single sign-on; whoever works on this machine does without.
  {
    from: /^cli\/connect-stack\.ts$/,
    to: /^(cli\/.*|adapters\/.*|@aws-sdk\/client-cloudformation)$/,
  },
  { from: /^cli\/roster-read\.ts$/, to: /^(cli\/.*|core\/.*|csv-parse|node:.*)$/ },
  {
    from: /^cli\//,
    to: /^(cli\/.*|local\/.*|adapters\/.*|core\/.*|hallpass\.config\.ts|commander|node:.*)$/,
  },
  { from: /^local\//, to: /^(?!test\/|bench\/|lib\/|bin\/|cli\/|aws-cdk-lib|@aws-sdk\/)/ },
  { from: /^bench\//, to: /^(?!test\/)/ },
  { from: /^test\//, to: /./ },
  { from: /^[a-z.]+\.config\.ts$/, to: /./ },
];

/** The arrows that are not allowed, as `core/a.ts -> adapters/b.ts`. */
function forbiddenArrows(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap((file) => {
    const rule = RULES.find(({ from }) => from.test(file.path));
    const imports = importsOf(file);
    return imports.filter((name) => !rule?.to.test(name)).map((name) => `${file.path} -> ${name}`);
  });
}

/** The first circle of imports that are there when the program runs, as the files on it, or none. */
function findCycle(files: readonly SourceFile[]): readonly string[] {
  const paths = new Set(files.map(({ path }) => path));
  const graph = new Map(
    files.map((file) => [file.path, importsOf(file, false).filter((name) => paths.has(name))]),
  );
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): readonly string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const next of graph.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    done.add(path);
    return [];
  };
  for (const path of paths) {
    const cycle = visit(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

/** What reads the world outside: it comes to core through ports. */
const OUTSIDE =
  /(?<![.\w$])(process|fetch|console|performance|setTimeout|setInterval|setImmediate|queueMicrotask|globalThis|Date\.now|Math\.random|new Date\(\s*\))(?![\w$]|\s*[?]?:)/g;

const outsideOf = (text: string): readonly string[] =>
  [...withoutTexts(text).matchAll(OUTSIDE)].map(([, name = '']) => name);

const ANY = /(?::|<|\bas|\||&|,|=>)\s*any\b(?!\s*[:(])/g;
const LINES_MAX = 300;

const files = readSource();
const inside = (folder: string): readonly SourceFile[] =>
  files.filter(({ path }) => path.startsWith(`${folder}/`));

describe('the source', () => {
  test('is where it is looked for', () => {
    expect(inside('core').length).toBeGreaterThan(10);
    expect(inside('adapters').length).toBeGreaterThan(3);
    expect(inside('lib').length).toBeGreaterThan(3);
  });

  test('imports along the arrows that are allowed', () => {
    expect(forbiddenArrows(files)).toEqual([]);
  });

  test('imports in no circle', () => {
    expect(findCycle(files)).toEqual([]);
  });

  test('exports by name, so that a thing is called the same everywhere', () => {
    const paths = files
      .filter(({ text }) => /^export default\b/m.test(withoutComments(text)))
      .map(({ path }) => path)
      .filter((path) => !/(^|\/)[a-z]+\.config\.ts$/.test(path));
    expect(paths).toEqual([]);
  });

  test('of core reads no clock, no chance, no process and no network', () => {
    const uses = inside('core').flatMap(({ path, text }) =>
      outsideOf(text).map((name) => `${path}: ${name}`),
    );
    expect(uses).toEqual([]);
  });

  test('of core says where in the flow each file stands', () => {
    const without = inside('core').filter(({ text }) => !text.startsWith('/**\n * '));
    expect(without.map(({ path }) => path)).toEqual([]);
  });

  test(`has no file of more than ${LINES_MAX} lines but tests`, () => {
    const long = files
      .filter(({ path }) => !path.startsWith('test/'))
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > LINES_MAX);
    expect(long).toEqual([]);
  });

  test('has no type "any" and no line that the compiler may not check', () => {
    const found = files.flatMap(({ path, text }) =>
      [
        ...(withoutTexts(text).match(ANY) ?? []),
        ...(text.match(/\/\/ @ts-(ignore|nocheck)/g) ?? []),
      ].map((what) => `${path}: ${what}`),
    );
    expect(found).toEqual([]);
  });
});

describe('the rules', () => {
  const file = (path: string, text: string): SourceFile => ({ path, text });

  test.each([
    ['core/a.ts', "import { b } from '../adapters/b.ts';", 'adapters/b.ts'],
    ['core/a.ts', "import type { B } from '../lambdas/b.ts';", 'lambdas/b.ts'],
    ['core/a.ts', "import {\n  b,\n} from 'node:http';", 'node:http'],
    ['core/a.ts', "export { b } from '@aws-sdk/client-dynamodb';", '@aws-sdk/client-dynamodb'],
    ['core/a.ts', "const b = await import('../local/b.ts');", 'local/b.ts'],
    ['core/providers/a.ts', "import '../../adapters/b.ts';", 'adapters/b.ts'],
    ['adapters/a.ts', "import { b } from './upstream.ts';", 'adapters/http/upstream.ts'],
    ['adapters/a.ts', "import { b } from '@aws-sdk/client-dynamodb';", '@aws-sdk/client-dynamodb'],
    ['lambdas/a.ts', "import { b } from '../lib/b.ts';", 'lib/b.ts'],
    ['lib/a.ts', "import { b } from '../lambdas/b.ts';", 'lambdas/b.ts'],
    [
      'lib/a.ts',
      "import { b } from '../adapters/aws/environment.ts';",
      'adapters/aws/environment.ts',
    ],
    ['local/a.ts', "import { b } from '../lib/b.ts';", 'lib/b.ts'],
    ['local/a.ts', "import { b } from '../test/b.ts';", 'test/b.ts'],
    ['bench/a.ts', "import { b } from '../test/support/b.ts';", 'test/support/b.ts'],
    ['elsewhere/a.ts', "import { b } from 'node:fs';", 'node:fs'],
  ])('%s may not say %s', (path, text, to) => {
    expect(forbiddenArrows([file(path, text)])).toEqual([`${path} -> ${to}`]);
  });

  test.each([
    ['core/a.ts', "import { b } from './b.ts';"],
    ['core/a.ts', "// import { b } from '../adapters/b.ts';"],
    ['core/a.ts', "/** import { b } from '../adapters/b.ts'; */"],
    ['adapters/a.ts', "import { b } from './aws-call.ts';"],
    ['lib/a.ts', "const path = '../lambdas/entry/b.ts';"],
    ['local/a.ts', "import { b } from '../lambdas/b.ts';"],
    ['test/a.test.ts', "import { b } from '../lib/b.ts';"],
  ])('%s may say %s', (path, text) => {
    expect(forbiddenArrows([file(path, text)])).toEqual([]);
  });

  test('a circle is named by the files on it', () => {
    const circle = [
      file('core/a.ts', "import { b } from './b.ts';"),
      file('core/b.ts', "import { c } from './c.ts';"),
      file('core/c.ts', "import { b } from './b.ts';"),
    ];
    expect(findCycle(circle)).toEqual(['core/b.ts', 'core/c.ts', 'core/b.ts']);
    const types = file('core/c.ts', "import type { B } from './b.ts';");
    expect(findCycle([...circle.slice(0, 2), types])).toEqual([]);
  });

  test.each([
    ['const at = Date.now();', ['Date.now']],
    ['const at = new Date();', ['new Date()']],
    ['await fetch(url)', ['fetch']],
    [`const a = \`at \${Date.now()}\`;`, ['Date.now']],
    ["const a = process.env['B'];", ['process']],
    ['const at = new Date(atMs);', []],
    ["const a = 'fetch the process';", []],
    ['// console', []],
    ['await ports.fetch(url)', []],
    ['interface Port { readonly fetch: string }', []],
  ])('%s reaches outside by %j', (text, names) => {
    expect(outsideOf(text)).toEqual(names);
  });
});
