import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findConfig } from '../../package/find-config.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallpass-config-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const DEFINE = pathToFileURL(join(import.meta.dirname, '../../core/config.ts')).href;
const write = (name: string, text: string) => writeFile(join(folder, name), text);
const asModule = (account: string) =>
  `import { defineConfig } from '${DEFINE}';
export const config = defineConfig({ account: '${account}', providers: { openai: {} }, defaults: { limits: ['user:usd:week=5'] } });
`;
const asJson = (account: string) => JSON.stringify({ account, providers: {} });

test('finds nothing in an empty folder', async () => {
  expect(await findConfig(folder)).toBeUndefined();
});

test('reads JSON, a module before it, and TypeScript before both', async () => {
  await write('hallpass.config.json', asJson('of-json'));
  expect((await findConfig(folder))?.account).toBe('of-json');
  await write('hallpass.config.mjs', asModule('of-mjs'));
  expect(await findConfig(folder)).toMatchObject({
    account: 'of-mjs',
    defaults: { limits: [{ per: 'user', unit: 'usd', window: 'week' }] },
  });
  await write('hallpass.config.ts', asModule('of-ts'));
  expect((await findConfig(folder))?.account).toBe('of-ts');
});

test('refuses TypeScript where Node does not run it, and says what to write instead', async () => {
  await write('hallpass.config.ts', asModule('of-ts'));
  await expect(findConfig(folder, false)).rejects.toThrow(
    `hallpass.config.ts needs Node 22.18 or later, got ${process.versions.node}; write hallpass.config.mjs or hallpass.config.json instead`,
  );
});

test.each([
  ['no export', 'export const settings = {};'],
  ['an object that "defineConfig" did not make', 'export const config = { providers: {} };'],
])('refuses a module with %s', async (_, text) => {
  await write('hallpass.config.mjs', text);
  await expect(findConfig(folder)).rejects.toThrow(
    'hallpass.config.mjs: it must export "config", made by "defineConfig" of "hallpass"',
  );
});

test.each([
  ['that is no JSON', 'hallpass.config.json', '{', /^hallpass\.config\.json: .*JSON/],
  [
    'with an unknown field',
    'hallpass.config.json',
    '{"providers":{},"nonsense":1}',
    /^hallpass\.config\.json: "nonsense": /,
  ],
  [
    'that fails',
    'hallpass.config.mjs',
    "throw new Error('no network')",
    /^hallpass\.config\.mjs: no network$/,
  ],
])('names a file %s', async (_, name, text, message) => {
  await write(name, text);
  await expect(findConfig(folder)).rejects.toThrow(message);
});
