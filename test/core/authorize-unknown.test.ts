/**
 * Requests that the authorizer denies, refuses or cannot decide: one answer for every unknown credential.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toAuthorizerResult } from '../../adapters/api-gateway/events.ts';
import { authorize } from '../../core/authorize.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { makeAuthorizePorts } from '../support/authorize-ports.ts';
import {
  bearer,
  decide,
  decisionOf,
  PERSONAL,
  ROTATED,
  type SentHeaders,
} from '../support/decisions.ts';
import { mintJwt } from '../support/jwts.ts';
import {
  FORMER_KEY,
  KEY,
  makeMemoryKeys,
  OUTAGE,
  SERVER_RECORD,
  UNKNOWN_KEY,
} from '../support/memory-keys.ts';
import { mint } from '../support/tokens.ts';
import { SECRET_VERIFIER } from '../support/user-jwts.ts';

describe('an unknown credential', () => {
  const disabled = { ...SERVER_RECORD, disabled: true };
  const verifying: KeyRecord = { ...SERVER_RECORD, verifier: SECRET_VERIFIER };
  const client: KeyRecord = { ...verifying, kind: 'client' };
  const forged = mintJwt({ key: 'another-secret-that-is-as-long-as-it-must-be' });
  const lateForged = mintJwt({
    key: 'another-secret-that-is-as-long-as-it-must-be',
    claims: { exp: 1 },
  });
  const foreign = { ...SERVER_RECORD, account: 'acct_other' };
  const unknown: readonly (readonly [string, SentHeaders, KeyRecord?])[] = [
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

  const cases = unknown.map(
    ([name, sent, record = SERVER_RECORD]): [string, SentHeaders, KeyRecord] => [
      name,
      sent,
      record,
    ],
  );

  // guarantee: unknown-key-equal-bodies, client-key-needs-jwt
  test.each(cases)('is denied with the same answer as all others: %s', async (_, sent, record) => {
    const arn = 'arn:aws:execute-api:eu-central-1:000000000000:api/prod/POST/v1/chat/completions';
    expect(JSON.stringify(toAuthorizerResult(await decide(sent, record), arn))).toBe(
      '{"principalId":"denied","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Deny","Resource":"arn:aws:execute-api:eu-central-1:000000000000:api/prod/*"}]},"context":{"type":"authentication_error","code":"invalid_api_key","message":"The API key is missing or not valid."}}',
    );
  });

  test.each(cases)('is quoted in no error: %s', async (_, sent, record) => {
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
  ['a conversation twice', { ...bearer(KEY), 'x-conversation-id': ['a', 'a'] }],
  ['a conversation of other characters', { ...bearer(KEY), 'x-conversation-id': ['a b'] }],
])('refuses %s as 400, which the function words', async (_, sent) => {
  expect(await decisionOf(sent)).toBe('refusal invalid_request');
});

// guarantee: one-credential
test.each([
  ['two credentials', { ...bearer(KEY), 'api-key': [UNKNOWN_KEY] }],
  ['two credentials, both nonsense', { ...bearer('a'), 'api-key': ['b'] }],
  ['a header twice', { 'x-api-key': [KEY, KEY] }],
])('denies %s as 401, before any function of the gateway', async (_, sent) => {
  expect(await decisionOf(sent)).toBe('denied invalid_api_key');
});

test('does not show an unknown caller that its conversation is malformed', async () => {
  const sent = { ...bearer(UNKNOWN_KEY), 'x-conversation-id': ['a b'] };
  expect(await decisionOf(sent)).toBe('denied invalid_api_key');
});

test('reads no table for a text that cannot be a key or a token', async () => {
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

test('throws a programming mistake unchanged', async () => {
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

test('decides on anything that is sent, and throws nothing while everything is up', async () => {
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

test('refuses a page of another origin, and only if its credential is valid', async () => {
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
