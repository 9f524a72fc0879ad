import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type Arrow,
  arrowsOf,
  findCycle,
  readSource,
  type SourceFile,
  withoutComments,
  withoutTexts,
} from './support/source.ts';

const ROOMS_OF_CORE =
  'core/base/ core/config.ts core/providers/ core/jwt/ core/keys/ core/access/ core/tokens/ ' +
  'core/wallet/ core/dialects/ core/models/ core/usage/ core/proxy/ core/account/ core/sign-in/';
const FLOWS =
  'core/authorize.ts core/serve.ts core/account.ts core/sweep.ts core/sign-in.ts core/explain.ts';
const SHARED_ADAPTERS = 'adapters/table-schema.ts adapters/log.ts adapters/system.ts';
const ADAPTERS = `${SHARED_ADAPTERS} adapters/aws/ adapters/dynamodb/ adapters/http/ adapters/api-gateway/`;
const LOCAL_ROOMS = 'local/api-gateway/ local/dynamodb/ local/secrets/';
const PAGES_OF_CORE = 'core/base/ core/account/views.ts core/tokens/roster.ts';
const FOR_A_COMMAND = `cli/ cli/gateway/ ${ADAPTERS} ${ROOMS_OF_CORE} hallpass.config.ts commander node:*`;

/**
 * The imports that each room may have: rooms, single files of a room, and packages. A room is a folder or a file; a file is in
 * the room with the longest name that its path begins with. Files of one room may import each other. `import type`
 * counts. ARCHITECTURE.md explains the rooms.
 */
