import { describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { asKeyId, asTokenId } from '../../../core/base/ids.ts';
import { parseLimit } from '../../../core/base/limit-text.ts';
import { asNanoUsd } from '../../../core/base/money.ts';
import { countersOf, isCapped, limitsOf, walletIdOf } from '../../../core/wallet/payer.ts';

const KEY: Grant = {
  account: 'acct_1',
  keyId: asKeyId('K1'),
  keyName: 'course',
  keyKind: 'server',
  credential: 'key',
  former: false,
  limits: [],
  maxTokenLifetimeSeconds: 604_800,
};
const TOKEN: Grant = {
  ...KEY,
  credential: 'scoped-token',
  token: {
    id: asTokenId('T1'),
    spendingLimitNanoUsd: asNanoUsd(2_000_000_000n),
    issuedAtMs: 0,
    expiresAtMs: 1,
    revoked: false,
  },
};
const ada = { source: 'token', issuer: '', id: 'ada@example.edu' } as const;
const lines = (grant: Grant) =>
  limitsOf(grant).map(({ per, unit, window, amount }) => `${per}:${unit}:${window}=${amount}`);

describe('walletIdOf', () => {
  test('is the key for a plain key, the token for a token without user, the user for one with', () => {
    expect(walletIdOf(KEY)).toBe('K1#k');
    expect(walletIdOf(TOKEN)).toBe('K1#tT1');
    expect(walletIdOf({ ...TOKEN, identity: ada })).toMatch(/^K1#u[\w-]{22}$/);
  });

  test('keeps users of the same name apart by the source of the name', () => {
    const header = walletIdOf({ ...KEY, identity: { ...ada, source: 'header' } });
    const token = walletIdOf({ ...KEY, identity: ada });
    const jwt = walletIdOf({ ...KEY, identity: { ...ada, source: 'jwt', issuer: 'https://a' } });
    const other = walletIdOf({ ...KEY, identity: { ...ada, source: 'jwt', issuer: 'https://b' } });
    expect(new Set([header, token, jwt, other]).size).toBe(4);
  });

  test('contains no text from outside', () => {
    expect(walletIdOf({ ...KEY, identity: ada })).not.toContain('ada');
  });
});

describe('limitsOf', () => {
  const limits = [
    'user:requests:minute=20',
    'user:usd:month=9',
    'token:tokens:day=1000',
    'token:usd:total=5',
  ].map(parseLimit);

  test('does not bind a plain key by user and token limits', () => {
    expect(lines({ ...KEY, limits })).toEqual([]);
  });

  test('binds everyone by the limits of the key, after those of token and user', () => {
    const wide = [...limits, ...['key:usd:month=500', 'key:requests:minute=9'].map(parseLimit)];
    const key = ['key:usd:month=500000000000', 'key:requests:minute=9'];
    expect(lines({ ...KEY, limits: wide })).toEqual(key);
    expect(lines({ ...TOKEN, limits: wide })).toEqual([...lines({ ...TOKEN, limits }), ...key]);
  });

  test('binds a user of a key by its user limits', () => {
    expect(lines({ ...KEY, limits, identity: ada })).toEqual([
      'user:usd:month=9000000000',
      'user:requests:minute=20',
    ]);
  });

  test('binds a token by token and user limits, and by the smaller of two equal kinds', () => {
    expect(lines({ ...TOKEN, limits })).toEqual([
      'token:usd:total=2000000000',
      'token:tokens:day=1000',
      'user:usd:month=9000000000',
      'user:requests:minute=20',
    ]);
  });
});

describe('countersOf', () => {
  test('always counts the dollars of the payer and of the token', () => {
    expect(countersOf(KEY, [])).toEqual([{ per: 'user', unit: 'usd', window: 'total' }]);
    expect(countersOf(TOKEN, limitsOf(TOKEN))).toEqual([
      { per: 'user', unit: 'usd', window: 'total' },
      { per: 'token', unit: 'usd', window: 'total' },
    ]);
  });
});

describe('isCapped', () => {
  test('is true only when a USD limit applies', () => {
    const requestsOnly = [parseLimit('user:requests:minute=20')];
    expect(isCapped(limitsOf({ ...KEY, limits: requestsOnly, identity: ada }))).toBe(false);
    expect(isCapped(limitsOf(TOKEN))).toBe(true);
  });
});
