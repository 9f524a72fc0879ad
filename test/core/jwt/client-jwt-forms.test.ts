/**
 * Forms of a JWT that are refused: some that jose accepts, and hostile ones.
 */
import { sign as signWith } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../core/base/errors.ts';
import { verifyClientJwt } from '../../../core/jwt/client-jwt.ts';
import { makeKeySets } from '../../../core/jwt/issuer-keys.ts';
import { readPublicKeyPem, requireSecretFor } from '../../../core/jwt/key-material.ts';
import type { VerifyingKey } from '../../../core/jwt/verifier.ts';
import {
  clock,
  codeOf,
  keyOf,
  makeJwtPorts,
  OTHERS,
  PAIRS,
  signerOf,
  verify,
} from '../../support/client-jwts.ts';
import { type MintJwt, makeVerifyingKey, mintJwt } from '../../support/jwts.ts';
import { JWT_SECRET } from '../../support/memory-keys.ts';
import { NOW_SECONDS } from '../../support/tokens.ts';

const ES256_KEY = keyOf('ES256');
const es256 = (options: MintJwt = {}) =>
  mintJwt({ alg: 'ES256', ...signerOf('ES256'), ...options });

/** A token with its header and payload, signed by nobody. */
const unsigned = (header: object, signature = ''): string =>
  `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${mintJwt().split('.')[1]}.${signature}`;

