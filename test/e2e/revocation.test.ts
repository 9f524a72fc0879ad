/**
 * Revocation and usage through the whole gateway: revoked tokens are refused, and each user sees their own usage.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeUsageRows } from '../../adapters/dynamodb/usage-rows.ts';
import { asKeyId } from '../../core/base/ids.ts';
import { auditUsage } from '../../core/usage/audit/audit.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startAtNoon } from '../support/noon.ts';

startAtNoon();

const closers: (() => Promise<void>)[] = [];
let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startTestGateway();
  closers.push(() => gateway.close());
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const nowSeconds = () => Math.floor(Date.now() / 1000);

/** The parts of answers that these tests read. */
interface Body {
  readonly error?: { readonly code: string };
  readonly revoked?: boolean;
  readonly issued_until?: string;
  readonly data?: readonly Readonly<Record<string, unknown>>[];
  readonly total?: { readonly usd: number; readonly requests: number };
}

async function send(path: string, credential: string, init: RequestInit = {}) {
  const headers = { authorization: `Bearer ${credential}`, 'content-type': 'application/json' };
  const response = await fetch(`${gateway.url}${path}`, { ...init, headers });
  return { status: response.status, body: (await response.json()) as Body };
}
/** 200, or the code of the refusal. */
async function chat(credential: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credential}`, ...headers },
    body: JSON.stringify({ model: 'demo/echo', messages: [{ role: 'user', content: 'hello' }] }),
  });
  const body = (await response.json()) as Body;
  return response.ok ? 200 : body.error?.code;
}
const revoke = (query: Record<string, string>, credential = gateway.key) =>
  send(`/scoped-jwt?${new URLSearchParams(query)}`, credential, { method: 'DELETE' });
const statusOf = async (jwtoken: string) =>
  (await send(`/scoped-jwt?${new URLSearchParams({ jwtoken })}`, gateway.key)).body.revoked;

describe('a token that is revoked', () => {
  // guarantee: revoked-next-request
  test.each([
    ['of its own', {}],
    ['of a user', { user: 'ada@example.edu' }],
    ['without a name', { jti: undefined }],
    ['without an instant of issue', { iat: undefined }],
  ])('%s is refused from its next request on, others are not', async (_, claims) => {
    const token = gateway.sign({ jti: 'week-1', spending_limit: 1, ...claims });
    const other = gateway.sign({ ...claims, jti: 'week-2', spending_limit: 2 });
    expect([await chat(token), await chat(other)]).toEqual([200, 200]);

    const answer = await revoke({ jwtoken: token });
    expect(answer).toMatchObject({ status: 200, body: { revoked: true } });

    expect([await chat(token), await chat(other)]).toEqual(['token_revoked', 200]);
    for (const path of ['/key', '/usage']) {
      expect((await send(path, token)).body.error).toMatchObject({ code: 'token_revoked' });
      expect((await send(path, other)).status).toBe(200);
    }
    expect([await statusOf(token), await statusOf(other)]).toEqual([true, false]);
  });

  test('is refused at its first request, even if it was never used', async () => {
    const token = gateway.sign({ jti: 'unused' });
    await revoke({ jwtoken: token });
    expect(await chat(token)).toBe('token_revoked');
  });
});

describe("a user's tokens", () => {
  test('issued before the revocation are refused, and one issued after it works', async () => {
    const user = 'ada@example.edu';
    const before = gateway.sign({ jti: 'a', user, iat: nowSeconds() - 60 });
    const bare = gateway.sign({ jti: 'b', user, iat: undefined });
    const others = gateway.sign({ jti: 'c', user: 'bob@example.edu', iat: nowSeconds() - 60 });
    expect([await chat(before), await chat(bare), await chat(others)]).toEqual([200, 200, 200]);

    const revoked = await revoke({ user });
    expect(revoked).toMatchObject({ status: 200, body: { revoked: true, user } });

    const issuedUntil = Math.floor(Date.parse(revoked.body.issued_until ?? '') / 1000);
    expect(issuedUntil - nowSeconds()).toBeGreaterThanOrEqual(4);
    expect(issuedUntil - nowSeconds()).toBeLessThanOrEqual(5);
    const after = gateway.sign({ jti: 'd', user, iat: issuedUntil + 1 });
    expect([await chat(before), await chat(bare)]).toEqual(['token_revoked', 'token_revoked']);
    // A token may be dated five seconds ahead, so this one is active a second later.
    await expect.poll(() => chat(after), { interval: 100 }).toBe(200);
    expect(await chat(others)).toBe(200);
    expect((await send('/key', before)).body.error?.code).toBe('token_revoked');
    expect([await statusOf(before), await statusOf(bare)]).toEqual([true, true]);
    expect([await statusOf(others), await statusOf(after)]).toEqual([false, false]);
  });
});

describe('a jti', () => {
  test('is refused for every user when key records are read again, also on routes that reserve nothing', async () => {
    const data = await mkdtemp(join(tmpdir(), 'hallpass-'));
    closers.unshift(() => rm(data, { recursive: true, force: true }));
    await gateway.close();
    gateway = await startTestGateway({ data });
    const tokens = ['ada', 'bob'].map((user) => gateway.sign({ jti: 'shared', user }));
    expect(await Promise.all(tokens.map((token) => chat(token)))).toEqual([200, 200]);
    expect(await revoke({ jti: 'shared' })).toMatchObject({
      status: 200,
      body: { revoked: true, jti: 'shared', effective_within_seconds: 10 },
    });
    expect(await statusOf(tokens[0] ?? '')).toBe(true);

    // A process that starts now knows no record that is ten seconds old.
    await gateway.close();
    gateway = await startTestGateway({ data });
    for (const token of tokens) {
      expect(await chat(token)).toBe('token_revoked');
      for (const path of ['/models', '/key', '/usage']) {
        expect((await send(path, token)).body.error).toMatchObject({ code: 'token_revoked' });
      }
    }
    expect(await chat(gateway.sign({ jti: 'another', user: 'ada' }))).toBe(200);
  });
});

describe('who may revoke', () => {
  // guarantee: tokens-revoke-nothing
  test('excludes tokens: none may revoke, not even itself', async () => {
    const token = gateway.sign({ jti: 'self', user: 'ada' });
    for (const query of [{ jwtoken: token }, { jti: 'self' }, { user: 'ada' }]) {
      const answer = await revoke(query as unknown as Record<string, string>, token);
      expect(answer).toMatchObject({ status: 403, body: { error: { code: 'route_not_allowed' } } });
    }
    expect(await chat(token)).toBe(200);
  });
});

describe('usage', () => {
  test('shows each user their own spend to the nano-dollar, and the audit is clean', async () => {
    const ada = gateway.sign({ jti: 'a', user: 'ada' });
    const bob = gateway.sign({ jti: 'b', user: 'bob' });
    const codes = await Promise.all([
      chat(ada, { 'x-conversation-id': 'c1' }),
      chat(ada, { 'x-conversation-id': 'c1' }),
      chat(bob),
      chat(gateway.key),
    ]);
    expect(codes).toEqual([200, 200, 200, 200]);
    const rows = await gateway.tables.scan('usage');
    const costs = rows.map((row) => BigInt((row.costNanoUsd as { N: string }).N));
    const sum = costs.reduce((total, cost) => total + cost, 0n);

    const all = (await send('/usage?group_by=user,conversation', gateway.key)).body;
    expect(all.data?.map((line) => [line.user, line.conversation, line.requests])).toEqual([
      [null, null, 1],
      ['ada', 'c1', 2],
      ['bob', null, 1],
    ]);
    expect(BigInt(Math.round((all.total?.usd ?? 0) * 1e9))).toBe(sum);
    const own = (await send('/usage?group_by=user', bob)).body;
    expect(own.data?.map((line) => line.user)).toEqual(['bob']);
    expect(own.total?.requests).toBe(1);

    const [keyId = ''] = String((rows[0]?.pk as { S: string } | undefined)?.S).split('#');
    const report = await auditUsage(
      { keyId: asKeyId(keyId), createdAtMs: Date.now() - 60_000 },
      {
        usage: makeUsageRows(gateway.tables.call, gateway.environment.usageTable),
        wallets: gateway.tables.wallets,
        clock: { nowMs: Date.now, sleep: async () => {} },
      },
    );
    expect(report).toMatchObject({ rows: 4, wallets: 3, differences: [], busy: [] });
  });
});
