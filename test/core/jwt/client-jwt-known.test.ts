/**
 * Attacks that other libraries fell for, by their known names.
 */
import { sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { verifyClientJwt } from '../../../core/jwt/client-jwt.ts';
import { makeKeySets } from '../../../core/jwt/issuer-keys.ts';
import {
  clock,
  codeOf,
  keyOf,
  makeJwtPorts,
  OTHERS,
  PAIRS,
  SECRETS,
  signerOf,
} from '../../support/client-jwts.ts';
import { makeJwtSecrets, makeVerifyingKey, mintJwt, pemOf } from '../../support/jwts.ts';

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const es256 = mintJwt({ alg: 'ES256', ...signerOf('ES256') });

describe('a known hole of another library is closed here', () => {
  test.each(['RS256', 'ES256', 'EdDSA'] as const)(
    'CVE-2016-5431, CVE-2023-48223, CVE-2026-34950: the public key of %s as the secret of an HMAC',
    async (alg) => {
      const pem = pemOf(alg === 'RS256' ? PAIRS.rsa : PAIRS[alg]);
      // In the spellings that a check for "BEGIN PUBLIC KEY" does not know, too.
      for (const key of [pem, pem.trim(), `\n${pem}`, pem.replaceAll('\n', '\r\n')]) {
        expect(await codeOf(mintJwt({ alg: 'HS256', key }), keyOf(alg))).toBe('invalid_api_key');
      }
    },
  );

  test('CVE-2022-21449: a signature of zeros, or of the order of the curve, that fits any text', async () => {
    const [head, payload] = es256.split('.');
    const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
    for (const hex of ['0'.repeat(128), order + order, `${order}${'0'.repeat(64)}`]) {
      const jwt = `${head}.${payload}.${Buffer.from(hex, 'hex').toString('base64url')}`;
      expect(await codeOf(jwt, keyOf('ES256'))).toBe('invalid_api_key');
    }
  });

  test('CVE-2026-45363: an HMAC with an empty secret', async () => {
    const ports = makeJwtPorts({ secrets: makeJwtSecrets('') });
    await expect(
      verifyClientJwt(mintJwt({ key: '' }), makeVerifyingKey(), ports),
    ).rejects.toMatchObject({ code: 'service_unavailable' });
  });

  test('CVE-2026-29000: an unsigned JWT inside an encrypted one', async () => {
    const plain = `${part({ alg: 'none' })}.${part({ sub: 'eve' })}.`;
    const jwe = [part({ alg: 'dir', enc: 'A256GCM', cty: 'JWT' }), '', 'AA', 'AA', 'AA'].join('.');
    for (const jwt of [plain, jwe]) {
      expect(await codeOf(jwt, keyOf('RS256'))).toBe('invalid_api_key');
    }
    expect(await codeOf(mintJwt({ payloadText: plain }))).toBe('token_claim_invalid');
  });

  test('GHSA-hm7r-c7qw-ghp6: a "crit" with an unknown extension', async () => {
    for (const crit of [['x-policy'], ['exp'], [], 'x-policy', null, {}]) {
      expect(await codeOf(mintJwt({ header: { crit, 'x-policy': 'deny' } }))).toBe(
        'invalid_api_key',
      );
    }
  });

  test('GHSA-869p-cjfg-cm3x: a secret that is chosen by the token', async () => {
    const asked: string[] = [];
    const secrets = {
      ...SECRETS,
      readJwtSecret: (...what: Parameters<typeof SECRETS.readJwtSecret>) => {
        asked.push(what.join(' '));
        return SECRETS.readJwtSecret(...what);
      },
    };
    const key = makeVerifyingKey();
    const version = key.verifier.key.kind === 'secret' ? key.verifier.key.version : '';
    for (const kid of ['other', '__proto__', 'toString', '../../secret']) {
      await verifyClientJwt(mintJwt({ header: { kid } }), key, makeJwtPorts({ secrets }));
    }
    expect(new Set(asked)).toEqual(new Set([`${key.id} ${version}`]));
  });

  test('get-jwks before 11.0.2: a key of one issuer, cached by its kid, for tokens of another', async () => {
    const sets = {
      'https://a.example/jwks': { ...PAIRS.ES256.publicKey.export({ format: 'jwk' }), kid: 'k1' },
      'https://b.example/jwks': { ...OTHERS.ES256.publicKey.export({ format: 'jwk' }), kid: 'k1' },
    };
    const keySets = makeKeySets(
      async (url) => JSON.stringify({ keys: [sets[url as keyof typeof sets]] }),
      clock,
    );
    const ask = (url: string, pair: (typeof PAIRS)['ES256']) =>
      verifyClientJwt(
        mintJwt({ alg: 'ES256', key: pair.privateKey, header: { kid: 'k1' } }),
        makeVerifyingKey({}, { kind: 'jwks', url }),
        makeJwtPorts({ keySets }),
      ).then(
        () => 'verified',
        ({ code }) => code,
      );
    // In an order in which either might have been kept for the other.
    expect(await ask('https://a.example/jwks', PAIRS.ES256)).toBe('verified');
    expect(await ask('https://b.example/jwks', PAIRS.ES256)).toBe('invalid_api_key');
    expect(await ask('https://b.example/jwks', OTHERS.ES256)).toBe('verified');
    expect(await ask('https://a.example/jwks', OTHERS.ES256)).toBe('invalid_api_key');
  });

  test('CVE-2026-35039: a cached result of one token, for another that looks like it', async () => {
    const key = keyOf('ES256');
    expect(await codeOf(es256, key)).toBe('verified');
    const [head, payload, signature] = es256.split('.');
    const other = mintJwt({ claims: { sub: 'eve' } }).split('.')[1];
    const foreign = sign('sha256', Buffer.from(`${head}.${payload}`), {
      key: OTHERS.ES256.privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    for (const jwt of [
      `${head}.${other}.${signature}`,
      `${head}.${payload}.${foreign.toString('base64url')}`,
      `${head}.${payload}${other}.${signature}`,
    ]) {
      expect(await codeOf(jwt, key)).toBe('invalid_api_key');
    }
    expect(await codeOf(es256, keyOf('ES384'))).toBe('invalid_api_key');
    expect(await codeOf(es256, key)).toBe('verified');
  });
});
