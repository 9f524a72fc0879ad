import { describe, expect, test } from 'vitest';
import { config } from '#config';
import { GatewayError } from '../../core/base/errors.ts';
import { defineConfig } from '../../core/config.ts';
import { explain } from '../../core/explain.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { makePriceBook, PRICE_TABLE } from '../../core/models/pricing.ts';
import type { PersonNote } from '../../core/wallet/person.ts';
import type { Wallet } from '../../core/wallet/ports.ts';
import { EMPTY, hold, J1 } from '../support/account.ts';
import { makeAuthorizePorts } from '../support/authorize-ports.ts';
import { mintJwt } from '../support/jwts.ts';
import { FORMER_KEY, KEY, makeMemoryKeys, OUTAGE, SERVER_RECORD } from '../support/memory-keys.ts';
import { mint, NOW_MS } from '../support/tokens.ts';
import { SECRET_VERIFIER } from '../support/user-jwts.ts';

const makePorts = (
  wallet?: Wallet,
  keys = makeMemoryKeys(),
  secrets = keys,
  note: PersonNote | undefined = undefined,
) => ({
  authorize: makeAuthorizePorts(keys, secrets),
  wallets: {
    find: async () => wallet,
    findSpilled: async () => undefined,
    findAll: async () => [],
    findDrawn: async () => 0n,
    findHolders: async () => [],
  },
  people: { findNote: async () => note },
  settings: { config, providerUrls: {}, prices: makePriceBook(PRICE_TABLE, {}) },
});

const ask = (credential: string, model?: string) => ({
  headers: new Map([['authorization', [`Bearer ${credential}`]]]),
  model,
});

/** A token of 1 USD whose counter is `used`; `held` of it is held. */
async function limitCheck(used: bigint, held: bigint) {
  const token = mint({ claims: { jti: 'j1', spending_limit: 1 } });
  const wallet = {
    ...EMPTY,
    counters: new Map([[`t:${J1}:usd:total`, used]]),
    holds: new Map(held === 0n ? [] : [[hold(held).requestId, hold(held)]]),
    inFlight: held === 0n ? 0 : 1,
  };
  const checks = await explain(ask(token, 'demo/echo'), makePorts(wallet));
  return checks.at(-1);
}

describe('explain', () => {
  test('lists the form, the record, the version and the user of a key', async () => {
    const record = { ...SERVER_RECORD, kind: 'personal' as const, user: 'ada' };
    const checks = await explain(ask(KEY), makePorts(undefined, makeMemoryKeys(record)));
    expect(checks).toEqual(
      [
        ['credential', 'a key'],
        ['form', 'a key of Hallpass, with its checksum'],
        ['key', '"course", a personal key that is in force'],
        ['version', "of the key's string in force"],
        ['identity', 'the user "ada"'],
        ['block', 'not blocked'],
      ].map(([check, found]) => ({ check, passed: true, found })),
    );
  });

  test('shows that a key is disabled, which its caller does not learn', async () => {
    const keys = makeMemoryKeys({ ...SERVER_RECORD, disabled: true });
    expect((await explain(ask(KEY), makePorts(undefined, keys))).at(-1)).toEqual({
      check: 'key',
      passed: false,
      found: 'The API key is missing or not valid. (a disabled key)',
      code: 'invalid_api_key',
      status: 401,
    });
  });

  test("shows that a token is on its key's list of revoked tokens", async () => {
    const keys = makeMemoryKeys({ ...SERVER_RECORD, revoked: [J1] });
    const token = mint({ claims: { jti: 'j1' } });
    expect((await explain(ask(token), makePorts(undefined, keys))).at(-1)).toEqual({
      check: 'revocation',
      passed: false,
      found: 'The token has been revoked.',
      code: 'token_revoked',
      status: 401,
    });
  });

  test('shows that a token of a former key ends with that key, if not sooner', async () => {
    const record: KeyRecord = {
      ...SERVER_RECORD,
      former: { version: '1', untilMs: NOW_MS + 60_000, rotatedAtMs: NOW_MS },
    };
    const endOf = async (exp: number) => {
      const token = mint({ key: FORMER_KEY, claims: { iat: NOW_MS / 1000 - 60, exp } });
      const checks = await explain(ask(token), makePorts(undefined, makeMemoryKeys(record)));
      return checks.find(({ check }) => check === 'times')?.found;
    };
    expect(await endOf(NOW_MS / 1000 + 30)).toBe('in force until 2026-11-20T12:00:30.000Z');
    expect(await endOf(NOW_MS / 1000 + 90)).toBe('in force until 2026-11-20T12:01:00.000Z');
  });

  test('shows an outage, not a refusal, at the check that needs what is down', async () => {
    const lastOf = async (credential: string, ports: ReturnType<typeof makePorts>) => {
      const { check, passed, status } = (await explain(ask(credential), ports)).at(-1) ?? {};
      return { check, passed, status };
    };
    const outage = { passed: false, status: 503 };
    const down = makePorts(undefined, OUTAGE);
    expect(await lastOf(KEY, down)).toEqual({ check: 'key', ...outage });
    expect(await lastOf(mint(), down)).toEqual({ check: 'key', ...outage });
    const noSecrets = makePorts(undefined, makeMemoryKeys(), OUTAGE);
    expect(await lastOf(mint(), noSecrets)).toEqual({ check: 'signature', ...outage });
    const noWallets = makePorts();
    noWallets.wallets.find = async () => {
      throw new GatewayError('service_unavailable');
    };
    expect(await lastOf(mint(), noWallets)).toEqual({ check: 'limits', ...outage });
  });

  test('throws a programming mistake unchanged', async () => {
    const wrong = makePorts();
    wrong.wallets.find = async () => {
      throw new TypeError('ours');
    };
    await expect(explain(ask(mint()), wrong)).rejects.toThrow('ours');
  });
});

