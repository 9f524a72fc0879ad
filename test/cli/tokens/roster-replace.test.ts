/**
 * A leaked token of a roster: it is refused at once, and what takes its place is good for what was left.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runHere } from '../../support/hallpass-command.ts';
import { send } from '../../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../../support/local-gateway.ts';
import { makeTemporaryFolder } from '../../support/temporary-folder.ts';

const folder = makeTemporaryFolder();
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ data: folder });
  await writeFile(join(folder, 'students.csv'), 'email\nada@example.edu\nbob@example.edu\n');
});
afterAll(() => gateway.close());

function issue(...args: string[]) {
  const files = ['--roster', join(folder, 'students.csv'), '--out', join(folder, 'tokens.csv')];
  return runHere(['tokens', 'issue', ...files, '--expires', '1d', '--period', 'w1', ...args], {
    variables: { HALLPASS_KEY: gateway.key, HALLPASS_KEY_ID: gateway.kid },
  });
}

async function tokenOf(email: string): Promise<string> {
  const lines = (await readFile(join(folder, 'tokens.csv'), 'utf8')).split('\n');
  return lines.find((line) => line.startsWith(email))?.split(',')[3] ?? '';
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

/** Returns the cost of a request in nano-dollars, or the code of its refusal. */
async function chat(token: string): Promise<number | string> {
  const { headers, text } = await send(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'demo/echo', messages: [{ role: 'user', content: 'Hello' }] }),
  });
  const cost = headers['x-hallpass-cost-usd'];
  return cost === undefined ? JSON.parse(text).error.code : Math.round(Number(cost) * 1e9);
}

test('replaces a leaked token by one with the rest of the allowance, several times', async () => {
  await issue('--limit-usd', '2');
  const leaked = await tokenOf('ada@example.edu');
  const bob = await tokenOf('bob@example.edu');
  const first = Number(await chat(leaked));
  expect(first).toBeGreaterThan(0);

  const args = ['--limit-usd', '2', '--replace', 'ADA@example.edu', '--data', folder];
  const { status, stderr } = await issue(...args);
  expect(status).toBe(0);
  const left = Number((2 - first / 1e9).toFixed(9));
  expect(stderr).toContain(
    `revoked the token "w1:ada@example.edu" of ada@example.edu; the new one is "w1:ada@example.edu:2", with the remaining ${left} USD\n`,
  );
  expect(await chat(leaked)).toBe('token_revoked');
  const fresh = await tokenOf('ada@example.edu');
  expect(claimsOf(fresh)).toMatchObject({
    user: 'ada@example.edu',
    jti: 'w1:ada@example.edu:2',
    spending_limit: left,
  });
  expect(claimsOf(await tokenOf('bob@example.edu'))).toMatchObject({
    jti: 'w1:bob@example.edu',
    spending_limit: 2,
  });
  const second = Number(await chat(fresh));
  expect(await chat(bob)).toBeGreaterThan(0);

  const again = await issue('--limit-usd', '2', '--replace', '2', '--data', folder, '--json');
  expect(JSON.parse(again.stdout).replaced).toEqual([
    {
      email: 'ada@example.edu',
      revoked_jti: 'w1:ada@example.edu:2',
      jti: 'w1:ada@example.edu:3',
      spending_limit: Number((2 - (first + second) / 1e9).toFixed(9)),
    },
  ]);
  expect(await chat(fresh)).toBe('token_revoked');
  expect(await chat(await tokenOf('ada@example.edu'))).toBeGreaterThan(0);
});

test('keeps the leaked token revoked if the file cannot be written, says so, and can be repeated', async () => {
  const period = ['--period', 'w3', '--limit-usd', '2'];
  await issue(...period);
  const leaked = await tokenOf('ada@example.edu');
  const first = Number(await chat(leaked));
  const replace = [...period, '--replace', 'ada@example.edu', '--data', folder];
  const failed = await issue(...replace, '--out', join(folder, 'nowhere', 'tokens.csv'));
  expect(failed.status).toBe(1);
  expect(failed.stderr).toMatch(/^revoked the token "w3:ada@example\.edu" of ada@example\.edu; /);
  expect(await chat(leaked)).toBe('token_revoked');
  expect((await issue(...replace)).status).toBe(0);
  const fresh = await tokenOf('ada@example.edu');
  expect(claimsOf(fresh)).toMatchObject({
    jti: 'w3:ada@example.edu:3',
    spending_limit: Number((2 - first / 1e9).toFixed(9)),
  });
  expect(await chat(fresh)).toBeGreaterThan(0);
});

test('revokes nothing if the roster lacks the student', async () => {
  await issue('--limit-usd', '2');
  const bob = await tokenOf('bob@example.edu');
  const { status, stderr } = await issue(
    ...['--replace', 'bob@example.edu', '--replace', 'eve@example.edu', '--data', folder],
  );
  expect(status).toBe(1);
  expect(stderr).toBe(
    'hallpass: --replace: the roster has no row "eve@example.edu"; nothing was revoked\n',
  );
  expect(await chat(bob)).toBeGreaterThan(0);
});

test('revokes a spent token without a replacement', async () => {
  const limit = ['--limit-usd', '0.000000001', '--period', 'w2'];
  await issue('--limit-usd', '2', '--period', 'w2');
  const spent = await tokenOf('bob@example.edu');
  expect(await chat(spent)).toBeGreaterThan(0);
  const result = await issue(...limit, '--replace', 'bob@example.edu', '--data', folder);
  expect(result.status).toBe(1);
  expect(result.stderr).toMatch(
    /the token of bob@example\.edu is revoked, and nothing of its 0\.000000001 USD/,
  );
  expect(await chat(spent)).toBe('token_revoked');
});

test("warns about the key's own budgets if the gateway is given", async () => {
  const set = ['keys', 'set', 'demo', '--limit', 'key:usd:month=3', '--data', folder];
  expect((await runHere(set)).status).toBe(0);
  const { stderr } = await issue('--limit-usd', '2', '--data', folder);
  expect(stderr).toMatch(
    /^warning: 2 limits of 2 USD are 4 USD, more than the key's own key:usd:month=3$/m,
  );
});

test('refuses a key of another gateway', async () => {
  const result = await runHere(
    [
      ...['tokens', 'issue', '--roster', join(folder, 'students.csv')],
      ...['--out', join(folder, 'no.csv'), '--expires', '1d', '--data', folder],
    ],
    { variables: { HALLPASS_KEY: gateway.key, HALLPASS_KEY_ID: 'acct_other:ZGVtbw==' } },
  );
  expect(result).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/belongs to the account "acct_other", not to this/),
  });
});
