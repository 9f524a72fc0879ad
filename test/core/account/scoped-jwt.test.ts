import { describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import type { Wallet } from '../../../core/wallet/ports.ts';
import {
  type Ask,
  bodyOf,
  EMPTY,
  errorOf,
  hold,
  J1,
  SERVER,
  TOKEN,
} from '../../support/account.ts';
import { FORMER_KEY } from '../../support/memory-keys.ts';
import { mint, NOW_MS, NOW_SECONDS } from '../../support/tokens.ts';

const claimsOf = (token: unknown) =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString());

describe('POST /v1/scoped-jwt', () => {
  const issue = (body: unknown, options: Ask = {}) =>
    bodyOf('POST /v1/scoped-jwt', { ...options, body });

  test('signs with the key of the request, with the same bytes as another library', async () => {
    const body = {
      models: ['openai/gpt-5'],
      spending_limit: 2,
      user: 'ada',
      jti: 'j1',
      expires_delta: 3600,
    };
    const exp = NOW_SECONDS + 3600;
    const payloadText = JSON.stringify({
      sub: 'acct_test',
      iat: NOW_SECONDS,
      exp,
      models: ['openai/gpt-5'],
      spending_limit: 2,
      user: 'ada',
      jti: 'j1',
    });
    expect(await issue(body)).toEqual({ token: mint({ payloadText }), expires_at: exp });
  });

  test('defaults to a day and a random name', async () => {
    const { token, expires_at } = await issue({});
    expect(expires_at).toBe(NOW_SECONDS + 86_400);
    expect(claimsOf(token)).toEqual({
      sub: 'acct_test',
      iat: NOW_SECONDS,
      exp: NOW_SECONDS + 86_400,
      jti: '00000000-0000-4000-8000-000000000001',
    });
  });

  test("defaults to the key's longest lifetime if that is less than a day", async () => {
    const grant = { ...SERVER, maxTokenLifetimeSeconds: 600 };
    expect((await issue({}, { grant })).expires_at).toBe(NOW_SECONDS + 600);
  });

  test('signs no token beyond the end of its key', async () => {
    const grant = { ...SERVER, keyExpiresAtMs: (NOW_SECONDS + 90) * 1000 };
    expect((await issue({}, { grant })).expires_at).toBe(NOW_SECONDS + 90);
    expect(
      await errorOf('POST /v1/scoped-jwt', { grant, body: { expires_delta: 91 } }),
    ).toMatchObject({
      code: 'invalid_request',
      message: '"expires_delta" must be seconds from 1 to 90',
    });
  });

  test('treats a field of null as absent', async () => {
    const body = {
      models: null,
      spending_limit: null,
      user: null,
      jti: null,
      expires_delta: null,
      expires_at: null,
      api_key_name: null,
    };
    expect(Object.keys(claimsOf((await issue(body)).token))).toEqual(['sub', 'iat', 'exp', 'jti']);
  });

  test.each([
    [{ expires_delta: 1 }, NOW_SECONDS + 1],
    [{ expires_delta: 1.9 }, NOW_SECONDS + 1],
    [{ expires_delta: 604_800 }, NOW_SECONDS + 604_800],
    [{ expires_at: NOW_SECONDS + 1 }, NOW_SECONDS + 1],
    [{ expires_at: NOW_SECONDS + 604_800 }, NOW_SECONDS + 604_800],
  ])('ends as requested: %j', async (body, expected) => {
    expect((await issue(body)).expires_at).toBe(expected);
  });

  test('accepts the name of this key', async () => {
    expect((await issue({ api_key_name: 'course' })).token).toMatch(/^jwt:/);
  });

  test.each<[unknown, string, string | undefined]>([
    [
      { model: 'a/b' },
      '"model" is unknown, allowed are models, spending_limit, user, jti, tags, expires_delta, expires_at, api_key_name',
      'model',
    ],
    [
      { ['x'.repeat(100)]: 1 },
      `"${'x'.repeat(64)}" is unknown, allowed are models, spending_limit, user, jti, tags, expires_delta, expires_at, api_key_name`,
      'x'.repeat(64),
    ],
    [{ models: [] }, '"models" must be a list of 1 to 64 model ids or "provider/*"', 'models'],
    [
      { models: ['openai/gpt-5', 'nobody/*', 'gpt-99'] },
      '"models" has entries that match no model here: nobody/*, gpt-99',
      'models',
    ],
    [{ models: 'a/b' }, '"models" must be a list of 1 to 64 model ids or "provider/*"', 'models'],
    [
      { spending_limit: 0 },
      '"spending_limit" must be a number of dollars from 0.000000001 to 1000000000',
      'spending_limit',
    ],
    [
      { spending_limit: '2' },
      '"spending_limit" must be a number of dollars from 0.000000001 to 1000000000',
      'spending_limit',
    ],
    [{ user: '' }, '"user" must be 1 to 256 characters without control characters', 'user'],
    [{ jti: 5 }, '"jti" must be 1 to 256 characters without control characters', 'jti'],
    [
      { api_key_name: 'other' },
      '"api_key_name" must be the name of the key in the request',
      'api_key_name',
    ],
    [{ expires_delta: 0 }, '"expires_delta" must be seconds from 1 to 604800', 'expires_delta'],
    [
      { expires_delta: 604_801 },
      '"expires_delta" must be seconds from 1 to 604800',
      'expires_delta',
    ],
    [{ expires_delta: '60' }, '"expires_delta" must be seconds from 1 to 604800', 'expires_delta'],
    [
      { expires_at: NOW_SECONDS },
      '"expires_at" must be unix seconds from 1795176001 to 1795780800',
      'expires_at',
    ],
    [
      { expires_at: NOW_SECONDS + 604_801 },
      '"expires_at" must be unix seconds from 1795176001 to 1795780800',
      'expires_at',
    ],
    [
      { expires_at: NOW_MS },
      '"expires_at" must be unix seconds from 1795176001 to 1795780800',
      'expires_at',
    ],
    [
      { expires_at: NOW_SECONDS + 1, expires_delta: 1 },
      '"expires_at" must not be given together with "expires_delta"',
      'expires_at',
    ],
    [
      '{"user":"a","user":"b"}',
      'the body must be one JSON object in which no field is repeated',
      undefined,
    ],
    ['{', 'the body must be one JSON object in which no field is repeated', undefined],
    ['[]', 'the body must be one JSON object in which no field is repeated', undefined],
    [undefined, 'the body must be one JSON object in which no field is repeated', undefined],
  ])('refuses %j', async (body, message, param) => {
    expect(await errorOf('POST /v1/scoped-jwt', { body })).toEqual({
      code: 'invalid_request',
      message,
      param,
    });
  });

  // guarantee: tokens-sign-nothing
  test.each<[string, Grant]>([
    ['a token', TOKEN],
    ['a personal key', { ...SERVER, keyKind: 'personal' }],
    ['a client', { ...SERVER, keyKind: 'client', credential: 'client-access' }],
    ['a client key', { ...SERVER, keyKind: 'client' }],
  ])('refuses %s: only server keys are allowed', async (_, grant) => {
    for (const route of ['POST /v1/scoped-jwt', 'GET /v1/scoped-jwt']) {
      expect(await errorOf(route, { grant, body: {} })).toMatchObject({
        code: 'route_not_allowed',
        message: 'only a server key without a token or JWT may use this route',
      });
    }
  });

  test('throws an error that no field explains', async () => {
    const grant = { ...SERVER, maxTokenLifetimeSeconds: 0 };
    expect((await errorOf('POST /v1/scoped-jwt', { grant, body: {} })).code).toBe('token_expired');
  });

  // guarantee: tokens-sign-nothing
  test('refuses a replaced key', async () => {
    const former = { grant: { ...SERVER, former: true }, key: FORMER_KEY, body: {} };
    expect(await errorOf('POST /v1/scoped-jwt', former)).toMatchObject({
      code: 'route_not_allowed',
      message: 'a key that has been replaced signs no tokens; use the new one',
    });
  });
});

