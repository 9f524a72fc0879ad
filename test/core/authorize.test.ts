import { describe, expect, test } from 'vitest';
import { authorize } from '../../core/authorize.ts';
import { asTokenId } from '../../core/base/ids.ts';
import { parseLimit } from '../../core/base/limit-text.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { makeAuthorizePorts } from '../support/authorize-ports.ts';
import { bearer, decide, decisionOf, grantOf, PERSONAL, ROTATED } from '../support/decisions.ts';
import { mintJwt } from '../support/jwts.ts';
import {
  FORMER_KEY,
  KEY,
  makeMemoryKeys,
  OUTAGE,
  SERVER_RECORD,
  UNKNOWN_KEY,
} from '../support/memory-keys.ts';
import { mint, NOW_MS, NOW_SECONDS } from '../support/tokens.ts';
import { SECRET_VERIFIER } from '../support/user-jwts.ts';

describe('a server key', () => {
  test('is granted the rights in its record', async () => {
    const limits = [parseLimit('user:requests:minute=20')];
    expect(await grantOf(bearer(KEY), { ...SERVER_RECORD, limits, models: ['openai/*'] })).toEqual({
      account: 'acct_test',
      keyId: 'AAAAAAAAAAAAAAAAAAAAAA',
      keyName: 'course',
      keyKind: 'server',
      credential: 'key',
      former: false,
      models: ['openai/*'],
      limits: [{ per: 'user', unit: 'requests', window: 'minute', amount: 20n }],
      maxTokenLifetimeSeconds: 604_800,
    });
  });

  test('speaks for nobody, whatever a header says', async () => {
    const sent = { ...bearer(KEY), 'x-user-email': ['ada@example.edu'] };
    expect((await grantOf(sent)).identity).toBeUndefined();
  });

  test('is granted with its conversation', async () => {
    const sent = { ...bearer(KEY), 'x-conversation-id': ['c-1'] };
    expect((await grantOf(sent)).conversation).toBe('c-1');
  });

  test('is accepted with its former string until the overlap ends, and marked as former', async () => {
    expect(await grantOf(bearer(FORMER_KEY), ROTATED)).toMatchObject({ former: true });
    expect(await grantOf(bearer(KEY), ROTATED)).toMatchObject({ former: false });
    const ended = { ...SERVER_RECORD, former: { version: '1', untilMs: NOW_MS } };
    expect(await decisionOf(bearer(FORMER_KEY), ended)).toBe('denied invalid_api_key');
    expect(await decisionOf(bearer(FORMER_KEY), SERVER_RECORD)).toBe('denied invalid_api_key');
  });
});

test('lets a personal key speak for its user', async () => {
  const grant = await grantOf(bearer(KEY), PERSONAL);
  expect(grant).toMatchObject({
    keyKind: 'personal',
    identity: { source: 'personal', issuer: '', id: 'ada' },
  });
});

