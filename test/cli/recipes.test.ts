import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const PAGES = ['README.md', 'docs/identity.md', 'docs/tokens.md'];
const text = PAGES.map((page) =>
  readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8'),
).join('\n');
/** The commands that a pattern finds on the pages, each once; a page may show a command of another. */
const commandsOf = (pattern: RegExp): readonly string[] => [
  ...new Set([...text.matchAll(pattern)].map(([, args = '']) => args)),
];
const recipes = commandsOf(/^npx hallpass (keys create .*)$/gm);
const issues = commandsOf(/^npx hallpass (tokens issue .*)$/gm);

const folder = makeTemporaryFolder();
beforeAll(async () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(join(folder, 'public.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
});

test('each preset has a recipe, and so have own keys and secrets', () => {
  expect(recipes.length).toBeGreaterThanOrEqual(13);
});

test.each(recipes)('%s', async (recipe) => {
  const args = recipe
    .replace(/ +#.*$/, '')
    // The test's folder stands in for a deployed stack.
    .replace(/ --stack \w+/, '')
    .replace(/ < secret\.txt$/, '')
    .replace('public.pem', join(folder, 'public.pem'))
    .split(' ')
    .map((arg) => arg.replace(/^'(.*)'$/, '$1'));
  const input = 'a-secret-of-the-issuer-that-is-long-enough.';
  // Two pages may make a key of one name: each recipe has a folder of its own.
  const data = await mkdtemp(join(folder, 'data-'));
  const { status, stderr } = await runHere([...args, '--data', data], { input });
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: `made the key "${args[2]}"; it is shown only once\n`,
  });
});

test('the pages show how to issue one token and those of a roster', () => {
  expect(issues.length).toBeGreaterThanOrEqual(3);
});

test.each(issues)('%s', async (issue) => {
  const created = await runHere(['keys', 'create', issue, '--data', folder, '--json']);
  const { key, kid } = JSON.parse(created.stdout) as { readonly key: string; readonly kid: string };
  await writeFile(
    join(folder, 'students.csv'),
    'email,name,section\nada@example.edu,Ada,A\nbob@example.edu,Bob,B\n',
  );
  const args = issue
    .split(' ')
    .map((arg) => arg.replace(/^'(.*)'$/, '$1'))
    .map((arg) => (arg.endsWith('.csv') ? join(folder, arg) : arg));
  const variables = { HALLPASS_KEY: key, HALLPASS_KEY_ID: kid };

  const { status, stderr } = await runHere(args, { variables });

  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringMatching(
      issue.includes('--roster') ? /^issued 2 tokens / : /^issued the token /,
    ),
  });
});
