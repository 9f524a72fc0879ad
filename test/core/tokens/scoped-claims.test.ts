import { describe, expect, test } from 'vitest';
import type { FormerVersion } from '../../../core/keys/key-record.ts';
import {
  parseScopedClaims,
  requireInForce,
  tokenIdOf,
} from '../../../core/tokens/scoped-claims.ts';
import { NOW_MS, NOW_SECONDS } from '../../support/tokens.ts';

const KEY = { account: 'acct_test', maxTokenLifetimeSeconds: 604_800 };
const BASE = { sub: 'acct_test', exp: NOW_SECONDS + 3600 };
const parse = (claims: Record<string, unknown>) => parseScopedClaims({ ...BASE, ...claims }, KEY);

describe('parseScopedClaims', () => {
  test('reads a token with only the required claims', () => {
    expect(parse({})).toEqual({
      token: { issuedAtMs: 1794574800000, expiresAtMs: 1795179600000 },
      startsAtMs: 0,
    });
  });

  test('reads a token with every claim', () => {
    const claims = parse({
      models: ['openai/gpt-5', 'google/*'],
      spending_limit: 0.29,
      user: 'ada',
      user_id: 'ada',
      jti: 'j1',
      iat: NOW_SECONDS - 1,
      nbf: NOW_SECONDS - 2,
      aud: 'whoever',
      scope: { a: [] },
    });
    expect(claims).toEqual({
      token: {
        jti: 'j1',
        spendingLimitNanoUsd: 290_000_000n,
        models: ['openai/gpt-5', 'google/*'],
        issuedAtMs: 1795175999000,
        expiresAtMs: 1795179600000,
      },
      user: 'ada',
      startsAtMs: 1795175999000,
    });
  });

  test.each([
    ['model', { model: 'openai/gpt-5' }, { token: { models: ['openai/gpt-5'] } }],
    ['models of null', { models: null }, { token: {} }],
    ['model of null', { model: null }, { token: {} }],
    ['spending_limit of null', { spending_limit: null }, { token: {} }],
    ['the smallest limit', { spending_limit: 1e-9 }, { token: { spendingLimitNanoUsd: 1n } }],
    ['user_id', { user_id: 'ada' }, { user: 'ada' }],
    ['a fraction of a second', { exp: 1795179600.9996 }, { token: { expiresAtMs: 1795179600999 } }],
    ['an exp beyond all time', { exp: 1e300 }, { token: { expiresAtMs: 8.64e15 } }],
    ['an exp before all time', { exp: -1e300 }, { token: { expiresAtMs: 0 } }],
    ['a jti of 256 characters', { jti: 'j'.repeat(256) }, { token: { jti: 'j'.repeat(256) } }],
    ['64 models', { models: Array(64).fill('a/b') }, { token: { models: Array(64).fill('a/b') } }],
  ])('reads %s', (_, claims, expected) => {
    expect(parse(claims)).toMatchObject(expected);
    expect(parse(claims)).toEqual({ ...parse({}), ...parse(claims) });
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['no sub', { sub: undefined }, 'sub'],
    ['the sub of another account', { sub: 'acct_other' }, 'sub'],
    ['an object as sub', { sub: { toString: 'acct_test' } }, 'sub'],
    ['no exp', { exp: undefined }, 'exp'],
    ['exp of null', { exp: null }, 'exp'],
    ['exp as text', { exp: '1795179600' }, 'exp'],
    ['iat of null', { iat: null }, 'iat'],
    ['iat as text', { iat: '1' }, 'iat'],
    ['nbf as text', { nbf: '1' }, 'nbf'],
    ['an empty list of models', { models: [] }, 'models'],
    ['models as text', { models: 'openai/gpt-5' }, 'models'],
    ['a model that is no text', { models: [1] }, 'models'],
    ['an empty model id', { models: [''] }, 'models'],
    ['a lone star', { models: ['*'] }, 'models'],
    ['a star within', { models: ['openai/gpt-*'] }, 'models'],
    ['65 models', { models: Array(65).fill('a/b') }, 'models'],
    ['2,049 characters of models', { models: Array(11).fill('m'.repeat(187)) }, 'models'],
    ['model as list', { model: ['openai/gpt-5'] }, 'model'],
    ['an empty model', { model: '' }, 'model'],
    ['both names', { models: ['a/b'], model: 'a/b' }, 'model'],
    ['both names, both null', { models: null, model: null }, 'model'],
    ['a limit of zero', { spending_limit: 0 }, 'spending_limit'],
    ['a limit below a nano-dollar', { spending_limit: 9e-10 }, 'spending_limit'],
    ['a negative limit', { spending_limit: -1 }, 'spending_limit'],
    ['an infinite limit', { spending_limit: Number.POSITIVE_INFINITY }, 'spending_limit'],
    ['a limit as text', { spending_limit: '2' }, 'spending_limit'],
    ['a limit as truth', { spending_limit: true }, 'spending_limit'],
    ['an empty user', { user: '' }, 'user'],
    ['user of null', { user: null }, 'user'],
    ['a user that is a number', { user: 5 }, 'user'],
    ['a user of 257 characters', { user: 'u'.repeat(257) }, 'user'],
    ['a user with a NUL', { user: 'a\0b' }, 'user'],
    ['a user with half a character', { user: '\ud800' }, 'user'],
    ['an empty user_id', { user_id: '' }, 'user_id'],
    ['two users', { user: 'ada', user_id: 'bob' }, 'user_id'],
    ['an empty jti', { jti: '' }, 'jti'],
    ['a jti of 257 characters', { jti: 'j'.repeat(257) }, 'jti'],
    ['a jti with a line feed', { jti: 'a\n' }, 'jti'],
    ['a jti that is a number', { jti: 1 }, 'jti'],
  ])('refuses %s', (_, claims, claim) => {
    expect(() => parse(claims)).toThrow(
      expect.objectContaining({
        code: 'token_claim_invalid',
        message: 'A claim of the token is not valid.',
        facts: { param: claim },
        detail: expect.stringContaining(`claim "${claim}" must be `),
      }),
    );
  });
});