const ALLOWED: Readonly<Record<string, string>> = {
  'core/base/': 'node:crypto valibot',
  'core/config.ts': 'core/base/ valibot',
  'core/providers/': 'core/config.ts core/base/',
  'core/jwt/': 'core/base/ jose node:crypto valibot',
  'core/keys/': 'core/jwt/ core/base/ node:crypto valibot',
  'core/access/': 'core/keys/ core/jwt/ core/base/ valibot',
  'core/tokens/': 'core/access/ core/keys/ core/jwt/ core/base/ node:crypto valibot',
  'core/wallet/': 'core/access/ core/base/ valibot',
  'core/dialects/': 'core/providers/ core/base/ valibot',
  'core/models/':
    'core/providers/ core/access/ core/config.ts core/base/ core/price-table.json valibot',
  'core/usage/': 'core/wallet/ core/access/ core/base/ valibot',
  'core/proxy/':
    'core/models/ core/dialects/ core/providers/ core/wallet/ core/access/ core/config.ts core/base/ valibot',
  'core/account/':
    'core/usage/ core/models/ core/wallet/ core/tokens/ core/access/ core/keys/ core/jwt/ core/base/ valibot',
  'core/sign-in/':
    'core/wallet/ core/tokens/ core/access/ core/keys/ core/jwt/ core/config.ts core/base/ node:crypto valibot',
  'core/authorize.ts': ROOMS_OF_CORE,
  'core/serve.ts': ROOMS_OF_CORE,
  'core/account.ts': ROOMS_OF_CORE,
  'core/sweep.ts': ROOMS_OF_CORE,
  'core/sign-in.ts': ROOMS_OF_CORE,
  'core/explain.ts': `${ROOMS_OF_CORE} core/authorize.ts`,

  'adapters/table-schema.ts': '',
  'adapters/log.ts': 'core/base/ adapters/metrics.ts',
  'adapters/metrics.ts': 'core/base/',
  'adapters/system.ts': 'core/base/ node:*',
  'adapters/aws/': `${ROOMS_OF_CORE} ${SHARED_ADAPTERS} @aws-sdk/client-dynamodb @aws-sdk/client-secrets-manager node:*`,
  'adapters/dynamodb/': `${ROOMS_OF_CORE} ${SHARED_ADAPTERS} adapters/aws/ node:*`,
  'adapters/http/': `${ROOMS_OF_CORE} ${SHARED_ADAPTERS} adapters/aws/ openid-client node:*`,
  'adapters/api-gateway/': `${ROOMS_OF_CORE} ${SHARED_ADAPTERS} aws-lambda node:*`,

  'lambdas/': `${ADAPTERS} ${ROOMS_OF_CORE} ${FLOWS} pages/dist/pages.json @middy/core aws-lambda node:*`,
  'lambdas/entry/':
    'lambdas/ adapters/aws/environment.ts adapters/aws/https-call.ts adapters/aws/sdk-call.ts hallpass.config.ts',
  // Code for browsers: nothing of Node, and nothing of an adapter.
  'pages/console/': `pages/shared/ ${PAGES_OF_CORE} preact`,
  'pages/operator/': `pages/shared/ ${PAGES_OF_CORE} preact`,
  'pages/me/': `pages/shared/ ${PAGES_OF_CORE} preact`,
  'pages/shared/': `${PAGES_OF_CORE} preact uqr`,
  // The stack knows the functions by their path only.
  'lib/':
    'adapters/table-schema.ts adapters/api-gateway/responses.ts adapters/api-gateway/routes.ts ' +
    'adapters/metrics.ts core/base/url.ts core/config.ts core/providers/provider.ts aws-cdk-lib constructs esbuild node:*',

  'cli/': `${FOR_A_COMMAND} cli/console/ cli/keys/ cli/login/ cli/tokens/ cli/usage/ core/explain.ts local/flags.ts local/start.ts`,
  // Only what is behind --stack may use the operator's AWS profile or single sign-on.
  'cli/gateway/': `${FOR_A_COMMAND} local/ ${LOCAL_ROOMS} @aws-sdk/client-cloudformation`,
  'cli/login/': `${FOR_A_COMMAND} local/listen.ts local/owner-only-file.ts valibot openid-client`,
  'cli/console/': `${FOR_A_COMMAND} cli/keys/ cli/users/ local/listen.ts pages/dist/operator.json`,
  'cli/keys/': FOR_A_COMMAND,
  'cli/tokens/': `${FOR_A_COMMAND} pages/shared/qr-path.ts csv-parse`,
  'cli/usage/': FOR_A_COMMAND,

  'local/demo-provider.ts': 'local/listen.ts core/sign-in/ jose node:*',
  'local/': `local/demo-provider.ts ${LOCAL_ROOMS} lambdas/ ${ADAPTERS} ${ROOMS_OF_CORE} ${FLOWS} hallpass.config.ts commander node:*`,
  'local/api-gateway/': `local/listen.ts adapters/api-gateway/ ${ROOMS_OF_CORE} aws-lambda valibot node:*`,
  'local/dynamodb/':
    'local/listen.ts local/signed-with.ts adapters/aws/ adapters/table-schema.ts dynalite core/base/ node:*',
  'local/secrets/':
    'local/listen.ts local/owner-only-file.ts local/signed-with.ts core/base/ valibot node:*',

  'package/':
    'lib/ core/base/errors.ts core/config.ts core/tokens/issue.ts hallpass.config.ts bin/hallpass.ts node:*',
  'bin/': `${ROOMS_OF_CORE} @pydantic/genai-prices esbuild node:*`,
  'bin/gateway.ts': 'lib/ hallpass.config.ts aws-cdk-lib cdk-nag',
  'bin/start.ts': 'local/ hallpass.config.ts commander',
  'bin/hallpass.ts': 'cli/program.ts node:*',
  'bench/': `${ROOMS_OF_CORE} ${FLOWS} ${ADAPTERS} cli/ local/ ${LOCAL_ROOMS} hallpass.config.ts * node:*`,
  'test/': 'everything',
  'hallpass.config.ts': 'core/config.ts',
  'vitest.config.ts': 'vitest node:*',
};

const ROOMS = Object.keys(ALLOWED).sort((a, b) => b.length - a.length);
const PROJECT_FILE = /\.(ts|tsx|mjs|json)$/;

const roomOf = (path: string): string | undefined => ROOMS.find((room) => path.startsWith(room));

/** Returns the names under which the table may allow an import, from the narrowest to the widest. */
function namesOf(to: string): readonly (string | undefined)[] {
  if (to.startsWith('node:')) return [to, 'node:*'];
  if (PROJECT_FILE.test(to)) return [to, roomOf(to)];
  return [to, /^(@[^/]+\/)?[^/]+/.exec(to)?.[0], '*'];
}

function isAllowed({ from, to }: Arrow): boolean {
  const room = roomOf(from);
  if (room === undefined) return false;
  if (ALLOWED[room] === 'everything' || roomOf(to) === room) return true;
  const allowed = new Set(ALLOWED[room]?.split(' '));
  return namesOf(to).some((name) => name !== undefined && allowed.has(name));
}

const textOf = ({ from, to }: Arrow): string => `${from} -> ${to}`;

/** Returns the arrows that the table does not allow. */
const forbiddenArrows = (arrows: readonly Arrow[]): readonly string[] =>
  arrows.filter((arrow) => !isAllowed(arrow)).map(textOf);

const EXPORTED_TYPE = /^export (?:abstract )?(?:interface|type|class) (\w+)/gm;