describe('the check of a block', () => {
  const person = { rev: 'r', limits: [], creditNanoUsd: 0n, isBlocked: true };
  const blockOf = async (reason?: string) => {
    const note = { ...(reason !== undefined && { reason }), changes: new Map() };
    const keys = makeMemoryKeys();
    const ports = makePorts({ ...EMPTY, person }, keys, keys, note);
    const checks = await explain(ask(mint({ claims: { user: 'ada' } })), ports);
    return checks.find(({ check }) => check === 'block');
  };

  test('fails with the reason of the owner, after the token was found not to be revoked', async () => {
    expect(await blockOf('shares the token')).toEqual({
      check: 'block',
      passed: false,
      found: 'The owner of the key blocked this user. Reason: shares the token',
      code: 'user_blocked',
      status: 403,
    });
    expect((await blockOf())?.found).toBe('The owner of the key blocked this user.');
  });

  test('says that the person was forgotten', async () => {
    expect((await blockOf('removed'))?.found).toBe(
      'The owner of the key blocked this user. Reason: removed (the person was forgotten, and the block stays)',
    );
  });

  test('is not made for a bare key, which is no person', async () => {
    const checks = await explain(ask(KEY), makePorts());
    expect(checks.map(({ check }) => check)).not.toContain('block');
  });
});

describe('the end of a key', () => {
  const expiresAtMs = NOW_MS + 60_000;
  const explainBy = (credential: string, end: number) =>
    explain(
      ask(credential),
      makePorts(undefined, makeMemoryKeys({ ...SERVER_RECORD, expiresAtMs: end })),
    );

  test('is shown with the key, and is the end of its tokens', async () => {
    const checks = await explainBy(mint(), expiresAtMs);
    expect(checks.find(({ check }) => check === 'key')?.found).toBe(
      '"course", a server key that is in force until 2026-11-20T12:01:00.000Z',
    );
    expect(checks.find(({ check }) => check === 'times')?.found).toBe(
      'in force until 2026-11-20T12:01:00.000Z',
    );
  });

  test.each([
    ['the key', KEY],
    ['its token', mint()],
  ])('fails the check of %s once it is past', async (_, credential) => {
    expect((await explainBy(credential, NOW_MS)).at(-1)).toMatchObject({
      check: 'key',
      passed: false,
      found: 'The API key is missing or not valid. (an expired key)',
      status: 401,
    });
  });
});

describe('the check of a model', () => {
  test.each(['anthropic', 'google', 'openai'] as const)(
    'works in the dialect of its provider, even if that is only %s',
    async (wire) => {
      const ports = makePorts();
      const config = defineConfig({
        providers: { lab: { baseUrl: 'https://llm.example.edu/v1', wire } },
        prices: { 'lab/m': { inputUsdPerMillion: 1, outputUsdPerMillion: 2 } },
      });
      const prices = makePriceBook(PRICE_TABLE, config.prices);
      const settings = { config, providerUrls: {}, prices };
      const checks = await explain(ask(mint(), 'lab/m'), { ...ports, settings });
      expect(checks.filter(({ passed }) => !passed)).toEqual([]);
      expect(checks.find(({ check }) => check === 'price')?.found).toBe(
        '1 USD per million tokens in, 2 out',
      );
    },
  );
});

