/**
 * A data folder that the version before wrote opens in this one, and nothing in it is worth more afterwards
 * (test/fixtures/data-before).
 */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const FIXTURE = new URL('../fixtures/data-before/', import.meta.url);
const MINUTE_MS = 60_000;

interface Known {
  readonly credential: string;
  /** The rest of its `user:usd:total` limit; null: it had none. */
  readonly remainingUsd: number | null;
}
interface Credentials {
  readonly writtenAt: string;
  readonly key: string;
  readonly credentials: Readonly<Record<string, Known>>;
}

let before: Credentials;
let data: string;
let gateway: TestGateway;

beforeAll(async () => {
  before = JSON.parse(await readFile(new URL('credentials.json', FIXTURE), 'utf8'));
  data = await mkdtemp(join(tmpdir(), 'hallpass-before-'));
  await cp(new URL('folder', FIXTURE), data, { recursive: true });
  vi.setSystemTime(Date.parse(before.writtenAt) + MINUTE_MS);
  gateway = await startTestGateway({ data });
});
afterAll(async () => {
  vi.useRealTimers();
  await gateway.close();
  await rm(data, { recursive: true, force: true });
});

const knownOf = (name: string): Known => {
  const known = before.credentials[name];
  if (known === undefined) throw new TypeError(`expected the credential "${name}"`);
  return known;
};
const of = (name: string): string => knownOf(name).credential;

async function chat(credential: string) {
  const response = await fetch(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'demo/echo',
      max_tokens: 16,
      messages: [{ role: 'user', content: 'hello '.repeat(20) }],
    }),
  });
  const { error } = (await response.json()) as { error?: { code: string } };
  return { status: response.status, code: error?.code };
}
const users = async (...flags: string[]) => {
  const { stdout, stderr } = await runHere(['users', ...flags, '--json', '--data', data]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
};

test.each(['capitals', 'no capitals', 'blanks', 'laptop', 'phone', 'in flight'])(
  'has no more left for "%s" than before',
  async (name) => {
    const { limits } = await gateway.aboutKey(of(name));
    expect(limits).toHaveLength(1);
    expect(Object(limits?.[0]).remaining).toBeLessThanOrEqual(knownOf(name).remainingUsd ?? 0);
  },
);

test('counts a limit of the whole key as one of the user of a personal key, with what it has used', async () => {
  const { limits } = await gateway.aboutKey(of('desktop'));
  expect(limits).toMatchObject([{ per: 'user', limit: 0.001, used: 0.00042 }]);
});

test('refuses one person who spent the limit under three spellings, under each of them', async () => {
  for (const name of ['capitals', 'blanks', 'no capitals']) {
    expect({ name, ...(await chat(of(name))) }).toMatchObject({ name, status: 402 });
  }
  const { usage_usd: spent } = await users('show', 'token:ann@x.edu', '--key', 'course');
  expect(spent).toBeCloseTo(0.000_42 + 0.000_252 + 0.000_42 + 0.000_42, 9);
});

test.each(['revoked', 'all revoked'])('refuses a token that was %s', async (name) => {
  expect(await chat(of(name))).toMatchObject({ status: 401, code: 'token_revoked' });
});

test('gives two personal keys of one person one budget, on top of what both spent', async () => {
  let served = 0;
  for (const name of ['laptop', 'desktop', 'laptop', 'desktop', 'laptop', 'desktop']) {
    if ((await chat(of(name))).status === 200) served += 1;
  }
  expect(served).toBe(1);
  const people = await users('list', '--personal');
  const ann = people.find(({ user }: { user: string }) => user === 'ann@corp.example');
  expect(ann.usage_usd).toBeCloseTo(0.000_42 + 0.000_42 + 0.000_084, 9);
});

describe('a request that was in flight', () => {
  test.each(['in flight', 'phone'])('keeps "%s" waiting until its lease ends', async (name) => {
    expect(await chat(of(name))).toEqual({ status: 429, code: 'budget_in_use' });
  });

  test('is closed at its whole amount by the sweep, and then the wallet moves', async () => {
    vi.setSystemTime(Date.parse(before.writtenAt) + 20 * MINUTE_MS);
    await gateway.sweep();

    expect((await chat(of('in flight'))).status).toBe(200);
    expect((await chat(of('phone'))).status).toBe(200);

    const dan = await users('show', 'token:dan@x.edu', '--key', 'course');
    expect(dan.usage_usd).toBeCloseTo(0.000_472_2 + 0.000_084, 9);
    const bob = await users('show', 'bob@corp.example', '--key', 'phone');
    expect(bob.usage_usd).toBeCloseTo(0.000_052_2 + 0.000_084, 9);
  });
});

test('agrees with its rows in every counter', async () => {
  const { status, stderr, stdout } = await runHere(['usage', 'audit', '--data', data]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('no counter differs');
  expect(stdout).toMatch(/^personal keys +\d/m);
});
