/**
 * A course through HTTP and the command line, with the server key alone: tokens from a roster, one student raised, one
 * blocked, who is near the limit, a report by section, a late student, a leaked token.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startAtNoon } from '../support/noon.ts';

startAtNoon();

let gateway: TestGateway;
let folder: string;
beforeAll(async () => {
  gateway = await startTestGateway();
  folder = await mkdtemp(join(tmpdir(), 'hallpass-course-'));
});
afterAll(async () => {
  await gateway.close();
  await rm(folder, { recursive: true, force: true });
});

const run = async (...args: string[]) => {
  const done = await runHere(args, {
    variables: { HALLPASS_KEY: gateway.key, HALLPASS_KEY_ID: gateway.kid },
  });
  if (done.status !== 0) throw new Error(done.stderr);
  return done;
};
const byKey = (...args: string[]) => run(...args, '--url', gateway.url);

const roster = (...lines: string[]) =>
  writeFile(join(folder, 'class.csv'), ['email,name,section', ...lines, ''].join('\n'));

/** Issues the week's tokens and returns them by address, with what the command says. */
async function issue(...args: string[]): Promise<{ tokens: Map<string, string>; said: string }> {
  const out = join(folder, 'tokens.csv');
  const files = ['--roster', join(folder, 'class.csv'), '--out', out];
  const { stderr: said } = await run(
    ...['tokens', 'issue', ...files, '--period', 'week-1', '--expires', '7d'],
    ...['--models', 'demo/echo', '--limit-usd', '1', ...args],
  );
  const lines = (await readFile(out, 'utf8')).trim().split('\n').slice(1);
  return {
    tokens: new Map(lines.map((line) => [line.split(',')[0], line.split(',')[3]]) as []),
    said,
  };
}

async function chat(token = ''): Promise<{ status: number; message: string }> {
  const response = await fetch(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'demo/echo',
      max_tokens: 16,
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
  const { error } = (await response.json()) as { error?: { message: string } };
  return { status: response.status, message: error?.message ?? '' };
}

test('a week of a course', async () => {
  await roster('ann@x.edu,Ann,A', 'ben@x.edu,Ben,A', 'cid@x.edu,Cid,B');
  const { tokens, said } = await issue();
  expect(said).toContain(
    'Offline, a student whose token of this period was replaced gets the first one',
  );
  for (const token of tokens.values()) expect((await chat(token)).status).toBe(200);

  // Ann has used up what a user may spend, and is raised: the same token goes on at once.
  const [ann] = JSON.parse((await byKey('users', 'list', '--json')).stdout).filter(
    ({ user }: { user: string }) => user === 'ann@x.edu',
  );
  await byKey('users', 'set', 'ann@x.edu', '--limit', `usd:total=${ann.usage_usd}`);
  expect((await chat(tokens.get('ann@x.edu'))).status).toBe(402);
  const near = JSON.parse((await byKey('users', 'list', '--near', '80', '--json')).stdout);
  expect(near.map(({ user }: { user: string }) => user)).toEqual(['ann@x.edu']);
  await byKey('users', 'set', 'ann@x.edu', '--limit', 'usd:total=1');
  expect((await chat(tokens.get('ann@x.edu'))).status).toBe(200);

  // Ben shared his token, and is blocked with a reason that he reads.
  await byKey('users', 'block', 'ben@x.edu', '--reason', 'the token was shared');
  expect(await chat(tokens.get('ben@x.edu'))).toEqual({
    status: 403,
    message: expect.stringContaining('the token was shared'),
  });

  // Dan comes late: the roster is issued again, and nobody has a second allowance.
  await roster('ann@x.edu,Ann,A', 'ben@x.edu,Ben,A', 'cid@x.edu,Cid,B', 'dan@x.edu,Dan,B');
  const late = await issue('--url', gateway.url);
  expect((await chat(late.tokens.get('dan@x.edu'))).status).toBe(200);
  expect((await chat(late.tokens.get('ben@x.edu'))).status).toBe(403);
  const { usage } = await gateway.aboutKey(late.tokens.get('cid@x.edu') ?? '');
  expect(usage).toBeGreaterThan(0);

  const { stdout: sections } = await byKey('usage', '--by', 'tag:section', '--csv');
  expect(sections.trim().split('\n').slice(1)).toEqual([
    expect.stringMatching(/^A,3,/),
    expect.stringMatching(/^B,2,/),
  ]);
});

test('a student whose token leaked keeps the rest of the allowance, whoever issues the period again', async () => {
  const cost = (await gateway.aboutKey((await issue()).tokens.get('cid@x.edu') ?? '')).usage;
  const leaked = (await issue()).tokens.get('cid@x.edu');

  const replaced = await issue('--url', gateway.url, '--replace', 'cid@x.edu');
  const fresh = replaced.tokens.get('cid@x.edu');
  expect(replaced.said).toContain('revoked the token "week-1:cid@x.edu" of cid@x.edu');
  expect((await chat(leaked)).status).toBe(401);
  expect((await chat(fresh)).status).toBe(200);

  // The week after, the whole period is issued again for a late student.
  const again = await issue('--url', gateway.url);
  const current = again.tokens.get('cid@x.edu') ?? '';
  expect(again.said).toContain('cid@x.edu gets the token "week-1:cid@x.edu:2"');
  expect((await chat(current)).status).toBe(200);
  const { limit } = await gateway.aboutKey(current);
  expect(limit).toBe(Number((1 - cost).toFixed(9)));
  // Without the gateway the first one is all that a signature can know.
  expect((await chat((await issue()).tokens.get('cid@x.edu'))).status).toBe(401);
});

test('one token with a model that the gateway does not have is refused by name, if the gateway is asked', async () => {
  const ask = ['tokens', 'issue', '--expires', '1h', '--models', 'demo/echo,demo/ecko'];
  const variables = { HALLPASS_KEY: gateway.key, HALLPASS_KEY_ID: gateway.kid };

  const asked = await runHere([...ask, '--url', gateway.url], { variables });
  const offline = await runHere(ask, { variables });

  expect([asked.status, asked.stdout]).toEqual([1, '']);
  expect(asked.stderr).toContain('match no model here: demo/ecko');
  expect(offline.status).toBe(0);
});

test('an entry of --models that matches no model is refused by name, and no file is written', async () => {
  const files = ['--roster', join(folder, 'class.csv'), '--out', join(folder, 'none.csv')];
  const { status, stderr } = await runHere(
    [
      'tokens',
      'issue',
      ...files,
      '--expires',
      '7d',
      '--models',
      'demo/echo,demo/ecko',
      '--url',
      gateway.url,
    ],
    { variables: { HALLPASS_KEY: gateway.key, HALLPASS_KEY_ID: gateway.kid } },
  );

  expect([status, stderr]).toEqual([1, expect.stringContaining('demo/ecko')]);
  expect(stderr).not.toContain('demo/echo');
  await expect(readFile(join(folder, 'none.csv'))).rejects.toThrow('ENOENT');
});
