import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../core/base/errors.ts';
import { verifyClientJwt } from '../../../core/jwt/client-jwt.ts';
import { makeKeySets } from '../../../core/jwt/issuer-keys.ts';
import { requireSecretFor } from '../../../core/jwt/key-material.ts';
import { parseScopedToken } from '../../../core/tokens/scoped-token.ts';
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
import {
  AUDIENCE,
  ISSUER,
  type MintJwt,
  makeJwtSecrets,
  makeVerifyingKey,
  mintJwt,
  pemOf,
} from '../../support/jwts.ts';
import { KEY } from '../../support/memory-keys.ts';
import { KID, mint } from '../../support/tokens.ts';

const ES256_KEY = keyOf('ES256');
const es256 = (options: MintJwt = {}) =>
  mintJwt({ alg: 'ES256', ...signerOf('ES256'), ...options });

/** A token with its header and payload, signed by nobody. */
const unsigned = (header: object, signature = ''): string =>
  `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${mintJwt().split('.')[1]}.${signature}`;

describe('RFC 8725', () => {
  test('3.1: verifies with the algorithms of the key, whatever the header says', async () => {
    const pem = pemOf(PAIRS.rsa);
    for (const key of [
      pem,
      pem.trim(),
      JSON.stringify(PAIRS.rsa.publicKey.export({ format: 'jwk' })),
    ]) {
      expect(await codeOf(mintJwt({ alg: 'HS256', key }), keyOf('RS256'))).toBe('invalid_api_key');
    }
    // Nor when a record lists what its material cannot serve.
    const confused = keyOf('RS256', { algorithms: ['RS256', 'HS256'] });
    await expect(verify(mintJwt({ alg: 'HS256', key: pem }), confused)).rejects.toMatchObject({
      code: 'invalid_api_key',
      detail: 'client access: its "alg" is not one that the key allows',
    });
  });

  test('3.2: refuses "none" in any spelling, with or without a signature', async () => {
    const cases = fc.sample(fc.mixedCase(fc.constant('none')), 100);
    for (const alg of [...new Set([...cases, 'none', 'NONE', 'nOnE', 'None', ' none', 'none\0'])]) {
      expect(await codeOf(unsigned({ alg }))).toBe('invalid_api_key');
      expect(await codeOf(mintJwt({ header: { alg } }))).toBe('invalid_api_key');
    }
  });

  test('3.3: refuses an encrypted or nested token', async () => {
    expect(await codeOf(`${mintJwt()}.AA.AA`)).toBe('invalid_api_key');
    expect(await codeOf(mintJwt({ header: { enc: 'A256GCM' } }))).toBe('invalid_api_key');
    expect(await codeOf(mintJwt({ header: { cty: 'JWT' } }))).toBe('invalid_api_key');
    expect(await codeOf(mintJwt({ payloadText: mintJwt() }))).toBe('token_claim_invalid');
  });

  test('3.4: ignores a key whose point is not on its curve', async () => {
    const jwk = { ...PAIRS.ES256.publicKey.export({ format: 'jwk' }), kid: 'k1' };
    const moved = { ...jwk, y: jwk.x };
    const find = (key: object) =>
      makeKeySets(async () => JSON.stringify({ keys: [key] }), clock).find('https://i.example/', {
        kid: 'k1',
        alg: 'ES256',
      });
    expect(await find(jwk)).toBeDefined();
    expect(await find(moved)).toBeUndefined();
  });

  test('3.5: refuses a secret that is shorter than the hash', async () => {
    expect(() => requireSecretFor(Buffer.alloc(31, 'a'), ['HS256'])).toThrow(GatewayError);
    expect(() => requireSecretFor(Buffer.alloc(0), ['HS256'])).toThrow(GatewayError);
    for (const secret of ['8 bytes!', '']) {
      const secrets = makeJwtSecrets(secret);
      const jwt = mintJwt({ key: secret });
      await expect(
        verifyClientJwt(jwt, makeVerifyingKey(), makeJwtPorts({ secrets })),
      ).rejects.toMatchObject({ code: 'service_unavailable' });
    }
  });

  test('3.6: refuses a compressed token', async () => {
    expect(await codeOf(mintJwt({ header: { zip: 'DEF' } }))).toBe('invalid_api_key');
  });

  test('3.7: reads UTF-8 strictly', async () => {
    const notUtf8 = Buffer.concat([Buffer.from('{"sub":"a'), Buffer.of(0xff), Buffer.from('"}')]);
    expect(await codeOf(mintJwt({ payloadText: notUtf8 }))).toBe('token_claim_invalid');
    expect(await codeOf(mintJwt({ headerText: notUtf8 }))).toBe('invalid_api_key');
    expect(await verify(mintJwt({ claims: { sub: 'Ada Lovelace \u{1F469}' } }))).toMatchObject({
      id: 'Ada Lovelace \u{1F469}',
    });
  });

  test('3.8: checks the issuer and the subject', async () => {
    const key = makeVerifyingKey({ issuers: [ISSUER] });
    expect(await codeOf(mintJwt(), key)).toBe('verified');
    for (const iss of [
      'https://issuer.example.edu',
      `${ISSUER}x`,
      'https://evil.example/',
      undefined,
    ]) {
      expect(await codeOf(mintJwt({ claims: { iss } }), key)).toBe('token_claim_invalid');
    }
    expect(await codeOf(mintJwt({ claims: { sub: undefined } }))).toBe('token_claim_invalid');
  });

  test('3.9: checks the audience', async () => {
    const key = makeVerifyingKey({ audiences: [AUDIENCE] });
    expect(await codeOf(mintJwt(), key)).toBe('verified');
    for (const aud of ['hallpass2', 'hall', undefined, [], ['other']]) {
      expect(await codeOf(mintJwt({ claims: { aud } }), key)).toBe('token_claim_invalid');
    }
  });

  test('3.10: ignores every key and address in the header of a token', async () => {
    const jwk = OTHERS.ES256.publicKey.export({ format: 'jwk' });
    const { privateKey } = OTHERS.ES256;
    for (const header of [
      { jwk },
      { jku: 'https://evil.example/jwks.json' },
      { x5u: 'https://evil.example/cert.pem' },
      { x5c: ['MIIB'] },
    ]) {
      expect(await codeOf(es256({ header, key: privateKey }), ES256_KEY)).toBe('invalid_api_key');
      expect(await codeOf(es256({ header }), ES256_KEY)).toBe('invalid_api_key');
    }
  });

  test('3.11: accepts only the types of ID and access tokens', async () => {
    for (const typ of [undefined, 'JWT', 'jwt', 'at+jwt', 'AT+JWT', 'application/at+jwt']) {
      expect(await codeOf(mintJwt({ header: { typ } }))).toBe('verified');
    }
    for (const typ of ['dpop+jwt', 'logout+jwt', 'JOSE', '', null, 1, ['JWT'], 'application/']) {
      expect(await codeOf(mintJwt({ header: { typ } }))).toBe('invalid_api_key');
    }
  });

  test('3.12: accepts no scoped token as a JWT, and no JWT as a scoped token', async () => {
    // Even where someone made the key itself the shared secret.
    const jwt = mint({ claims: { sub: 'ada' } }).slice('jwt:'.length);
    const ports = makeJwtPorts({ secrets: makeJwtSecrets(KEY) });
    await expect(verifyClientJwt(jwt, makeVerifyingKey(), ports)).rejects.toMatchObject({
      code: 'invalid_api_key',
      detail: 'client access: it is a scoped token',
    });
    const withKid = mintJwt({ header: { kid: KID } });
    expect(await codeOf(withKid)).toBe('invalid_api_key');
    expect(() => parseScopedToken(mintJwt())).toThrow(GatewayError);
    expect(() => parseScopedToken(mintJwt({ header: { kid: 'key:1' } }))).toThrow(GatewayError);
    expect(() => requireSecretFor(Buffer.from(KEY), ['HS256'])).toThrow(GatewayError);
  });
});