const files = readSource();
const arrows = arrowsOf(files);
const inside = (folder: string): readonly SourceFile[] =>
  files.filter(({ path }) => path.startsWith(`${folder}/`));

describe('the arrows between rooms', () => {
  test('are all in the table', () => {
    expect(forbiddenArrows(arrows)).toEqual([]);
  });

  test('form no circle, types included', () => {
    expect(findCycle(arrows)).toEqual([]);
  });

  test('lead to types with one name each: no two exported types have the same', () => {
    const places = new Map<string, string[]>();
    for (const { path, text } of files) {
      if (path.startsWith('test/')) continue;
      for (const [, name = ''] of text.matchAll(EXPORTED_TYPE)) {
        places.set(name, [...(places.get(name) ?? []), path]);
      }
    }
    expect([...places].filter(([, paths]) => paths.length > 1)).toEqual([]);
  });

  test('start in files that are in a room', () => {
    const without = files.map(({ path }) => path).filter((path) => roomOf(path) === undefined);
    expect(without).toEqual([]);
  });

  test('are the ones that ARCHITECTURE.md shows for core', () => {
    const page = readFileSync(new URL('../ARCHITECTURE.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `(core\/[\w.-]+\/?)` \| .* \| (.*) \|$/gm)];
    const shown = rows.map(([, room = '', cell = '']) => [
      room,
      [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name).sort(),
    ]);
    const allowed = ROOMS_OF_CORE.split(' ').map((room) => [
      room,
      [...(ALLOWED[room] ?? '').matchAll(/core\/(\w+)(?=\/|\.ts)/g)].map(([, name]) => name).sort(),
    ]);
    expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(allowed));
  });

  test('name rooms that exist', () => {
    const paths = files.map(({ path }) => path);
    const empty = ROOMS.filter((room) => !paths.some((path) => path.startsWith(room)));
    expect(empty).toEqual([]);
  });
});

/** Names that read the outside world; core gets them through ports. */
const OUTSIDE =
  /(?<![.\w$])(process|fetch|console|performance|setTimeout|setInterval|setImmediate|queueMicrotask|globalThis|Date\.now|Math\.random|new Date\(\s*\))(?![\w$]|\s*[?]?:)/g;

const outsideOf = (text: string): readonly string[] =>
  [...withoutTexts(text).matchAll(OUTSIDE)].map(([, name = '']) => name);

const ANY = /(?::|<|\bas|\||&|,|=>)\s*any\b(?!\s*[:(])/g;
const LINES_MAX = 300;

describe('the source', () => {
  test('is where it is looked for', () => {
    expect(inside('core').length).toBeGreaterThan(10);
    expect(inside('adapters').length).toBeGreaterThan(3);
    expect(inside('lib').length).toBeGreaterThan(3);
  });

  test('has no default exports, so that a thing has one name everywhere', () => {
    const paths = files
      .filter(({ text }) => /^export default\b/m.test(withoutComments(text)))
      .map(({ path }) => path)
      .filter((path) => !/(^|\/)[a-z]+\.config\.ts$/.test(path));
    expect(paths).toEqual([]);
  });

  test('of core reads no clock, no random numbers, no process and no network', () => {
    const uses = inside('core').flatMap(({ path, text }) =>
      outsideOf(text).map((name) => `${path}: ${name}`),
    );
    expect(uses).toEqual([]);
  });

  test('of core begins each file with its place in the flow', () => {
    const without = inside('core').filter(({ text }) => !text.startsWith('/**\n * '));
    expect(without.map(({ path }) => path)).toEqual([]);
  });

  test(`has no file of more than ${LINES_MAX} lines except tests`, () => {
    const long = files
      .filter(({ path }) => !path.startsWith('test/'))
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > LINES_MAX);
    expect(long).toEqual([]);
  });

  test('has no type "any" and no line that hides from the compiler', () => {
    const found = files.flatMap(({ path, text }) =>
      [
        ...(withoutTexts(text).match(ANY) ?? []),
        ...(text.match(/\/\/ @ts-(ignore|nocheck)/g) ?? []),
      ].map((what) => `${path}: ${what}`),
    );
    expect(found).toEqual([]);
  });
});

describe('the checks of this file', () => {
  const file = (path: string, text: string): SourceFile => ({ path, text });
  const forbiddenIn = (...sources: readonly SourceFile[]) => forbiddenArrows(arrowsOf(sources));

  test.each([
    ['core/base/a.ts', "import { b } from '../wallet/b.ts';", 'core/wallet/b.ts'],
    ['core/base/a.ts', "import type { B } from '../wallet/b.ts';", 'core/wallet/b.ts'],
    ['core/base/a.ts', "import { type B } from '../wallet/b.ts';", 'core/wallet/b.ts'],
    ['core/base/a.ts', "export type { B } from '../wallet/b.ts';", 'core/wallet/b.ts'],
    ['core/wallet/a.ts', "import { b } from '../dialects/chat/b.ts';", 'core/dialects/chat/b.ts'],
    ['core/wallet/a.ts', "import { serve } from '../serve.ts';", 'core/serve.ts'],
    ['core/serve.ts', "import { b } from './sweep.ts';", 'core/sweep.ts'],
    ['core/a.ts', "import { b } from './base/b.ts';", 'core/base/b.ts'],
    ['core/keys/a.ts', "import { b } from '../../adapters/b.ts';", 'adapters/b.ts'],
    ['core/keys/a.ts', "import {\n  b,\n} from 'node:http';", 'node:http'],
    ['core/keys/a.ts', "import { jwtVerify } from 'jose';", 'jose'],
    ['core/keys/a.ts', "const b = await import('../../local/b.ts');", 'local/b.ts'],
    ['core/keys/a.ts', "import '../../adapters/b.ts';", 'adapters/b.ts'],
    ['adapters/api-gateway/a.ts', "import { b } from '../aws/b.ts';", 'adapters/aws/b.ts'],
    ['adapters/aws/a.ts', "import { b } from '../http/b.ts';", 'adapters/http/b.ts'],
    ['adapters/http/a.ts', "import type { B } from '../../core/serve.ts';", 'core/serve.ts'],
    ['adapters/http/a.ts', "import { b } from '@aws-sdk/client-ssm';", '@aws-sdk/client-ssm'],
    ['lambdas/a.ts', "import { b } from '../lib/b.ts';", 'lib/b.ts'],
    ['lambdas/a.ts', "import { b } from './entry/b.ts';", 'lambdas/entry/b.ts'],
    ['lib/a.ts', "import { b } from '../lambdas/b.ts';", 'lambdas/b.ts'],
    ['cli/usage/a.ts', "import { b } from '../keys/b.ts';", 'cli/keys/b.ts'],
    ['local/secrets/a.ts', "import { b } from '../dynamodb/b.ts';", 'local/dynamodb/b.ts'],
    ['local/a.ts', "import { b } from '../test/b.ts';", 'test/b.ts'],
    ['bench/a.ts', "import { b } from '../test/support/b.ts';", 'test/support/b.ts'],
    ['elsewhere/a.ts', "import { b } from 'node:fs';", 'node:fs'],
  ])('find that %s may not contain %s', (path, text, to) => {
    expect(forbiddenIn(file(path, text))).toEqual([`${path} -> ${to}`]);
  });

  test.each([
    ['core/wallet/a.ts', "import { b } from './b.ts';"],
    ['core/wallet/a.ts', "import { b } from '../access/b.ts';"],
    ['core/wallet/a.ts', "// import { b } from '../../adapters/b.ts';"],
    ['core/wallet/a.ts', "/** import { b } from '../../adapters/b.ts'; */"],
    ['core/explain.ts', "import { b } from './authorize.ts';"],
    ['adapters/http/a.ts', "import { b } from '../aws/b.ts';"],
    ['lib/a.ts', "const path = '../lambdas/entry/b.ts';"],
    ['lib/a.ts', "import { b } from 'aws-cdk-lib/aws-lambda';"],
    ['local/a.ts', "import { b } from '../lambdas/b.ts';"],
    ['test/a.test.ts', "import { b } from '../lib/b.ts';"],
  ])('accept that %s contains %s', (path, text) => {
    expect(forbiddenIn(file(path, text))).toEqual([]);
  });

  test.each([
    "import { b } from './b.ts';",
    "import type { B } from './b.ts';",
    "export type { B } from './b.ts';",
  ])('name the files on a circle that %s closes', (closing) => {
    const circle = [
      file('core/a.ts', "import { b } from './b.ts';"),
      file('core/b.ts', "import { c } from './c.ts';"),
      file('core/c.ts', closing),
    ];
    expect(findCycle(arrowsOf(circle))).toEqual(['core/b.ts', 'core/c.ts', 'core/b.ts']);
    expect(findCycle(arrowsOf(circle.slice(0, 2)))).toEqual([]);
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
  ])('find in %s the outside names %j', (text, names) => {
    expect(outsideOf(text)).toEqual(names);
  });
});
