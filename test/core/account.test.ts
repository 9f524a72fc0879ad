import { describe, expect, it } from 'vitest';
import { type AccountPorts, account } from '../../core/account.ts';
import type { Grant } from '../../core/grant.ts';
import type { Hold } from '../../core/hold.ts';
import { asKeyId, asRequestId, asTokenId, asWalletId } from '../../core/ids.ts';
import { parseLimit } from '../../core/limits.ts';
import type { ListedModel } from '../../core/model-list.ts';
import { asNanoUsd } from '../../core/money.ts';
import type { Wallet } from '../../core/ports.ts';
import { FORMER_KEY, KEY } from '../support/memory-keys.ts';
import { mint, NOW_MS, NOW_SECONDS } from '../support/tokens.ts';

const SERVER: Grant = {
  account: 'acct_test',
  keyId: asKeyId('K1'),
  keyName: 'course',
  keyKind: 'server',
  credential: 'key',
  former: false,
  limits: [],
  maxTokenLifetimeSeconds: 604_800,
};
/** The digest of `jti` and `j1`. */
const J1 = asTokenId('6WZ-D1Bh-Gwr8Jc_ubYnmD');
const TOKEN: Grant = {
  ...SERVER,
  credential: 'scoped-token',
  token: {
    id: J1,
    jti: 'j1',
    spendingLimitNanoUsd: asNanoUsd(2_000_000_000n),
    issuedAtMs: NOW_MS - 1000,
    expiresAtMs: NOW_MS + 1000,
    revoked: false,
  },
};

const price = (input: bigint, output: bigint) => ({
  inputNanoPerMillion: input,
  outputNanoPerMillion: output,
  cachedInputNanoPerMillion: input / 10n,
  cacheWriteNanoPerMillion: input,
});
const model = (id: string, target = id): ListedModel => ({
  id,
  target,
  provider: target.split('/')[0] ?? '',
  price: price(2_500_000_000n, 10_000_000_000n),
});
const CATALOGUE: readonly ListedModel[] = [
  { ...model('demo/echo'), price: { ...price(1_000_000_000n, 0n), contextWindow: 128_000 } },
  model('fast', 'google/gemini-2.5-flash'),
  model('google/gemini-2.5-flash'),
  model('openai/gpt-5'),
  model('openrouter/meta-llama/llama-3'),
];

const EMPTY: Wallet = {
  id: asWalletId('W'),
  counters: new Map(),
  holds: new Map(),
  inFlight: 0,
  revokedTokens: new Set(),
  tokenKeepUntilMs: new Map(),
};
const hold = (usd: bigint, tokenId = J1): Hold => ({
  walletId: asWalletId('W'),
  requestId: asRequestId('R1'),
  attempt: 1,
  reservedAtMs: NOW_MS,
  leaseEndsAtMs: NOW_MS + 1,
  amounts: { usd: asNanoUsd(usd), tokens: 10n },
  tokenId,
  counted: [
    { per: 'user', unit: 'usd', window: 'total' },
    { per: 'token', unit: 'usd', window: 'total' },
    { per: 'user', unit: 'usd', window: 'week' },
  ],
});

interface Ask {
  readonly grant?: Grant;
  readonly wallets?: Readonly<Record<string, Wallet>>;
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string>>;
  readonly key?: string;
}
async function ask(
  route: string,
  { grant = SERVER, wallets = {}, body, query = {}, key = KEY }: Ask = {},
) {
  const [method = '', path = ''] = route.split(' ');
  const ports: AccountPorts = {
    clock: { nowMs: () => NOW_MS, sleep: async () => {} },
    random: { uuid: () => '00000000-0000-4000-8000-000000000001' },
    wallets: { find: async (id) => wallets[id] },
    catalogue: CATALOGUE,
  };
  const credential = grant.credential === 'key' ? key : 'jwt:a.b.c';
  const request = {
    method,
    path,
    query,
    headers: new Map([['authorization', [`Bearer ${credential}`]]]),
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  };
  return account(request, grant, ports);
}
const bodyOf = async (route: string, options?: Ask) => (await ask(route, options)).body;
const errorOf = async (route: string, options?: Ask) => {
  const error = await ask(route, options).catch((thrown) => thrown);
  return { code: error.code, message: error.message, param: error.facts?.param };
};