describe('the check of a caller', () => {
  const CLIENT: KeyRecord = {
    ...SERVER_RECORD,
    kind: 'client',
    verifier: {
      ...SECRET_VERIFIER,
      issuers: ['https://issuer.example.edu/'],
      audiences: ['hallpass'],
      required: [{ claim: 'tier', values: ['pro'] }],
    },
    identity: { enforceIdentity: true, allowedDomains: ['example.edu'] },
  };
  const GOOD = { tier: 'pro', email: 'ada@example.edu', email_verified: true };
  const explainAs = (
    credential: string,
    record: KeyRecord,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const all = { authorization: `Bearer ${credential}`, ...headers };
    const sent = new Map(Object.entries(all).map(([name, value]) => [name, [value]]));
    return explain(
      { headers: sent, model: undefined },
      makePorts(undefined, makeMemoryKeys(record)),
    );
  };

  test('lists each check of a JWT in order', async () => {
    const checks = await explainAs(`${KEY}:${mintJwt({ claims: GOOD })}`, CLIENT, {
      origin: 'https://app.example.edu',
      'x-conversation-id': 'c1',
    });
    expect(checks.map(({ check, passed }) => (passed ? check : `failed ${check}`))).toEqual([
      'credential',
      'form',
      'key',
      'version',
      'verifier',
      'jwt form',
      'jwt signature',
      'issuer',
      'audience',
      'azp',
      'jwt times',
      'user',
      'required claims',
      'enforced',
      'domain',
      'origin',
      'conversation',
      'identity',
      'block',
    ]);
    expect(checks.at(-2)?.found).toBe('the user "ada", whose JWT it is, conversation "c1"');
    expect(checks.find(({ check }) => check === 'verifier')?.found).toBe(
      'the key has a shared secret for JWTs of HS256, HS384, HS512',
    );
  });

  test.each<[string, string, KeyRecord, Readonly<Record<string, string>>?]>([
    ['key 401', KEY, CLIENT],
    ['verifier 401', `${KEY}:${mintJwt()}`, SERVER_RECORD],
    ['jwt form 401', `${KEY}:hello`, CLIENT],
    ['jwt signature 401', `${KEY}:${mintJwt({ key: 'x'.repeat(64) })}`, CLIENT],
    ['issuer 401', `${KEY}:${mintJwt({ claims: { ...GOOD, iss: 'me' } })}`, CLIENT],
    ['audience 401', `${KEY}:${mintJwt({ claims: { ...GOOD, aud: 'me' } })}`, CLIENT],
    ['azp 401', `${KEY}:${mintJwt({ claims: { ...GOOD, azp: 1 } })}`, CLIENT],
    ['jwt times 401', `${KEY}:${mintJwt({ claims: { ...GOOD, exp: 1 } })}`, CLIENT],
    ['user 401', `${KEY}:${mintJwt({ claims: { ...GOOD, sub: '' } })}`, CLIENT],
    ['required claims 403', `${KEY}:${mintJwt({ claims: { ...GOOD, tier: 'free' } })}`, CLIENT],
    ['domain 403', `${KEY}:${mintJwt({ claims: { ...GOOD, email_verified: false } })}`, CLIENT],
    ['identity 403', KEY, { ...SERVER_RECORD, identity: { enforceIdentity: true } }],
    ['conversation 400', KEY, { ...SERVER_RECORD, identity: { enforceConversation: true } }],
    ['conversation 400', KEY, SERVER_RECORD, { 'x-conversation-id': 'a b' }],
    [
      'user header 400',
      KEY,
      { ...SERVER_RECORD, identity: { identityHeader: true } },
      { 'x-user-email': '' },
    ],
    [
      'origin 403',
      KEY,
      { ...SERVER_RECORD, allowedOrigins: ['https://app.example.edu'] },
      { origin: 'https://evil.example' },
    ],
  ])('names the check that fails: %s', async (expected, credential, record, headers) => {
    const last = (await explainAs(credential, record, headers)).at(-1);
    expect(`${last?.check} ${last?.status}`).toBe(expected);
    expect(last?.passed).toBe(false);
  });

  test('shows that a header names the user', async () => {
    const record = { ...SERVER_RECORD, identity: { identityHeader: true } };
    const checks = await explainAs(KEY, record, { 'x-user-email': 'ada@example.edu' });
    expect(checks.at(-2)?.found).toBe('the user "ada@example.edu", named by a header');
  });
});

describe('a spending limit', () => {
  test('passes if enough is left', async () => {
    expect(await limitCheck(400_000_000n, 100_000_000n)).toEqual({
      check: 'limit token:usd:total',
      passed: true,
      found: '0.4 of 1 used (0.1 of it held by requests in flight), 0.6 left',
    });
  });

  test('fails with 402 if the money is gone', async () => {
    expect(await limitCheck(1_000_000_000n, 0n)).toMatchObject({
      passed: false,
      code: 'insufficient_quota',
      status: 402,
    });
  });

  test('fails with 429 if requests in flight hold the money', async () => {
    expect(await limitCheck(1_000_000_000n, 100_000_000n)).toMatchObject({
      passed: false,
      code: 'budget_in_use',
      status: 429,
    });
  });
});
