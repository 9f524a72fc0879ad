import { expect, test } from 'vitest';
import type { Verifier } from '../../../core/jwt/verifier.ts';
import { changesBetween, toFields } from '../../../core/keys/key-fields.ts';
import { SERVER_RECORD } from '../../support/memory-keys.ts';

const VERIFIER: Verifier = {
  key: { kind: 'pem', pem: 'PEM' },
  algorithms: ['RS256', 'PS256'],
  issuers: ['https://a.example', 'https://b.example'],
  audiences: ['app'],
  audienceClaim: 'client_id',
  authorizedParties: ['https://app.example'],
  required: [{ claim: 'tier', values: ['pro', 3] }],
  requireExp: true,
  clockToleranceSeconds: 0,
};

test('names each part of the verifier and of the identity rules', () => {
  expect(
    toFields({
      ...SERVER_RECORD,
      verifier: VERIFIER,
      identity: { identityHeader: true, allowedDomains: ['a.edu', 'b.edu'] },
      allowedOrigins: ['null'],
    }),
  ).toEqual({
    models: 'any',
    limits: 'none',
    maxTokenLifetime: '604800s',
    verifier: 'public key OE-5pE-r4Vi-J1e5uNj2cC',
    algorithms: 'RS256,PS256',
    issuers: 'https://a.example,https://b.example',
    audiences: 'app',
    audienceClaim: 'client_id',
    authorizedParties: 'https://app.example',
    required: 'tier=pro|3',
    requireExp: 'true',
    clockTolerance: '0s',
    identityHeader: 'true',
    allowedDomains: 'a.edu,b.edu',
    allowedOrigins: 'null',
  });
});

test('shows the old and the new value of a change', () => {
  const url = 'https://id.example/jwks';
  const before = { ...SERVER_RECORD, verifier: VERIFIER };
  const after = { ...before, verifier: { ...VERIFIER, key: { kind: 'jwks', url } as const } };
  expect(changesBetween(before, after)).toEqual({
    verifier: 'public key OE-5pE-r4Vi-J1e5uNj2cC -> https://id.example/jwks',
  });
  expect(changesBetween(SERVER_RECORD, SERVER_RECORD)).toEqual({});
  expect(changesBetween(SERVER_RECORD, { ...SERVER_RECORD, models: ['demo/*'] })).toEqual({
    models: 'any -> demo/*',
  });
});
