/**
 * An operator forgets a person: no table names them any more, and nothing is worth more afterwards.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const DAY_MS = 86_400_000;
const STARTED_AT_MS = Date.parse('2026-11-20T12:00:00Z');

let gateway: TestGateway;
let data: string;
let laptop: string;
const drawn: string[] = [];

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'hallpass-forget-'));
  vi.setSystemTime(STARTED_AT_MS);
  gateway = await startTestGateway({ data });
  laptop = (await run('keys', 'create', 'laptop', '--user', 'Zoe@Old.example')).key;
});
afterAll(async () => {
  vi.useRealTimers();
  await gateway.close();
  await rm(data, { recursive: true, force: true });
});

async function run(...args: string[]) {
  const { status, stdout, stderr } = await runHere([...args, '--data', data, '--json'], {
    redraw: (line) => drawn.push(line),
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}
async function chat(credential: string) {
  const response = await fetch(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'demo/echo',
      max_tokens: 16,
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
  const { error } = (await response.json()) as { error?: { code: string; message: string } };
  return { status: response.status, code: error?.code, message: error?.message };
}
const tokenOf = (user: string, jti: string) => gateway.newToken({ user, jti });
/** As a word: three letters in a row are also in some random ids. */
const ZOE = /\bzoe\b/i;
const itemsThatName = async (name: RegExp) => {
  const tables = await Promise.all([gateway.tables.scan('usage'), gateway.tables.scan('wallets')]);
  return tables.flat().filter((item) => name.test(JSON.stringify(item)));
};
const totalOf = async () =>
  (await run('usage', '--by', 'day', '--from', '2026-11-01', '--to', '2026-11-30')).total;

describe('users forget', () => {
  let before: unknown;
  beforeAll(async () => {
    for (const user of ['Zoe@Old.example', 'ann@old.example']) {
      expect((await chat(tokenOf(user, `of ${user}`))).status).toBe(200);
    }
    expect((await chat(laptop)).status).toBe(200);
    await run('tokens', 'revoke', tokenOf('zoe@old.example', 'leaked'), '--key', 'demo');
    vi.setSystemTime(STARTED_AT_MS + 2 * DAY_MS);
    await gateway.sweep();
    const zoe = ['token:zoe@old.example', '--key', 'demo'];
    await run('users', 'set', ...zoe, '--note', 'Zoe of room 7', '--limit', 'usd:month=5');
    expect((await chat(tokenOf('zoe@old.example', 'new'))).status).toBe(200);
    await run('users', 'block', ...zoe, '--reason', 'Zoe left');
    before = await totalOf();
    drawn.length = 0;
  });

  // guarantee: forgotten-leaves-no-name
  test('leaves no name of the person in any row, sum, change or record, and those of others', async () => {
    // Introductions are not waited for by requests.
    await expect.poll(async () => (await itemsThatName(ZOE)).length).toBeGreaterThan(6);
    const others = (await itemsThatName(/ann@old/)).length;

    const forgotten = await run('users', 'forget', 'zoe@old.example');

    expect(await itemsThatName(ZOE)).toEqual([]);
    expect((await itemsThatName(/ann@old/)).length).toBe(others);
    expect(forgotten).toMatchObject({
      rows: 3,
      sums: 2,
      changes: 2,
      wallets: [
        { key: 'demo', blocked: true, counters_until: '2026-12-01T00:00:00Z' },
        { key: 'personal keys', blocked: false },
      ],
      named_by_keys: ['laptop'],
    });
    expect(drawn.at(-2)).toMatch(/^(\d+) of \1 keys$/);
    expect(drawn.at(-1)).toBe('');
  });

  test('changes no sum and no counter', async () => {
    expect(await totalOf()).toEqual(before);
    expect((await runHere(['usage', 'audit', '--data', data])).stdout).toContain(
      'no counter differs',
    );
  });

  test('keeps the block, without its words, own limits and revocations', async () => {
    const blocked = await chat(tokenOf('zoe@old.example', 'another'));
    expect(blocked).toMatchObject({ status: 403, code: 'user_blocked' });
    expect(blocked.message).toContain('Reason: removed');
    expect(await chat(tokenOf('zoe@old.example', 'leaked'))).toMatchObject({ status: 401 });
    const zoe = await run('users', 'show', 'token:zoe@old.example', '--key', 'demo');
    expect(zoe).toMatchObject({ blocked: 'removed', note: null, limits: [{ limit: 5 }] });
  });

  test('may be run again, and says in words what stays until when', async () => {
    const flags = ['--key', 'demo', '--data', data];
    const { status, stdout } = await runHere([
      'users',
      'forget',
      'token:zoe@old.example',
      ...flags,
    ]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/names removed +from 0 rows, 0 sums of days and 0 changes/);
    expect(stdout).toMatch(/wallet:u\S+ +of "demo" stays .*counters until 2026-12-01T00:00:00Z/);
    expect(stdout).toContain('the block, until it is ended');
  });

  test.each([
    [1, 'there is no such user', ['nobody@old.example']],
    [1, 'there is no key "other"', ['zoe@old.example', '--key', 'other']],
    [2, 'cannot be used together', ['zoe@old.example', '--key', 'demo', '--personal']],
    [1, 'the user must be an id', ['jwt:without-a-subject']],
  ])('ends with %i: %s', async (status, words, args) => {
    const outcome = await runHere(['users', 'forget', ...args, '--data', data]);
    expect(outcome).toMatchObject({ status, stderr: expect.stringContaining(words) });
  });
});