describe('any other route', () => {
  it.each([
    ['GET /'],
    ['POST /v1/models'],
    ['GET /v1/models/'],
    ['DELETE /v1/key'],
    ['POST /v1/audio/speech'],
    ['GET /v1/key/'],
    ['GET /v1/KEY'],
  ])('is not found: %s', async (route) => {
    expect(await errorOf(route)).toMatchObject({
      code: 'not_found',
      message: 'There is no such route.',
    });
  });
});

describe('a token', () => {
  it('that has expired meanwhile is refused on every route', async () => {
    const token = { ...TOKEN.token, expiresAtMs: NOW_MS } as Grant['token'] & object;
    expect((await errorOf('GET /v1/models', { grant: { ...TOKEN, token } })).code).toBe(
      'token_expired',
    );
  });

  it('that its key lists as revoked is refused on every route', async () => {
    const token = { ...TOKEN.token, revoked: true } as Grant['token'] & object;
    expect((await errorOf('GET /v1/models', { grant: { ...TOKEN, token } })).code).toBe(
      'token_revoked',
    );
  });
});

describe('GET /v1/models', () => {
  const idsOf = async (grant: Grant) =>
    (await bodyOf('GET /v1/models', { grant })).data as { id: string }[];

  it('lists what has a price, with the price of a token as a decimal', async () => {
    const body = await bodyOf('GET /v1/models');
    expect(body.object).toBe('list');
    expect((body.data as unknown[])[0]).toEqual({
      id: 'demo/echo',
      object: 'model',
      created: 0,
      owned_by: 'demo',
      context_length: 128_000,
      pricing: {
        prompt: '0.000001',
        completion: '0',
        input_cache_read: '0.0000001',
        input_cache_write: '0.000001',
      },
    });
    expect((body.data as unknown[])[1]).toMatchObject({
      id: 'fast',
      owned_by: 'google',
      pricing: { prompt: '0.0000025', completion: '0.00001' },
    });
  });

  it('lists only what the key and the token both allow', async () => {
    const token = { ...TOKEN.token, models: ['google/*', 'openai/gpt-5'] } as Grant['token'] &
      object;
    const ids = async (grant: Grant) => (await idsOf(grant)).map(({ id }) => id);
    expect(await ids(SERVER)).toHaveLength(5);
    expect(await ids({ ...TOKEN, token })).toEqual([
      'fast',
      'google/gemini-2.5-flash',
      'openai/gpt-5',
    ]);
    expect(await ids({ ...TOKEN, token, models: ['openai/*', 'demo/echo'] })).toEqual([
      'openai/gpt-5',
    ]);
  });

  it('shows one model, its slash as it is or escaped', async () => {
    expect(await bodyOf('GET /v1/models/openai/gpt-5')).toMatchObject({ id: 'openai/gpt-5' });
    expect(await bodyOf('GET /v1/models/openai%2Fgpt-5')).toMatchObject({ id: 'openai/gpt-5' });
    expect(await bodyOf('GET /v1/models/openrouter/meta-llama/llama-3')).toMatchObject({
      object: 'model',
    });
    expect(await bodyOf('GET /v1/models/fast')).toMatchObject({ id: 'fast', owned_by: 'google' });
  });

  it('does not know a model that is not there, or that may not be called', async () => {
    expect(await errorOf('GET /v1/models/openai/gpt-1')).toEqual({
      code: 'model_not_found',
      message: 'the model "openai/gpt-1" does not exist',
      param: 'model',
    });
    const grant = { ...SERVER, models: ['google/*'] };
    expect((await errorOf('GET /v1/models/openai/gpt-5', { grant })).code).toBe('model_not_found');
  });

  it.each([['%E0%A4%A'], ['<b>'], ['%00'], ['x'.repeat(300)]])(
    'repeats no foreign text: %s',
    async (id) => {
      expect(await errorOf(`GET /v1/models/${id}`)).toMatchObject({
        code: 'model_not_found',
        message: 'The model does not exist.',
      });
    },
  );
});

