import { describe, expect, test } from 'vitest';
import { asKeyId, asRequestId, asTokenId, asWalletId } from '../../../core/base/ids.ts';
import { asNanoUsd, ZERO_USD } from '../../../core/base/money.ts';
import type { UsageRow } from '../../../core/wallet/usage-row.ts';
import { type Ask, bodyOf, EMPTY, errorOf, J1, SERVER, TOKEN } from '../../support/account.ts';
import { NOW_MS } from '../../support/tokens.ts';

const ROUTE = 'GET /v1/usage';
const DAY_MS = 86_400_000;
const ADA = 'K1#ug1CRPRPoT7skVK4PBEcM9L';

let requests = 0;
function row(usd: bigint, overrides: Partial<UsageRow> = {}): UsageRow {
  requests += 1;
  return {
    keyId: asKeyId('K1'),
    walletId: asWalletId(ADA),
    requestId: asRequestId(`r${requests}`),
    attempt: 1,
    reservedAtMs: NOW_MS,
    status: 'exact',
    cost: { usd: asNanoUsd(usd), tokens: 14n },
    overrunNanoUsd: ZERO_USD,
    tokens: { input: 10, cachedInput: 3, cacheWrite: 0, output: 4, reasoning: 1 },
    identity: { source: 'token', issuer: '', id: 'ada' },
    tokenId: J1,
    model: 'openai/gpt-5',
    ...overrides,
  };
}
const NOBODY = { walletId: asWalletId(`K1#t${J1}`), identity: undefined } as const;
const { identity: _, ...rest } = row(5n, { walletId: NOBODY.walletId });
const OF_TOKEN_ALONE: UsageRow = rest;
const { identity: __, tokenId: ___, ...bare } = row(7n, { walletId: asWalletId('K1#k') });
const OF_KEY: UsageRow = bare;
const ROWS = [
  row(1_000_000_001n),
  row(2n, { tokenId: asTokenId('T2'), reservedAtMs: NOW_MS - DAY_MS, conversation: 'c1' }),
  row(40n, { reservedAtMs: NOW_MS - 30 * DAY_MS }),
  OF_TOKEN_ALONE,
  OF_KEY,
  row(900n, { keyId: asKeyId('K2'), walletId: asWalletId('K2#k') }),
];
const ask = (query: Ask['query'] = {}, options: Ask = {}): Promise<Record<string, unknown>> =>
  bodyOf(ROUTE, { rows: ROWS, ...options, query });
const linesOf = async (query: Ask['query'], options?: Ask, ...names: string[]) => {
  const { data } = await ask(query, options);
  return (data as Record<string, unknown>[]).map((line) => names.map((name) => line[name]));
};

describe('usage', () => {
  test('defaults to this month by day', async () => {
    expect(await ask()).toEqual({
      object: 'list',
      from: '2026-11-01T00:00:00.000Z',
      to: '2026-11-21T00:00:00.000Z',
      group_by: ['day'],
      data: [
        {
          day: '2026-11-19',
          requests: 1,
          input_tokens: 10,
          cached_input_tokens: 3,
          output_tokens: 4,
          tokens: 14,
          usd: 2e-9,
          overrun_usd: 0,
        },
        {
          day: '2026-11-20',
          requests: 3,
          input_tokens: 30,
          cached_input_tokens: 9,
          output_tokens: 12,
          tokens: 42,
          usd: 1.000000013,
          overrun_usd: 0,
        },
      ],
      total: {
        requests: 4,
        input_tokens: 40,
        cached_input_tokens: 12,
        output_tokens: 16,
        tokens: 56,
        usd: 1.000000015,
        overrun_usd: 0,
      },
      truncated: false,
    });
  });

  test.each([
    [
      'user',
      ['user', 'user_source', 'wallet', 'usd'],
      [
        [null, null, 'k', 7e-9],
        [null, null, `t${J1}`, 5e-9],
        ['ada', 'token', 'ug1CRPRPoT7skVK4PBEcM9L', 1.000000003],
      ],
    ],
    [
      'token',
      ['token', 'usd'],
      [
        [null, 7e-9],
        [J1, 1.000000006],
        ['T2', 2e-9],
      ],
    ],
    ['key', ['key', 'usd'], [['course', 1.000000015]]],
    ['model', ['model', 'requests'], [['openai/gpt-5', 4]]],
    [
      'conversation',
      ['conversation', 'usd'],
      [
        [null, 1.000000013],
        ['c1', 2e-9],
      ],
    ],
    [
      'user,day',
      ['wallet', 'day'],
      [
        ['k', '2026-11-20'],
        [`t${J1}`, '2026-11-20'],
        ['ug1CRPRPoT7skVK4PBEcM9L', '2026-11-19'],
        ['ug1CRPRPoT7skVK4PBEcM9L', '2026-11-20'],
      ],
    ],
  ])('is grouped by %s', async (groupBy, names, lines) => {
    expect(await linesOf({ group_by: groupBy }, {}, ...names)).toEqual(lines);
  });

  test('covers the requested days', async () => {
    expect(await linesOf({ from: '2026-10-01', to: '2026-11-19' }, {}, 'day')).toEqual([
      ['2026-10-21'],
      ['2026-11-19'],
    ]);
  });

  test('ends before the requested instant', async () => {
    const until = { from: '2026-11-20T12:00:00Z', to: '2026-11-20T12:00:00.001Z' };
    expect(await linesOf(until, {}, 'requests')).toEqual([[3]]);
    expect(await linesOf({ from: '2026-11-20', to: '2026-11-20T12:00:00Z' })).toEqual([]);
  });
});