describe('a scoped token', () => {
  test('is granted its own rights within those of its key', async () => {
    const claims = { models: ['openai/gpt-5'], spending_limit: 2, user: 'ada', jti: 'j1' };
    expect(
      await grantOf(bearer(mint({ claims })), { ...SERVER_RECORD, models: ['openai/*'] }),
    ).toEqual({
      account: 'acct_test',
      keyId: 'AAAAAAAAAAAAAAAAAAAAAA',
      keyName: 'course',
      keyKind: 'server',
      credential: 'scoped-token',
      former: false,
      identity: { source: 'token', issuer: '', id: 'ada' },
      token: {
        id: '6WZ-D1Bh-Gwr8Jc_ubYnmD',
        jti: 'j1',
        spendingLimitNanoUsd: 2_000_000_000n,
        models: ['openai/gpt-5'],
        issuedAtMs: 1794574800000,
        expiresAtMs: 1795179600000,
        revoked: false,
      },
      models: ['openai/*'],
      limits: [],
      maxTokenLifetimeSeconds: 604_800,
    });
  });

  test('is marked as revoked if its key lists it', async () => {
    const revoked = [asTokenId('6WZ-D1Bh-Gwr8Jc_ubYnmD')];
    const token = bearer(mint({ claims: { jti: 'j1' } }));
    expect((await grantOf(token, { ...SERVER_RECORD, revoked })).token?.revoked).toBe(true);
    expect((await grantOf(bearer(mint()), { ...SERVER_RECORD, revoked })).token?.revoked).toBe(
      false,
    );
  });

  test('has one identity for each jti, whatever its other claims', async () => {
    const one = await grantOf(bearer(mint({ claims: { jti: 'j1' } })));
    const two = await grantOf(bearer(mint({ claims: { jti: 'j1', spending_limit: 5 } })));
    expect(one.token?.id).toBe(two.token?.id);
  });

  test('is valid if the former key signed it, but not longer than that key', async () => {
    const exp = NOW_SECONDS + 3600;
    const token = mint({ key: FORMER_KEY, claims: { exp } });
    expect(await grantOf(bearer(token), ROTATED)).toMatchObject({ former: true });
    const longer = mint({ key: FORMER_KEY, claims: { exp: exp + 1 } });
    expect(await decisionOf(bearer(longer), ROTATED)).toBe('denied token_lifetime_too_long');
    expect(await decisionOf(bearer(mint({ claims: { exp: exp + 1 } })), ROTATED)).toBe('grant');
    const ended = { ...SERVER_RECORD, former: { version: '1', untilMs: NOW_MS } };
    expect(await decisionOf(bearer(token), ended)).toBe('denied invalid_api_key');
  });

  test('that was signed before the rotation is valid until the overlap ends', async () => {
    const former = { version: '1', untilMs: NOW_MS + 1, rotatedAtMs: NOW_MS - 1_000 };
    const claims = { iat: NOW_SECONDS - 2, exp: NOW_SECONDS + 86_400 };
    const token = bearer(mint({ key: FORMER_KEY, claims }));
    expect(await decisionOf(token, { ...SERVER_RECORD, former })).toBe('grant');
    const ended = { ...former, untilMs: NOW_MS };
    expect(await decisionOf(token, { ...SERVER_RECORD, former: ended })).toBe(
      'denied invalid_api_key',
    );
    const since = mint({ key: FORMER_KEY, claims: { ...claims, iat: NOW_SECONDS - 1 } });
    expect(await decisionOf(bearer(since), { ...SERVER_RECORD, former })).toBe(
      'denied token_lifetime_too_long',
    );
  });

  test('of a key string that is a moment old is valid at once', async () => {
    const before: KeyRecord = { ...SERVER_RECORD, version: '1' };
    const ages: (number | undefined)[] = [];
    const keys = {
      ...makeMemoryKeys(),
      // A cache: the record of some seconds ago, unless the caller wants a younger one.
      findByName: async (_account: string, _name: string, ageMaxMs?: number) => {
        ages.push(ageMaxMs);
        return ageMaxMs === undefined ? before : ROTATED;
      },
    };
    const ports = makeAuthorizePorts(keys);
    const kindOf = async (credential: string) => {
      const headers = new Map(Object.entries(bearer(credential)));
      return (await authorize({ headers }, ports)).kind;
    };
    expect(await kindOf(mint())).toBe('grant');
    expect(ages.splice(0)).toEqual([undefined, 1_000]);
    expect(await kindOf(mint({ key: FORMER_KEY }))).toBe('grant');
    expect(ages.splice(0)).toEqual([undefined]);
    expect(await kindOf(mint({ key: UNKNOWN_KEY }))).toBe('denied');
    expect(ages).toEqual([undefined, 1_000]);
  });

  // guarantee: signature-first
  test.each([
    ['expired', { exp: NOW_SECONDS }, 'denied token_expired'],
    ['not active', { nbf: NOW_SECONDS + 6 }, 'denied token_not_active'],
    ['too long', { exp: NOW_SECONDS + 604_801 }, 'denied token_lifetime_too_long'],
    ['without exp', { exp: undefined }, 'denied token_claim_invalid'],
    ['for another sub', { sub: 'acct_other' }, 'denied token_claim_invalid'],
  ])('is refused with its reason after its signature holds: %s', async (_, claims, expected) => {
    expect(await decisionOf(bearer(mint({ claims })))).toBe(expected);
    expect(await decisionOf(bearer(mint({ claims, key: UNKNOWN_KEY })))).toBe(
      'denied invalid_api_key',
    );
  });
});