describe('GET /v1/key', () => {
  it('tells a server key about itself', async () => {
    const counters = new Map([['usd:total', 1_500_000_000n]]);
    const wallets = { 'K1#k': { ...EMPTY, counters } };
    expect(await bodyOf('GET /v1/key', { wallets })).toEqual({
      data: {
        label: 'course',
        limit: null,
        limit_remaining: null,
        limit_reset: null,
        usage: 1.5,
        reserved: 0,
        expires_at: null,
        models: null,
        user: null,
        limits: [],
      },
    });
  });

  it('tells a token what it has spent, what is held, and what is left', async () => {
    const held = hold(250_000_000n);
    const wallet: Wallet = {
      ...EMPTY,
      counters: new Map([[`t:${J1}:usd:total`, 750_000_000n]]),
      holds: new Map([[held.requestId, held]]),
    };
    const grant = { ...TOKEN, models: ['openai/*'] };
    expect(await bodyOf('GET /v1/key', { grant, wallets: { [`K1#t${J1}`]: wallet } })).toEqual({
      data: {
        label: 'j1',
        limit: 2,
        limit_remaining: 1.25,
        limit_reset: null,
        usage: 0.5,
        reserved: 0.25,
        expires_at: '2026-11-20T12:00:01.000Z',
        models: ['openai/*'],
        user: null,
        limits: [
          {
            per: 'token',
            unit: 'usd',
            window: 'total',
            limit: 2,
            used: 0.75,
            reserved: 0.25,
            remaining: 1.25,
            resets_at: null,
          },
        ],
      },
    });
  });

  it('names the limit in dollars that stops first, and all of them', async () => {
    const limits = ['user:usd:week=5', 'user:requests:minute=20'].map(parseLimit);
    const identity = { source: 'token', issuer: '', id: 'ada' } as const;
    const wallet: Wallet = {
      ...EMPTY,
      counters: new Map([
        ['usd:week:2026-11-16', 4_500_000_000n],
        ['usd:total', 9_000_000_000n],
        ['requests:minute:29919600', 3n],
      ]),
    };
    const wallets = { 'K1#ug1CRPRPoT7skVK4PBEcM9L': wallet };
    const { data } = await bodyOf('GET /v1/key', {
      grant: { ...TOKEN, identity, limits },
      wallets,
    });
    expect(data).toMatchObject({
      limit: 5,
      limit_remaining: 0.5,
      limit_reset: 'weekly',
      usage: 0,
      user: 'ada',
      limits: [
        { per: 'token', unit: 'usd', remaining: 2 },
        { window: 'week', used: 4.5, remaining: 0.5, resets_at: '2026-11-23T00:00:00.000Z' },
        {
          unit: 'requests',
          limit: 20,
          used: 3,
          remaining: 17,
          resets_at: '2026-11-20T12:01:00.000Z',
        },
      ],
    });
  });

  it('leaves nothing of a limit that was lowered below what is spent', async () => {
    const wallet = { ...EMPTY, counters: new Map([[`t:${J1}:usd:total`, 3_000_000_000n]]) };
    const { data } = await bodyOf('GET /v1/key', {
      grant: TOKEN,
      wallets: { [`K1#t${J1}`]: wallet },
    });
    expect(data).toMatchObject({ limit: 2, limit_remaining: 0, usage: 3 });
  });

  it('shows the models that both lists leave', async () => {
    const token = { ...TOKEN.token, models: ['openai/*', 'google/x'] } as Grant['token'] & object;
    const grant = { ...TOKEN, token, models: ['openai/gpt-5', 'demo/*'] };
    expect((await bodyOf('GET /v1/key', { grant })).data).toMatchObject({
      models: ['openai/gpt-5'],
    });
  });

  it.each<[string, Partial<Wallet>, string | undefined]>([
    ['by its name', { revokedTokens: new Set([J1]) }, 'token_revoked'],
    ['by its age', { notBeforeMs: NOW_MS - 1000 }, 'token_revoked'],
    ['not, when it is younger', { notBeforeMs: NOW_MS - 1001 }, undefined],
    ['not, when another is', { revokedTokens: new Set([asTokenId('T2')]) }, undefined],
    ['not, however many are in flight', { inFlight: 1_000_000 }, undefined],
  ])('refuses a revoked token: %s', async (_, fields, code) => {
    const wallets = { [`K1#t${J1}`]: { ...EMPTY, ...fields } };
    expect((await errorOf('GET /v1/key', { grant: TOKEN, wallets })).code).toBe(code);
  });
});

const claimsOf = (token: unknown) =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString());

