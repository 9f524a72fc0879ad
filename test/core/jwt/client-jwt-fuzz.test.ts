import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JwtAlgorithm } from '../../../core/jwt/verifier.ts';
import { codeOf, keyOf, signerOf } from '../../support/client-jwts.ts';
import {
  HMAC_ALGORITHMS,
  ISSUER,
  type MintJwt,
  makeVerifyingKey,
  mintJwt,
  PUBLIC_ALGORITHMS,
} from '../../support/jwts.ts';
import { NOW_SECONDS } from '../../support/tokens.ts';

const ES256_KEY = keyOf('ES256');
const es256 = (options: MintJwt = {}) =>
  mintJwt({ alg: 'ES256', ...signerOf('ES256'), ...options });

/** A token with its header and payload, signed by nobody. */
const unsigned = (header: object, signature = ''): string =>
  `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${mintJwt().split('.')[1]}.${signature}`;

describe('fuzz', () => {
  const KEYS = [
    makeVerifyingKey({ issuers: [ISSUER], required: [{ claim: 'a.b', values: [1] }] }),
    ES256_KEY,
    keyOf('RS256'),
    keyOf('EdDSA'),
  ];
  const CODES = [
    'verified',
    'invalid_api_key',
    'token_expired',
    'token_not_active',
    'token_claim_invalid',
    'claim_not_allowed',
  ];
  const runs = { numRuns: 300 };

  test('any text that nobody signed is refused as an unknown key', async () => {
    const part = fc.oneof(
      fc.string(),
      fc.base64String(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('.')),
    );
    await fc.assert(
      fc.asyncProperty(text, fc.constantFrom(...KEYS), async (jwt, key) => {
        expect(await codeOf(jwt, key)).toBe('invalid_api_key');
      }),
      runs,
    );
  });

  test('any header gives a known code', async () => {
    const header = fc.record(
      {
        alg: fc.oneof(fc.constantFrom('HS256', 'ES256', 'RS256', 'none'), fc.jsonValue()),
        typ: fc.oneof(fc.constant('JWT'), fc.jsonValue()),
        kid: fc.jsonValue(),
        crit: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(header, fc.constantFrom(...KEYS), async (members, key) => {
        expect(CODES).toContain(
          await codeOf(mintJwt({ headerText: JSON.stringify(members) }), key),
        );
      }),
      runs,
    );
  });

  test('any signed claims give a known code', async () => {
    const names = ['iss', 'aud', 'azp', 'sub', 'user_id', 'exp', 'nbf', 'iat', 'a', 'email'];
    const value = fc.oneof(
      fc.jsonValue(),
      fc.double(),
      fc.constantFrom(ISSUER, NOW_SECONDS, { b: 1 }),
    );
    const claims = fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), value);
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(claims, async (members) => {
        const code = await codeOf(mintJwt({ payloadText: JSON.stringify(members) }), KEYS[0]);
        seen.add(code);
        expect(CODES).toContain(code);
      }),
      runs,
    );
    expect(seen).toContain('token_claim_invalid');
  });

  test('no random bytes pass as a signature, whatever their length', async () => {
    const signature = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc
        .constantFrom(64, 96, 132, 255, 256, 257)
        .chain((length) => fc.uint8Array({ minLength: length, maxLength: length })),
    );
    const algorithms = fc.constantFrom<JwtAlgorithm>(...HMAC_ALGORITHMS, ...PUBLIC_ALGORITHMS);
    await fc.assert(
      fc.asyncProperty(algorithms, signature, async (alg, bytes) => {
        const jwt = unsigned({ alg }, Buffer.from(bytes).toString('base64url'));
        expect(await codeOf(jwt, keyOf(alg))).toBe('invalid_api_key');
      }),
      runs,
    );
  });

  test('a token with one changed character is refused', async () => {
    const jwt = es256();
    const at = fc.nat(jwt.length - 1);
    await fc.assert(
      fc.asyncProperty(at, fc.constantFrom(...'aZ09-_.='), async (index, other) => {
        fc.pre(jwt[index] !== other);
        const changed = jwt.slice(0, index) + other + jwt.slice(index + 1);
        expect(await codeOf(changed, ES256_KEY)).toBe('invalid_api_key');
      }),
      runs,
    );
  });
});