describe('the rows that a credential sees', () => {
  const lineOf = async (grant: Ask['grant']) =>
    linesOf({ group_by: 'user,token' }, grant && { grant }, 'wallet', 'token');

  // guarantee: own-usage-only
  test('a scoped token sees its own usage', async () => {
    expect(await lineOf(TOKEN)).toEqual([[`t${J1}`, J1]]);
  });

  test("a token with a user sees its own usage, not that of the user's other tokens", async () => {
    const identity = { source: 'token', issuer: '', id: 'ada' } as const;
    expect(await lineOf({ ...TOKEN, identity })).toEqual([['ug1CRPRPoT7skVK4PBEcM9L', J1]]);
  });

  test('client access sees all of its user and nothing else', async () => {
    const identity = { source: 'token', issuer: '', id: 'ada' } as const;
    const grant = { ...SERVER, credential: 'client-access', keyKind: 'client', identity } as const;
    expect(await lineOf(grant)).toEqual([
      ['ug1CRPRPoT7skVK4PBEcM9L', J1],
      ['ug1CRPRPoT7skVK4PBEcM9L', 'T2'],
    ]);
  });

  test('a personal key sees all rows of its key, whichever wallet paid, and no other rows', async () => {
    const identity = { source: 'personal', issuer: '', id: 'ada' } as const;
    const grant = { ...SERVER, keyKind: 'personal', identity } as const;
    const before = row(3n, { walletId: asWalletId('K1#ubefore') });
    const now = row(4n, { walletId: asWalletId('p1#unow') });
    const others = row(900n, { keyId: asKeyId('K2'), walletId: asWalletId('p1#unow') });
    const asked = { grant, rows: [before, now, others] };
    const lines = await linesOf({ group_by: 'user' }, asked, 'wallet', 'usd');
    expect(lines).toEqual([
      ['ubefore', 3e-9],
      ['unow', 4e-9],
    ]);
  });

  test('a server key sees all usage of its key, with any user header', async () => {
    const identity = { source: 'header', issuer: '', id: 'bob' } as const;
    expect(await lineOf({ ...SERVER, identity })).toHaveLength(4);
  });

  test('a revoked token sees nothing', async () => {
    const wallets = { [`K1#t${J1}`]: { ...EMPTY, revokedTokens: new Set([J1]) } };
    expect(await errorOf(ROUTE, { grant: TOKEN, wallets })).toMatchObject({
      code: 'token_revoked',
    });
  });
});

test('refuses an unknown parameter', async () => {
  expect(await errorOf(ROUTE, { query: { groupby: 'day' } })).toMatchObject({
    code: 'invalid_request',
    message: 'a parameter is unknown, allowed are from, to, group_by, key',
  });
});
