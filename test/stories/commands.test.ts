/**
 * The owners' stories on the command line, with a gateway's URL and the server key alone.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startAtNoon } from '../support/noon.ts';

startAtNoon();

let gateway: TestGateway;
let folder: string;
beforeAll(async () => {
  gateway = await startTestGateway();
  folder = await mkdtemp(join(tmpdir(), 'hallpass-users-'));
});
afterAll(async () => {
  await gateway.close();
  await rm(folder, { recursive: true, force: true });
});

const run = (...args: string[]) =>
  runHere([...args, '--url', gateway.url], { variables: { HALLPASS_KEY: gateway.key } });
const json = async (...args: string[]) => {
  const { status, stdout, stderr } = await run(...args, '--json');
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
};
const chat = async (token: string): Promise<number> => {
  const response = await fetch(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'demo/echo',
      max_tokens: 16,
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
  await response.text();
  return response.status;
};

describe('a lecturer, with the key alone', () => {
  test('blocks, unblocks and raises a student, and finds who is near the limit', async () => {
    const token = gateway.newToken({ user: 'ada@course.edu' });
    expect(await chat(token)).toBe(200);
    await run('users', 'block', 'token:ada@course.edu', '--reason', 'shared the token');
    expect(await chat(token)).toBe(403);
    expect((await run('users', 'list')).stdout).toContain('shared the token');
    await run('users', 'unblock', 'token:ada@course.edu');

    const { usage_usd: spent } = await json('users', 'show', 'token:ada@course.edu');
    await run('users', 'set', 'token:ada@course.edu', '--limit', `usd:total=${spent}`);
    expect(await chat(token)).toBe(402);
    expect(await json('users', 'list', '--near', '80')).toMatchObject([
      { id: 'token:ada@course.edu', nearest: { percent: 100 } },
    ]);
    const { stdout } = await run('users', 'set', 'token:ada@course.edu', '--credit-usd', '1');
    expect(stdout).toMatch(/^credit +1 USD$/m);
    expect(await chat(token)).toBe(200);
  });

  test('reports usage, and inspects and revokes a token', async () => {
    const token = gateway.newToken({ user: 'bob@course.edu' });
    expect(await chat(token)).toBe(200);
    const report = await json('usage', '--by', 'user');
    expect(report.data).toContainEqual(
      expect.objectContaining({ user: 'bob@course.edu', requests: 1 }),
    );
    expect((await run('usage', '--by', 'user', '--csv')).stdout).toMatch(/^bob@course\.edu,1,/m);
    expect((await run('usage', '--by', 'user')).stdout).toMatch(/^total +\d+ /m);

    expect(await json('tokens', 'inspect', token)).toMatchObject({
      user: 'bob@course.edu',
      signature_holds: true,
      revoked: false,
    });
    expect((await run('tokens', 'revoke', token)).stderr).toBe(
      'revoked: refused from the next request\n',
    );
    expect(await chat(token)).toBe(401);
    expect(await json('tokens', 'inspect', token)).toMatchObject({ revoked: true });
  });

  test.each([
    ['nothing to set', 2, ['users', 'set', 'ada']],
    ['--until needs a --limit', 2, ['users', 'set', 'ada', '--until', '2030-01-01']],
    ['goes with --data or --stack', 2, ['users', 'list', '--personal']],
    ['this key manages no key "course"', 1, ['users', 'list', '--key', 'course']],
    ['the key has no such user', 1, ['users', 'show', 'token:nobody']],
    ['needs a limit user:usd:total', 1, ['users', 'set', 'token:eve', '--credit-usd', '1']],
  ])('reads: %s', async (words, status, args) => {
    const outcome = await run(...args);
    expect(outcome.stderr).toContain(words);
    expect(outcome.status).toBe(status);
  });

  test('reads that a list of users is not whole, behind what there is of it', async () => {
    const ann = await json('users', 'show', 'token:ada@course.edu');
    const answers = [
      { data: [ann], next: null, truncated: true },
      { data: [ann], next: 'more' },
    ];
    for (const answer of answers) {
      const server = createServer((_, response) => response.end(JSON.stringify(answer)));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const url = `http://127.0.0.1:${port}`;
      const variables = { HALLPASS_KEY: gateway.key };
      const listed = await runHere(['users', 'list', '--url', url], { variables });
      expect(listed.stdout).toContain('token:ada@course.edu');
      expect(listed.stderr).toContain('there are more users than this list reads');
      expect(listed.status).toBe(1);
      server.close();
    }
  });

  test('is not let send the key over plain http, nor without a key', async () => {
    const plain = await runHere(['users', 'list', '--url', 'http://gateway.example']);
    expect(plain).toMatchObject({ status: 2, stderr: expect.stringContaining('https URL') });
    const without = await runHere(['users', 'list', '--url', gateway.url]);
    expect(without).toMatchObject({ status: 2, stderr: expect.stringContaining('HALLPASS_KEY') });
  });
});

test('an operator changes the users of any key in the data folder', async () => {
  const here = (...args: string[]) => runHere([...args, '--data', folder]);
  await here('keys', 'create', 'course');
  const set = ['users', 'set', 'token:ada', '--limit', 'usd:week=2', '--limit', 'requests:day=0'];
  expect((await here(...set, '--until', '2030-01-31', '--key', 'course')).stderr).toContain(
    'changed the user "token:ada"',
  );
  const shown = await here('users', 'show', 'token:ada', '--key', 'course', '--json');
  expect(JSON.parse(shown.stdout).limits).toMatchObject([
    { unit: 'usd', window: 'week', limit: 2, own: true, until: '2030-02-01T00:00:00.000Z' },
    { unit: 'requests', window: 'day', limit: 0 },
  ]);
  expect((await here('users', 'list', '--key', 'course')).stdout).toContain('token:ada');
});

test('the audit of a key lists who changed one of its people, the latest change first', async () => {
  const here = (...args: string[]) => runHere([...args, '--data', folder]);
  const as = (name: string) => ['--key', 'audited', '--as', name];
  await here('keys', 'create', 'audited', '--as', 'ann');
  await here('users', 'block', 'token:ada', '--reason', 'left the course', ...as('bob'));
  await here('users', 'set', 'token:ada', '--limit', 'usd:week=2', ...as('cyd'));
  const shown = await here('keys', 'show', 'audited', '--audit', '--json');
  const rows = JSON.parse(shown.stdout).audit;
  expect(rows.map(({ by, action }: Record<string, string>) => [by, action])).toEqual([
    ['cyd', 'user'],
    ['bob', 'user'],
    ['ann', 'create'],
  ]);
  expect(rows[0].fields).toEqual({
    user: 'token:ada',
    limits: '[{"per":"user","unit":"usd","window":"week","limit":2}]',
  });
  expect((await here('keys', 'show', 'audited', '--audit')).stdout).toMatch(
    /bob +user +user: token:ada; blocked: left the course/,
  );
});
