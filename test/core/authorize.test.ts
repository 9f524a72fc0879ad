import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toAuthorizerResult } from '../../adapters/api-gateway/events.ts';
import type { Authorization } from '../../core/access/authorization.ts';
import { authorize } from '../../core/authorize.ts';
import { asTokenId } from '../../core/base/ids.ts';
import { parseLimit } from '../../core/base/limit-text.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { makeAuthorizePorts } from '../support/authorize-ports.ts';
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

type Sent = Readonly<Record<string, readonly string[]>>;

const decide = (sent: Sent, record: KeyRecord = SERVER_RECORD): Promise<Authorization> => {
  const ports = makeAuthorizePorts(makeMemoryKeys(record));
  return authorize({ headers: new Map(Object.entries(sent)) }, ports);
};
const bearer = (credential: string): Sent => ({ authorization: [`Bearer ${credential}`] });
const grantOf = async (sent: Sent, record?: KeyRecord) => {
  const decision = await decide(sent, record);
  if (decision.kind !== 'grant') throw decision.error;
  return decision.grant;
};
const codeOf = async (sent: Sent, record?: KeyRecord) => {
  const decision = await decide(sent, record);
  return decision.kind === 'grant' ? 'grant' : `${decision.kind} ${decision.error.code}`;
};

const ROTATED: KeyRecord = {
  ...SERVER_RECORD,
  former: { version: '1', untilMs: NOW_MS + 3_600_000 },
};
const PERSONAL: KeyRecord = { ...SERVER_RECORD, kind: 'personal', user: 'ada' };

