import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';

const page = readFileSync(new URL('../../docs/identity.md', import.meta.url), 'utf8');
const recipes = [...page.matchAll(/^npx hallpass (keys create .*)$/gm)].map(
  ([, args = '']) => args,
);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallpass-recipes-'));
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(join(folder, 'public.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('there is a recipe for each preset, and for keys and secrets of one’s own', () => {
  expect(recipes.length).toBeGreaterThanOrEqual(13);
});

test.each(recipes)('%s', async (recipe) => {
  const args = recipe
    .replace(/ < secret\.txt$/, '')
    .replace('public.pem', join(folder, 'public.pem'))
    .split(' ')
    .map((arg) => arg.replace(/^'(.*)'$/, '$1'));
  const input = 'a-secret-of-the-issuer-that-is-long-enough.';
  const { status, stderr } = await runHere([...args, '--data', folder], { input });
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: `made the key "${args[2]}"; it is shown only once\n`,
  });
});