describe('client access', () => {
  const CLIENT: KeyRecord = { ...SERVER_RECORD, kind: 'client', verifier: SECRET_VERIFIER };
  const BOTH: KeyRecord = { ...SERVER_RECORD, verifier: SECRET_VERIFIER };
  const jwt = mintJwt({ claims: { email: 'ada@example.edu', email_verified: true } });
  const ada = { source: 'jwt', issuer: 'https://issuer.example.edu/', id: 'ada' };

  test('is granted to the user of the JWT', async () => {
    expect(await grantOf(bearer(`${KEY}:${jwt}`), CLIENT)).toEqual({
      account: 'acct_test',
      keyId: 'AAAAAAAAAAAAAAAAAAAAAA',
      keyName: 'course',
      keyKind: 'client',
      credential: 'client-access',
      email: 'ada@example.edu',
      former: false,
      identity: ada,
      limits: [],
      maxTokenLifetimeSeconds: 604_800,
    });
  });

  test('works with a server key that has a verifier, and that key still works alone', async () => {
    expect((await grantOf(bearer(`${KEY}:${jwt}`), BOTH)).identity).toEqual(ada);
    expect((await grantOf(bearer(KEY), BOTH)).identity).toBeUndefined();
    expect((await grantOf(bearer(mint()), BOTH)).credential).toBe('scoped-token');
  });

  test('is valid with the former key until the overlap ends', async () => {
    const rotated = { ...CLIENT, former: { version: '1', untilMs: NOW_MS + 1 } };
    const sent = bearer(`${FORMER_KEY}:${jwt}`);
    expect(await grantOf(sent, rotated)).toMatchObject({ former: true, identity: ada });
    const ended = { ...CLIENT, former: { version: '1', untilMs: NOW_MS } };
    expect(await decisionOf(sent, ended)).toBe('denied invalid_api_key');
  });

  // guarantee: user-header-needs-server-key
  test('ignores a header that names a user, sent once or twice', async () => {
    const record = { ...BOTH, identity: { identityHeader: true } };
    for (const names of [['grace@example.edu'], ['a', 'b']]) {
      const sent = { ...bearer(`${KEY}:${jwt}`), 'x-user-email': names };
      expect((await grantOf(sent, record)).identity).toEqual(ada);
      const token = { ...bearer(mint({ claims: { user: 'ada' } })), 'x-user-email': names };
      const { identity } = await grantOf(token, record);
      expect(identity).toEqual({ source: 'token', issuer: '', id: 'ada' });
    }
    const twice = { ...bearer(KEY), 'x-user-email': ['a', 'b'] };
    expect(await decisionOf(twice, record)).toBe('refusal invalid_request');
  });

  // guarantee: signature-first
  test('gives the reason for refusing a JWT after its signature holds', async () => {
    const late = mintJwt({ claims: { exp: NOW_SECONDS - 5 } });
    expect(await decisionOf(bearer(`${KEY}:${late}`), CLIENT)).toBe('denied token_expired');
    const early = mintJwt({ claims: { nbf: NOW_SECONDS + 6 } });
    expect(await decisionOf(bearer(`${KEY}:${early}`), CLIENT)).toBe('denied token_not_active');
    const tiers = { ...SECRET_VERIFIER, required: [{ claim: 'tier', values: ['pro'] }] };
    const picky = { ...CLIENT, verifier: tiers };
    expect(await decisionOf(bearer(`${KEY}:${jwt}`), picky)).toBe('refusal claim_not_allowed');
  });

  test('is an outage while the secret cannot be read', async () => {
    const ports = makeAuthorizePorts(makeMemoryKeys(CLIENT), OUTAGE);
    const headers = new Map(Object.entries(bearer(`${KEY}:${jwt}`)));
    await expect(authorize({ headers }, ports)).rejects.toThrow(
      expect.objectContaining({ code: 'service_unavailable' }),
    );
  });
});