describe('a server key', () => {
  test('is granted what its record says', async () => {
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

  test('speaks for no one, whatever header names someone', async () => {
    const sent = { ...bearer(KEY), 'x-user-email': ['ada@example.edu'] };
    expect((await grantOf(sent)).identity).toBeUndefined();
  });

  test('carries the conversation', async () => {
    const sent = { ...bearer(KEY), 'x-conversation-id': ['c-1'] };
    expect((await grantOf(sent)).conversation).toBe('c-1');
  });

  test('is known by its former string until the overlap ends, and says so', async () => {
    expect(await grantOf(bearer(FORMER_KEY), ROTATED)).toMatchObject({ former: true });
    expect(await grantOf(bearer(KEY), ROTATED)).toMatchObject({ former: false });
    const ended = { ...SERVER_RECORD, former: { version: '1', untilMs: NOW_MS } };
    expect(await codeOf(bearer(FORMER_KEY), ended)).toBe('denied invalid_api_key');
    expect(await codeOf(bearer(FORMER_KEY), SERVER_RECORD)).toBe('denied invalid_api_key');
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
  test('is granted what it says within what its key says', async () => {
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

  test('is known as revoked when its key lists it', async () => {
    const revoked = [asTokenId('6WZ-D1Bh-Gwr8Jc_ubYnmD')];
    const token = bearer(mint({ claims: { jti: 'j1' } }));
    expect((await grantOf(token, { ...SERVER_RECORD, revoked })).token?.revoked).toBe(true);
    expect((await grantOf(bearer(mint()), { ...SERVER_RECORD, revoked })).token?.revoked).toBe(
      false,
    );
  });

  test('is the same one under every spelling of its claims that was signed with one jti', async () => {
    const one = await grantOf(bearer(mint({ claims: { jti: 'j1' } })));
    const two = await grantOf(bearer(mint({ claims: { jti: 'j1', spending_limit: 5 } })));
    expect(one.token?.id).toBe(two.token?.id);
  });

  test('holds when the former key signed it, and not longer than that key', async () => {
    const exp = NOW_SECONDS + 3600;
    const token = mint({ key: FORMER_KEY, claims: { exp } });
    expect(await grantOf(bearer(token), ROTATED)).toMatchObject({ former: true });
    const longer = mint({ key: FORMER_KEY, claims: { exp: exp + 1 } });
    expect(await codeOf(bearer(longer), ROTATED)).toBe('denied token_lifetime_too_long');
    expect(await codeOf(bearer(mint({ claims: { exp: exp + 1 } })), ROTATED)).toBe('grant');
    const ended = { ...SERVER_RECORD, former: { version: '1', untilMs: NOW_MS } };
    expect(await codeOf(bearer(token), ended)).toBe('denied invalid_api_key');
  });

  test('that was handed out before its key was rotated holds until the overlap ends, and not longer', async () => {
    const former = { version: '1', untilMs: NOW_MS + 1, rotatedAtMs: NOW_MS - 1_000 };
    const claims = { iat: NOW_SECONDS - 2, exp: NOW_SECONDS + 86_400 };
    const token = bearer(mint({ key: FORMER_KEY, claims }));
    expect(await codeOf(token, { ...SERVER_RECORD, former })).toBe('grant');
    const ended = { ...former, untilMs: NOW_MS };
    expect(await codeOf(token, { ...SERVER_RECORD, former: ended })).toBe('denied invalid_api_key');
    const since = mint({ key: FORMER_KEY, claims: { ...claims, iat: NOW_SECONDS - 1 } });
    expect(await codeOf(bearer(since), { ...SERVER_RECORD, former })).toBe(
      'denied token_lifetime_too_long',
    );
  });

  test('of a string that its key was given a moment ago holds at once', async () => {
    const before: KeyRecord = { ...SERVER_RECORD, version: '1' };
    const ages: (number | undefined)[] = [];
    const keys = {
      ...makeMemoryKeys(),
      // A cache: what it read some seconds ago, unless something younger is asked for.
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
  ])('is told what is wrong once its signature held: %s', async (_, claims, expected) => {
    expect(await codeOf(bearer(mint({ claims })))).toBe(expected);
    expect(await codeOf(bearer(mint({ claims, key: UNKNOWN_KEY })))).toBe('denied invalid_api_key');
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
      former: false,
      identity: ada,
      limits: [],
      maxTokenLifetimeSeconds: 604_800,
    });
  });

  test('is open on a server key with a verifier too, which still works alone', async () => {
    expect((await grantOf(bearer(`${KEY}:${jwt}`), BOTH)).identity).toEqual(ada);
    expect((await grantOf(bearer(KEY), BOTH)).identity).toBeUndefined();
    expect((await grantOf(bearer(mint()), BOTH)).credential).toBe('scoped-token');
  });

  test('holds with the former key until the overlap ends', async () => {
    const rotated = { ...CLIENT, former: { version: '1', untilMs: NOW_MS + 1 } };
    const sent = bearer(`${FORMER_KEY}:${jwt}`);
    expect(await grantOf(sent, rotated)).toMatchObject({ former: true, identity: ada });
    const ended = { ...CLIENT, former: { version: '1', untilMs: NOW_MS } };
    expect(await codeOf(sent, ended)).toBe('denied invalid_api_key');
  });

  // guarantee: user-header-needs-server-key
  test('never listens to a header that names a user, sent once or twice', async () => {
    const record = { ...BOTH, identity: { identityHeader: true } };
    for (const names of [['grace@example.edu'], ['a', 'b']]) {
      const sent = { ...bearer(`${KEY}:${jwt}`), 'x-user-email': names };
      expect((await grantOf(sent, record)).identity).toEqual(ada);
      const token = { ...bearer(mint({ claims: { user: 'ada' } })), 'x-user-email': names };
      const { identity } = await grantOf(token, record);
      expect(identity).toEqual({ source: 'token', issuer: '', id: 'ada' });
    }
    const twice = { ...bearer(KEY), 'x-user-email': ['a', 'b'] };
    expect(await codeOf(twice, record)).toBe('refusal invalid_request');
  });

  // guarantee: signature-first
  test('tells why a JWT is refused once its signature held', async () => {
    const late = mintJwt({ claims: { exp: NOW_SECONDS - 5 } });
    expect(await codeOf(bearer(`${KEY}:${late}`), CLIENT)).toBe('denied token_expired');
    const early = mintJwt({ claims: { nbf: NOW_SECONDS + 6 } });
    expect(await codeOf(bearer(`${KEY}:${early}`), CLIENT)).toBe('denied token_not_active');
    const tiers = { ...SECRET_VERIFIER, required: [{ claim: 'tier', values: ['pro'] }] };
    const picky = { ...CLIENT, verifier: tiers };
    expect(await codeOf(bearer(`${KEY}:${jwt}`), picky)).toBe('refusal claim_not_allowed');
  });

  test('is an outage while the secret cannot be read', async () => {
    const ports = makeAuthorizePorts(makeMemoryKeys(CLIENT), OUTAGE);
    const headers = new Map(Object.entries(bearer(`${KEY}:${jwt}`)));
    await expect(authorize({ headers }, ports)).rejects.toThrow(
      expect.objectContaining({ code: 'service_unavailable' }),
    );
  });
});

describe('the controls of a key', () => {
  const ENFORCED: KeyRecord = {
    ...SERVER_RECORD,
    verifier: SECRET_VERIFIER,
    identity: { enforceIdentity: true },
  };

  test('may ask for an identity, in the words of the contract', async () => {
    const decision = await decide(bearer(KEY), ENFORCED);
    expect(decision).toMatchObject({
      kind: 'refusal',
      error: {
        code: 'identity_required',
        status: 403,
        message: 'This API key requires identity context.',
      },
    });
    expect(await codeOf(bearer(mint()), ENFORCED)).toBe('refusal identity_required');
    expect(await codeOf(bearer(mint({ claims: { user: 'ada' } })), ENFORCED)).toBe('grant');
    expect(await codeOf(bearer(`${KEY}:${mintJwt()}`), ENFORCED)).toBe('grant');
    const header = { ...ENFORCED, identity: { enforceIdentity: true, identityHeader: true } };
    expect(await codeOf({ ...bearer(KEY), 'x-user-email': ['ada'] }, header)).toBe('grant');
    const personal = { ...PERSONAL, identity: { enforceIdentity: true } };
    expect(await codeOf(bearer(KEY), personal)).toBe('grant');
  });

  test('may ask for a conversation', async () => {
    const record = { ...SERVER_RECORD, identity: { enforceConversation: true } };
    expect(await decide(bearer(KEY), record)).toMatchObject({
      kind: 'refusal',
      error: { code: 'invalid_request', message: expect.stringContaining('"x-conversation-id"') },
    });
    expect(await codeOf({ ...bearer(KEY), 'x-conversation-id': ['c1'] }, record)).toBe('grant');
  });

  test('may name the origins of its own pages', async () => {
    const record = { ...SERVER_RECORD, allowedOrigins: ['https://app.example.edu'] };
    const from = (origin: string) => codeOf({ ...bearer(KEY), origin: [origin] }, record);
    expect(await from('https://app.example.edu')).toBe('grant');
    expect(await from('https://evil.example')).toBe('refusal origin_not_allowed');
    expect(await from('null')).toBe('refusal origin_not_allowed');
    expect(await codeOf(bearer(KEY), record)).toBe('grant');
    const opened = { ...record, allowedOrigins: ['null'] };
    expect(await codeOf({ ...bearer(KEY), origin: ['null'] }, opened)).toBe('grant');
  });
});

describe('what is not known', () => {
  const disabled = { ...SERVER_RECORD, disabled: true };
  const verifying: KeyRecord = { ...SERVER_RECORD, verifier: SECRET_VERIFIER };
  const client: KeyRecord = { ...verifying, kind: 'client' };
  const forged = mintJwt({ key: 'another-secret-that-is-as-long-as-it-must-be' });
  const lateForged = mintJwt({
    key: 'another-secret-that-is-as-long-as-it-must-be',
    claims: { exp: 1 },
  });
  const foreign = { ...SERVER_RECORD, account: 'acct_other' };
  const unknown: readonly (readonly [string, Sent, KeyRecord?])[] = [
    ['no credential', {}],
    ['an unknown key', bearer(UNKNOWN_KEY)],
    ['a key of another service', bearer('sk-proj-CANARY')],
    ['a wrong checksum', bearer(`${KEY.slice(0, -1)}n`)],
    ['a disabled key', bearer(KEY), disabled],
    ['a client key without a JWT', bearer(KEY), client],
    ['a key of another account', bearer(KEY), foreign],
    [
      'a key whose record names another hash',
      bearer(KEY),
      { ...SERVER_RECORD, keyHash: ROTATED.keyHash.replace('1', '2') as KeyRecord['keyHash'] },
    ],
    ['a key with a scoped token', bearer(`${KEY}:${mint().slice(4)}`), verifying],
    ['a key with a JWT, and no verifier', bearer(`${KEY}:${mintJwt()}`)],
    ['a personal key with a JWT', bearer(`${KEY}:${mintJwt()}`), PERSONAL],
    ['a wrong key with a good JWT', bearer(`${UNKNOWN_KEY}:${mintJwt()}`), verifying],
    [
      'a disabled key with a good JWT',
      bearer(`${KEY}:${mintJwt()}`),
      { ...verifying, disabled: true },
    ],
    ['a key with a JWT of another secret', bearer(`${KEY}:${forged}`), verifying],
    ['a key with an expired JWT of another secret', bearer(`${KEY}:${lateForged}`), verifying],
    ['a key with two JWTs', bearer(`${KEY}:${mintJwt()}:${mintJwt()}`), verifying],
    ['a key with a colon alone', bearer(`${KEY}:`), verifying],
    ['a client key with a colon alone', bearer(`${KEY}:`), client],
    ['a former key with a JWT after the overlap', bearer(`${FORMER_KEY}:${mintJwt()}`), verifying],
    ['a token without jwt:', bearer(mint().slice(4))],
    ['a forged kid', bearer(mint({ header: { kid: 'acct_test:b3RoZXI' } }))],
    ['the kid of another account', bearer(mint({ header: { kid: 'acct_other:Y291cnNl' } }))],
    ['a wrong signature', bearer(mint({ key: UNKNOWN_KEY }))],
    [
      'alg none',
      bearer(
        `${mint({ header: { alg: 'none' } })
          .split('.')
          .slice(0, 2)
          .join('.')}.`,
      ),
    ],
    ['a token of a disabled key', bearer(mint()), disabled],
    ['a token of a client key', bearer(mint()), client],
    ['a token of a personal key', bearer(mint()), PERSONAL],
    ['an expired token with a wrong signature', bearer(mint({ key: 'sk-x', claims: { exp: 1 } }))],
    ['not a token', bearer('jwt:CANARY')],
    ['an empty token', bearer('jwt:')],
    ['9 kB', bearer(`jwt:${'a'.repeat(9000)}`)],
  ];

  const cases = unknown.map(([name, sent, record = SERVER_RECORD]): [string, Sent, KeyRecord] => [
    name,
    sent,
    record,
  ]);

  // guarantee: unknown-key-equal-bodies, client-key-needs-jwt
  test.each(cases)('is denied in one and the same answer: %s', async (_, sent, record) => {
    const arn = 'arn:aws:execute-api:eu-central-1:000000000000:api/prod/POST/v1/chat/completions';
    expect(JSON.stringify(toAuthorizerResult(await decide(sent, record), arn))).toBe(
      '{"principalId":"denied","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Deny","Resource":"arn:aws:execute-api:eu-central-1:000000000000:api/prod/*"}]},"context":{"type":"authentication_error","code":"invalid_api_key","message":"The API key is missing or not valid."}}',
    );
  });

  test.each(cases)('is quoted nowhere: %s', async (_, sent, record) => {
    const decision = await decide(sent, record);
    if (decision.kind !== 'denied') throw new Error('it was not denied');
    const { message, detail, facts, cause, stack } = decision.error;
    const told = JSON.stringify([message, detail, facts, cause, stack]);
    for (const secret of Object.values(sent).flat()) {
      for (const part of secret.split(/[ .:]/).filter((text) => text.length > 6)) {
        expect(told).not.toContain(part);
      }
    }
  });
});

test.each([
  ['two credentials', { ...bearer(KEY), 'api-key': [UNKNOWN_KEY] }],
  ['a header twice', { 'x-api-key': [KEY, KEY] }],
  ['a conversation twice', { ...bearer(KEY), 'x-conversation-id': ['a', 'a'] }],
  ['a conversation of other characters', { ...bearer(KEY), 'x-conversation-id': ['a b'] }],
])('refuses %s for the function to tell', async (_, sent) => {
  expect(await codeOf(sent)).toBe('refusal invalid_request');
});

test('does not say that a conversation is malformed to whom it does not know', async () => {
  const sent = { ...bearer(UNKNOWN_KEY), 'x-conversation-id': ['a b'] };
  expect(await codeOf(sent)).toBe('denied invalid_api_key');
});

test('reads no table for what cannot be a key or a token', async () => {
  const ports = makeAuthorizePorts(OUTAGE);
  for (const text of ['sk-proj-abc', 'jwt:a.b.c', mint({ header: { kid: 'other:YQ' } })]) {
    const headers = new Map([['api-key', [text]]]);
    expect(await authorize({ headers }, ports)).toMatchObject({ kind: 'denied' });
  }
});

test.each([
  ['keys are down, for a key', KEY, OUTAGE, makeMemoryKeys()],
  ['keys are down, for a token', mint(), OUTAGE, makeMemoryKeys()],
  ['secrets are down', mint(), makeMemoryKeys(), OUTAGE],
])('throws service_unavailable when %s', async (_, credential, keys, secrets) => {
  const headers = new Map([['api-key', [credential]]]);
  await expect(authorize({ headers }, makeAuthorizePorts(keys, secrets))).rejects.toThrow(
    expect.objectContaining({ code: 'service_unavailable' }),
  );
});

test('passes a mistake of ours on as it is', async () => {
  const mistake = new TypeError('a mistake');
  const keys = {
    ...makeMemoryKeys(),
    findByKeyHash: async () => {
      throw mistake;
    },
  };
  const headers = new Map([['api-key', [KEY]]]);
  const decision = authorize({ headers }, makeAuthorizePorts(keys));
  await expect(decision).rejects.toBe(mistake);
});

test('decides whatever is sent, and throws nothing while all is up', async () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('Bearer ', 'sk-', 'jwt:', KEY, ':', '.', ...mint().split('.')),
  );
  const value = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
  const values = fc.array(value, { maxLength: 2 });
  const headers = fc.record(
    {
      authorization: values,
      'x-api-key': values,
      'api-key': values,
      'x-conversation-id': values,
      'x-user-email': values,
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(headers, async (sent) => {
      const decision = await decide(sent);
      const code = decision.kind === 'grant' ? 'granted' : decision.error.code;
      return ['granted', 'invalid_api_key', 'invalid_request'].includes(code);
    }),
    { numRuns: 250 },
  );
});

test('tells a page of another origin so, and only once its credential held', async () => {
  const keys = makeMemoryKeys();
  const ports = { ...makeAuthorizePorts(keys), allowedOrigins: ['https://app.example.edu'] };
  const from = (credential: string) =>
    authorize(
      {
        headers: new Map([
          ['authorization', [`Bearer ${credential}`]],
          ['origin', ['https://evil.example']],
        ]),
      },
      ports,
    );

  expect(await from(mint())).toMatchObject({
    kind: 'refusal',
    error: { code: 'origin_not_allowed', status: 403 },
  });
  expect(await from('sk-unknown')).toMatchObject({
    kind: 'denied',
    error: { code: 'invalid_api_key' },
  });
});