describe('GET /v1/scoped-jwt', () => {
  const describeIt = (jwtoken: string, options: Ask = {}) =>
    bodyOf('GET /v1/scoped-jwt', { ...options, query: { jwtoken } });
  const held = hold(250_000_000n);
  const spent: Wallet = {
    ...EMPTY,
    counters: new Map([[`t:${J1}:usd:total`, 750_000_000n]]),
    holds: new Map([[held.requestId, held]]),
  };

  test('shows what a token allows and has spent', async () => {
    const token = mint({ claims: { jti: 'j1', models: ['openai/gpt-5'], spending_limit: 2 } });
    const expected = {
      expires_at: NOW_SECONDS + 3600,
      models: ['openai/gpt-5'],
      spending_limit: 2,
      spent: 0.5,
      reserved: 0.25,
      remaining: 1.25,
      revoked: false,
      user: null,
    };
    const wallets = { [`K1#t${J1}`]: spent };
    expect(await describeIt(token, { wallets })).toEqual(expected);
    expect(await describeIt(token.slice('jwt:'.length), { wallets })).toEqual(expected);
  });

  test("reads the wallet of the token's user", async () => {
    const token = mint({ claims: { jti: 'j1', user: 'ada' } });
    const wallets = { 'K1#ug1CRPRPoT7skVK4PBEcM9L': { ...spent, revokedTokens: new Set([J1]) } };
    expect(await describeIt(token, { wallets })).toEqual({
      expires_at: NOW_SECONDS + 3600,
      models: null,
      spending_limit: null,
      spent: 0.5,
      reserved: 0.25,
      remaining: null,
      revoked: true,
      user: 'ada',
    });
  });

  test('describes an expired token, and an unused one', async () => {
    const token = mint({ claims: { exp: NOW_SECONDS - 1, spending_limit: 2 } });
    expect(await describeIt(token)).toMatchObject({
      expires_at: NOW_SECONDS - 1,
      spent: 0,
      remaining: 2,
      revoked: false,
    });
  });

  test('shows nothing left of a limit that another token of the same name exceeded', async () => {
    const token = mint({ claims: { jti: 'j1', spending_limit: 0.5 } });
    const wallets = { [`K1#t${J1}`]: spent };
    expect(await describeIt(token, { wallets })).toMatchObject({
      spending_limit: 0.5,
      remaining: 0,
    });
  });

  test('refuses a request without a token', async () => {
    expect((await errorOf('GET /v1/scoped-jwt')).code).toBe('invalid_request');
  });

  test.each([
    ['nothing', ''],
    ['no token', 'jwt:CANARY'],
    ['a token of another key', mint({ key: FORMER_KEY })],
    ['a token that names another key', mint({ header: { kid: 'acct_test:b3RoZXI=' } })],
    ['a token of another account', mint({ header: { kid: 'acct_other:Y291cnNl' } })],
    ['a token whose claims cannot be read', mint({ claims: { models: [] } })],
  ])('refuses %s', async (_, jwtoken) => {
    expect(await errorOf('GET /v1/scoped-jwt', { query: { jwtoken } })).toEqual({
      code: 'invalid_request',
      message: '"jwtoken" must be a scoped token that the key of this request signed',
      param: 'jwtoken',
    });
  });
});