describe('POST /v1/scoped-jwt', () => {
  const issue = (body: unknown, options: Ask = {}) =>
    bodyOf('POST /v1/scoped-jwt', { ...options, body });

  it('signs with the key presented, to the byte as a foreign library would', async () => {
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

  it('gives a day and a name of its own to a token that asks for nothing', async () => {
    const { token, expires_at } = await issue({});
    expect(expires_at).toBe(NOW_SECONDS + 86_400);
    expect(claimsOf(token)).toEqual({
      sub: 'acct_test',
      iat: NOW_SECONDS,
      exp: NOW_SECONDS + 86_400,
      jti: '00000000-0000-4000-8000-000000000001',
    });
  });

  it('gives no longer than the key allows, when it is asked for nothing', async () => {
    const grant = { ...SERVER, maxTokenLifetimeSeconds: 600 };
    expect((await issue({}, { grant })).expires_at).toBe(NOW_SECONDS + 600);
  });

  it('takes a field of null as absent', async () => {
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

  it.each([
    [{ expires_delta: 1 }, NOW_SECONDS + 1],
    [{ expires_delta: 1.9 }, NOW_SECONDS + 1],
    [{ expires_delta: 604_800 }, NOW_SECONDS + 604_800],
    [{ expires_at: NOW_SECONDS + 1 }, NOW_SECONDS + 1],
    [{ expires_at: NOW_SECONDS + 604_800 }, NOW_SECONDS + 604_800],
  ])('ends as asked: %j', async (body, expected) => {
    expect((await issue(body)).expires_at).toBe(expected);
  });

  it('takes the name of the key, if it is this one', async () => {
    expect((await issue({ api_key_name: 'course' })).token).toMatch(/^jwt:/);
  });

  it.each<[unknown, string, string | undefined]>([
    [
      { model: 'a/b' },
      '"model" is unknown, allowed are models, spending_limit, user, jti, expires_delta, expires_at, api_key_name',
      'model',
    ],
    [
      { ['x'.repeat(100)]: 1 },
      `"${'x'.repeat(64)}" is unknown, allowed are models, spending_limit, user, jti, expires_delta, expires_at, api_key_name`,
      'x'.repeat(64),
    ],
    [{ models: [] }, '"models" must be a list of 1 to 64 model ids or "provider/*"', 'models'],
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
    [{ user: '' }, '"user" must be 1 to 256 characters, none a control character', 'user'],
    [{ jti: 5 }, '"jti" must be 1 to 256 characters, none a control character', 'jti'],
    [
      { api_key_name: 'other' },
      '"api_key_name" must be the name of the key that is presented',
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
      'the body must be one JSON object without a field twice',
      undefined,
    ],
    ['{', 'the body must be one JSON object without a field twice', undefined],
    ['[]', 'the body must be one JSON object without a field twice', undefined],
    [undefined, 'the body must be one JSON object without a field twice', undefined],
  ])('refuses %j', async (body, message, param) => {
    expect(await errorOf('POST /v1/scoped-jwt', { body })).toEqual({
      code: 'invalid_request',
      message,
      param,
    });
  });

  it.each<[string, Grant]>([
    ['a token', TOKEN],
    ['a personal key', { ...SERVER, keyKind: 'personal' }],
    ['a client', { ...SERVER, keyKind: 'client', credential: 'client-access' }],
    ['a client key', { ...SERVER, keyKind: 'client' }],
  ])('is for server keys alone, not for %s', async (_, grant) => {
    for (const route of ['POST /v1/scoped-jwt', 'GET /v1/scoped-jwt']) {
      expect(await errorOf(route, { grant, body: {} })).toMatchObject({
        code: 'route_not_allowed',
        message: 'only a server key, presented alone, may use this route',
      });
    }
  });

  it('is not for a key that was replaced', async () => {
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

  it('tells what a token allows and what it has spent', async () => {
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

  it('looks in the wallet of the user that the token was given to', async () => {
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

  it('tells of a token that has expired, and of one never used', async () => {
    const token = mint({ claims: { exp: NOW_SECONDS - 1, spending_limit: 2 } });
    expect(await describeIt(token)).toMatchObject({
      expires_at: NOW_SECONDS - 1,
      spent: 0,
      remaining: 2,
      revoked: false,
    });
  });

  it.each([
    ['nothing', ''],
    ['no token', 'jwt:CANARY'],
    ['a token of another key', mint({ key: FORMER_KEY })],
    ['a token that names another key', mint({ header: { kid: 'acct_test:b3RoZXI=' } })],
    ['a token of another account', mint({ header: { kid: 'acct_other:Y291cnNl' } })],
    ['a token whose claims cannot be read', mint({ claims: { models: [] } })],
  ])('refuses %s', async (_, jwtoken) => {
    expect(await errorOf('GET /v1/scoped-jwt', { query: { jwtoken } })).toEqual({
      code: 'invalid_request',
      message: '"jwtoken" must be a scoped token that was signed with the key presented',
      param: 'jwtoken',
    });
  });
});