// guarantee: misspelt-cap
test.each([
  ['spendingLimit', 'spending_limit'],
  ['SPENDING_LIMIT', 'spending_limit'],
  ['spending-limit', 'spending_limit'],
  ['Models', 'models'],
  ['mo_del', 'model'],
  ['userId', 'user_id'],
  ['User', 'user'],
  ['JTI', 'jti'],
  ['EXP', 'exp'],
])('refuses the claim %s, which is %s misspelt', (name, known) => {
  expect(() => parse({ [name]: 1 })).toThrow(
    expect.objectContaining({
      code: 'token_claim_invalid',
      facts: { param: known },
      detail: `a claim must be spelt "${known}"`,
    }),
  );
});

test.each(['aud', 'iss', 'spending', 'limit', 'users', '__proto__', ''])(
  'ignores the claim "%s", which is none of ours',
  (name) => {
    expect(parse({ [name]: 1 })).toEqual(parse({}));
  },
);

describe('requireInForce', () => {
  const judge = (claims: Record<string, unknown>, nowMs = NOW_MS, former?: FormerVersion) => {
    try {
      requireInForce(parse(claims), KEY.maxTokenLifetimeSeconds, nowMs, former);
      return 'in force';
    } catch (error) {
      return Object(error).code;
    }
  };

  test.each([
    ['exp a second ahead', { exp: NOW_SECONDS + 1 }, 'in force'],
    ['exp a millisecond ahead', { exp: NOW_SECONDS + 0.001 }, 'in force'],
    ['exp now', { exp: NOW_SECONDS }, 'token_expired'],
    ['exp a second ago', { exp: NOW_SECONDS - 1 }, 'token_expired'],
    ['exp zero', { exp: 0 }, 'token_expired'],
    ['a negative exp', { exp: -1 }, 'token_expired'],
    ['exp seven days ahead', { exp: NOW_SECONDS + 604_800 }, 'in force'],
    ['exp a second further', { exp: NOW_SECONDS + 604_801 }, 'token_lifetime_too_long'],
    ['exp 1e300', { exp: 1e300 }, 'token_lifetime_too_long'],
    ['iat now', { iat: NOW_SECONDS }, 'in force'],
    ['iat 5 s ahead', { iat: NOW_SECONDS + 5 }, 'in force'],
    ['iat 6 s ahead', { iat: NOW_SECONDS + 6 }, 'token_not_active'],
    ['nbf 5 s ahead', { nbf: NOW_SECONDS + 5 }, 'in force'],
    ['nbf 6 s ahead', { nbf: NOW_SECONDS + 6 }, 'token_not_active'],
    ['nbf past and iat 6 s ahead', { nbf: 0, iat: NOW_SECONDS + 6 }, 'token_not_active'],
    ['nbf 1e300', { nbf: 1e300 }, 'token_not_active'],
    ['an old iat', { iat: 0 }, 'in force'],
  ])('decides on %s', (_, claims, expected) => {
    expect(judge(claims)).toBe(expected);
  });

  test('refuses a token that a former key signed after the rotation and that outlives it', () => {
    const former = { version: '1', rotatedAtMs: NOW_MS - 60_000 };
    const iat = NOW_SECONDS - 60;
    expect(judge({ iat }, NOW_MS, { ...former, untilMs: 1795179600000 })).toBe('in force');
    const short = { ...former, untilMs: 1795179599999 };
    expect(judge({ iat }, NOW_MS, short)).toBe('token_lifetime_too_long');
    expect(judge({ iat: NOW_SECONDS }, NOW_MS, short)).toBe('token_lifetime_too_long');
    expect(judge({ iat: 0 }, NOW_MS, { version: '1', untilMs: NOW_MS + 1 })).toBe(
      'token_lifetime_too_long',
    );
  });

  test('accepts a token that was signed before the rotation while the former key is valid', () => {
    const former = { version: '1', untilMs: NOW_MS + 1, rotatedAtMs: NOW_MS - 59_999 };
    expect(judge({ iat: NOW_SECONDS - 60 }, NOW_MS, former)).toBe('in force');
    // One without iat counts as issued seven days before its end.
    expect(judge({}, NOW_MS, former)).toBe('in force');
    expect(judge({ exp: NOW_SECONDS + 604_800 }, NOW_MS, former)).toBe('token_lifetime_too_long');
  });
});

describe('tokenIdOf', () => {
  test('names a token by its jti, else by the signed text, in two name spaces', () => {
    // printf 'jti\0a' | openssl dgst -sha256 -binary | basenc --base64url | cut -c1-22
    expect(tokenIdOf('a', 'x.y')).toBe('F0tDg-5AN192x14gY9qQh3');
    expect(tokenIdOf(undefined, 'a')).toBe('U2lrTS3eXtk4OmzrtTNtBY');
  });
});