describe('the rules of a key', () => {
  const ENFORCED: KeyRecord = {
    ...SERVER_RECORD,
    verifier: SECRET_VERIFIER,
    identity: { enforceIdentity: true },
  };

  test("may require an identity, with the contract's message", async () => {
    const decision = await decide(bearer(KEY), ENFORCED);
    expect(decision).toMatchObject({
      kind: 'refusal',
      error: {
        code: 'identity_required',
        status: 403,
        message: 'This API key requires identity context.',
      },
    });
    expect(await decisionOf(bearer(mint()), ENFORCED)).toBe('refusal identity_required');
    expect(await decisionOf(bearer(mint({ claims: { user: 'ada' } })), ENFORCED)).toBe('grant');
    expect(await decisionOf(bearer(`${KEY}:${mintJwt()}`), ENFORCED)).toBe('grant');
    const header = { ...ENFORCED, identity: { enforceIdentity: true, identityHeader: true } };
    expect(await decisionOf({ ...bearer(KEY), 'x-user-email': ['ada'] }, header)).toBe('grant');
    const personal = { ...PERSONAL, identity: { enforceIdentity: true } };
    expect(await decisionOf(bearer(KEY), personal)).toBe('grant');
  });

  test('may require a conversation', async () => {
    const record = { ...SERVER_RECORD, identity: { enforceConversation: true } };
    expect(await decide(bearer(KEY), record)).toMatchObject({
      kind: 'refusal',
      error: { code: 'invalid_request', message: expect.stringContaining('"x-conversation-id"') },
    });
    expect(await decisionOf({ ...bearer(KEY), 'x-conversation-id': ['c1'] }, record)).toBe('grant');
  });

  test('may allow origins of its own', async () => {
    const record = { ...SERVER_RECORD, allowedOrigins: ['https://app.example.edu'] };
    const from = (origin: string) => decisionOf({ ...bearer(KEY), origin: [origin] }, record);
    expect(await from('https://app.example.edu')).toBe('grant');
    expect(await from('https://evil.example')).toBe('refusal origin_not_allowed');
    expect(await from('null')).toBe('refusal origin_not_allowed');
    expect(await decisionOf(bearer(KEY), record)).toBe('grant');
    const opened = { ...record, allowedOrigins: ['null'] };
    expect(await decisionOf({ ...bearer(KEY), origin: ['null'] }, opened)).toBe('grant');
  });
});

describe('the owner of a key', () => {
  const record: KeyRecord = {
    ...SERVER_RECORD,
    identity: { enforceIdentity: true, enforceConversation: true, allowedDomains: ['school.edu'] },
  };
  const decideOn = async (method: string, path: string) => {
    const headers = new Map(Object.entries(bearer(KEY)));
    const ports = makeAuthorizePorts(makeMemoryKeys(record));
    return (await authorize({ headers, route: { method, path } }, ports)).kind;
  };

  test('is not locked out of its own routes by the identity controls, which judge model routes', async () => {
    expect(await decideOn('GET', '/v1/usage')).toBe('grant');
    expect(await decideOn('POST', '/v1/scoped-jwt')).toBe('grant');
    expect(await decideOn('POST', '/v1/chat/completions')).toBe('refusal');
  });
});

describe('a key that ends', () => {
  const ending = (expiresAtMs: number): KeyRecord => ({ ...SERVER_RECORD, expiresAtMs });

  test('is unknown from its end on, with every token that it signed', async () => {
    for (const sent of [bearer(KEY), bearer(mint())]) {
      expect(await decisionOf(sent, ending(NOW_MS))).toBe('denied invalid_api_key');
      expect(await decisionOf(sent, ending(NOW_MS + 1))).toBe('grant');
    }
  });

  test('passes its end on to the function', async () => {
    expect(await grantOf(bearer(KEY), ending(NOW_MS + 1))).toMatchObject({
      keyExpiresAtMs: NOW_MS + 1,
    });
  });
});

test('counts a limit of a whole key in an old personal record as a limit of its user', async () => {
  const limits = [parseLimit('key:usd:month=5')];
  expect((await grantOf(bearer(KEY), { ...PERSONAL, limits })).limits).toEqual([
    parseLimit('user:usd:month=5'),
  ]);
});