describe('a form that jose accepts is refused', () => {
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const verifiedSpellings = async (jwt: string, key: VerifyingKey) => {
    const spellings = [...ALPHABET].map((last) => codeOf(jwt.slice(0, -1) + last, key));
    return (await Promise.all(spellings)).filter((code) => code === 'verified').length;
  };

  test('all but one spelling of a signature', async () => {
    expect(await verifiedSpellings(es256(), ES256_KEY)).toBe(1);
    expect(await verifiedSpellings(mintJwt(), makeVerifyingKey())).toBe(1);
  });

  test.each([
    ['a space before', ` ${mintJwt()}`],
    ['a space behind', `${mintJwt()} `],
    ['a line feed behind', `${mintJwt()}\n`],
    ['a space within', mintJwt().replace('.', '. ')],
    ['padding', `${mintJwt()}=`],
    ['standard base64', mintJwt().replaceAll('-', '+').replaceAll('_', '/').concat('+/')],
    ['four parts', `${mintJwt()}.`],
    ['"alg" twice', mintJwt({ headerText: '{"alg":"HS256","alg":"HS256"}' })],
    ['"alg" twice, once escaped', mintJwt({ headerText: '{"alg":"none","\\u0061lg":"HS256"}' })],
    ['a header of 1 MB', mintJwt({ header: { x: 'x'.repeat(1_000_000) } })],
  ])('%s', async (_, jwt) => {
    expect(await codeOf(jwt)).toBe('invalid_api_key');
  });

  test.each([
    ['exp of 1e300', { exp: 1e300 }],
    ['exp below zero', { exp: -1 }],
    ['exp as a text', { exp: String(NOW_SECONDS + 60) }],
    ['exp of null', { exp: null }],
    ['nbf as a text', { nbf: '0' }],
    ['iat as a list', { iat: [1] }],
    ['an object as sub', { sub: { id: 'ada' } }],
    ['a number as sub', { sub: 7 }],
    ['null as sub', { sub: null }],
    ['an empty sub, whatever else there is', { sub: '', user_id: 'ada' }],
    ['a sub of 257 characters', { sub: 'x'.repeat(257) }],
    ['a control character in sub', { sub: 'a\u0000b' }],
  ])('%s', async (_, claims) => {
    expect(await codeOf(mintJwt({ claims }))).toBe('token_claim_invalid');
  });

  test('a type for another purpose', async () => {
    expect(await codeOf(mintJwt({ header: { typ: 'secevent+jwt' } }))).toBe('invalid_api_key');
  });

  test('a secret of eight bytes', async () => {
    expect(() => requireSecretFor(Buffer.from('8 bytes!'), ['HS256'])).toThrow(
      'the shared secret must have at least 32 bytes for HS256, got 8',
    );
  });

  test('a token without a kid, if several keys of the issuer fit', async () => {
    const jwkOf = (pair: (typeof PAIRS)['ES256'], kid: string) => ({
      ...pair.publicKey.export({ format: 'jwk' }),
      kid,
    });
    const all = [jwkOf(PAIRS.ES256, 'k1'), jwkOf(OTHERS.ES256, 'k2')];
    const codeWith = (keys: readonly object[], header: NonNullable<MintJwt['header']>) => {
      const key = makeVerifyingKey({}, { kind: 'jwks', url: 'https://issuer.example.edu/jwks' });
      const keySets = makeKeySets(async () => JSON.stringify({ keys }), clock);
      return verifyClientJwt(es256({ header }), key, makeJwtPorts({ keySets })).then(
        () => 'verified',
        ({ code }) => code,
      );
    };
    expect(await codeWith(all, {})).toBe('invalid_api_key');
    expect(await codeWith(all, { kid: 'k1' })).toBe('verified');
    expect(await codeWith(all.slice(0, 1), {})).toBe('verified');
  });

  test('a token from the future', async () => {
    expect(await codeOf(mintJwt({ claims: { iat: NOW_SECONDS + 6 } }))).toBe('token_not_active');
    expect(await codeOf(mintJwt({ claims: { iat: NOW_SECONDS + 5 } }))).toBe('verified');
  });

  test.each([
    ['a claim twice', '{"sub":"ada","sub":"eve"}'],
    ['a claim twice within another', '{"sub":"ada","a":{"b":1,"b":2}}'],
    ['claims 17 deep', `{"sub":"ada","a":${'['.repeat(16)}${']'.repeat(16)}}`],
    ['a list of claims', '["ada"]'],
    ['a byte order mark', '\ufeff{"sub":"ada"}'],
  ])('%s', async (_, payloadText) => {
    expect(await codeOf(mintJwt({ payloadText }))).toBe('token_claim_invalid');
  });

  test('claims nested 50,000 deep', async () => {
    const payloadText = `{"sub":"ada","a":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    expect(await codeOf(mintJwt({ payloadText }))).toBe('invalid_api_key');
  });
});

describe('a hostile form', () => {
  test.each([
    ['an empty signature', unsigned({ alg: 'HS256' })],
    ['a signature of zeros', unsigned({ alg: 'HS256' }, 'A'.repeat(43))],
    ['a signature that is too long', `${mintJwt()}AAAA`],
    ['"crit"', mintJwt({ header: { crit: ['exp'] } })],
    ['an empty "crit"', mintJwt({ header: { crit: [] } })],
    ['"b64"', mintJwt({ header: { b64: false, crit: ['b64'] } })],
    ['a "kid" of 7 kB', mintJwt({ header: { kid: 'k'.repeat(5_000) } })],
    ['a "kid" of 257 characters', mintJwt({ header: { kid: 'k'.repeat(257) } })],
    ['an empty "kid"', mintJwt({ header: { kid: '' } })],
    ['an object as "kid"', mintJwt({ header: { kid: { $ne: null } } })],
    ['a "kid" with NUL', mintJwt({ header: { kid: 'key\u0000' } })],
    ['JSON in place of the compact form', JSON.stringify({ payload: 'e30', signatures: [] })],
    ['flattened JSON', `{"protected":"e30","payload":"e30","signature":"AA"}`],
    ['100 kB', mintJwt({ claims: { x: 'x'.repeat(75_000) } })],
    ['100 kB of dots', '.'.repeat(100_000)],
    ['8 kB of dots', '.'.repeat(8_192)],
    ['8 kB of brackets', mintJwt({ headerText: '['.repeat(5_000) })],
    ['nothing', ''],
    ['two dots', '..'],
    ['a list of algorithms', mintJwt({ header: { alg: ['HS256'] } })],
    ['no algorithm', mintJwt({ header: { alg: undefined } })],
    ['a name of every object as algorithm', mintJwt({ header: { alg: 'constructor' } })],
    ['an algorithm in small letters', mintJwt({ header: { alg: 'hs256' } })],
  ])('is refused: %s', async (_, jwt) => {
    expect(await codeOf(jwt)).toBe('invalid_api_key');
  });

  test('is refused: a signature of ECDSA made of zeros, or in DER', async () => {
    const [head, payload] = es256().split('.');
    const zeros = Buffer.alloc(64).toString('base64url');
    expect(await codeOf(`${head}.${payload}.${zeros}`, ES256_KEY)).toBe('invalid_api_key');
    const der = signWith('sha256', Buffer.from(`${head}.${payload}`), PAIRS.ES256.privateKey);
    expect(await codeOf(`${head}.${payload}.${der.toString('base64url')}`, ES256_KEY)).toBe(
      'invalid_api_key',
    );
  });

  test.each([
    ['../../etc/passwd'],
    ['../../../dev/null'],
    ["' OR 1=1 --"],
    ["k1'; DROP TABLE keys; --"],
    ['k1/../k1'],
    ['k1%00'],
    ['__proto__'],
    ['constructor'],
    ['https://evil.example/k'],
    ['k2'],
  ])('is refused: the "kid" %s that the key set does not have', async (kid) => {
    const jwk = { ...PAIRS.ES256.publicKey.export({ format: 'jwk' }), kid: 'k1' };
    const asked: string[] = [];
    const keySets = makeKeySets(async (url) => {
      asked.push(url);
      return JSON.stringify({ keys: [jwk] });
    }, clock);
    const key = makeVerifyingKey({}, { kind: 'jwks', url: 'https://issuer.example.edu/jwks' });
    const ports = makeJwtPorts({ keySets });
    await expect(verifyClientJwt(es256({ header: { kid } }), key, ports)).rejects.toMatchObject({
      code: 'invalid_api_key',
      detail: 'client access: no key fits its "kid" and "alg"',
    });
    expect(await verifyClientJwt(es256({ header: { kid: 'k1' } }), key, ports)).toMatchObject({
      id: 'ada',
    });
    expect(asked).toEqual(['https://issuer.example.edu/jwks']);
  });

  test("is an outage, not a refusal, if the record's public key cannot be read", async () => {
    const key = makeVerifyingKey({}, { kind: 'pem', pem: 'CANARY' });
    await expect(verify(es256(), key)).rejects.toMatchObject({ code: 'service_unavailable' });
    expect(() => readPublicKeyPem(JWT_SECRET)).toThrow(GatewayError);
  });
});
