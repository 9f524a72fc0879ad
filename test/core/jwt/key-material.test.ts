import { createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  algorithmsOfKind,
  readPublicKeyPem,
  requireSecretFor,
} from '../../../core/jwt/key-material.ts';
import { makePairs, PUBLIC_ALGORITHMS, pemOf } from '../../support/jwts.ts';
import { KEY } from '../../support/memory-keys.ts';

const PAIRS = makePairs();
const CERTIFICATE = readFileSync(
  new URL('../../fixtures/localhost-certificate.pem', import.meta.url),
  'utf8',
);
const refused = (message: string | RegExp) =>
  expect.objectContaining({ code: 'invalid_request', message: expect.stringMatching(message) });

const pemOfRsa = (modulus: bigint, exponent = 'AQAB'): string => {
  const hex = modulus.toString(16);
  const n = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString(
    'base64url',
  );
  const key: JsonWebKey = { kty: 'RSA', n, e: exponent };
  return createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }).toString();
};
const modulusOf = (pem: string): bigint => {
  const { n = '' } = createPublicKey(pem).export({ format: 'jwk' });
  return BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`);
};

describe('algorithmsOfKind', () => {
  test('gives secrets and public keys no algorithm in common', () => {
    expect(algorithmsOfKind('secret')).toEqual(['HS256', 'HS384', 'HS512']);
    expect(algorithmsOfKind('pem')).toEqual(PUBLIC_ALGORITHMS);
    expect(algorithmsOfKind('jwks')).toEqual(PUBLIC_ALGORITHMS);
  });
});

describe('readPublicKeyPem', () => {
  test.each([
    ['rsa', ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ['ES256', ['ES256']],
    ['ES384', ['ES384']],
    ['ES512', ['ES512']],
    ['EdDSA', ['EdDSA']],
  ] as const)('reads a key of %s', (family, algorithms) => {
    const { publicKey } = PAIRS[family];
    const read = readPublicKeyPem(pemOf(PAIRS[family]));
    expect(read.publicKey.equals(publicKey)).toBe(true);
    expect(read.algorithms).toEqual(algorithms);
  });

  test('reads the key in a certificate', () => {
    const { publicKey, algorithms } = readPublicKeyPem(CERTIFICATE);
    expect(publicKey.type).toBe('public');
    expect(algorithms).toEqual(['ES256']);
  });

  test('reads other spellings of a PEM text as the same key', () => {
    const pem = pemOf(PAIRS.ES256).replaceAll('\n', '\r\n');
    const { publicKey } = readPublicKeyPem(`\n  ${pem}  \n`);
    expect(publicKey.equals(PAIRS.ES256.publicKey)).toBe(true);
  });

  test.each([
    ['PKCS #8', PAIRS.ES256.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
    ['SEC 1', PAIRS.ES256.privateKey.export({ type: 'sec1', format: 'pem' }).toString()],
    ['PKCS #1', PAIRS.rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()],
    ['a public key beside it', `${pemOf(PAIRS.rsa)}-----BEGIN PRIVATE KEY-----\nAA==\n`],
  ])('refuses a private key, of %s', (_, pem) => {
    expect(() => readPublicKeyPem(pem)).toThrow(refused('that is a private key'));
  });

  test.each([
    ['a shared secret', 'x'.repeat(64)],
    ['nothing', ''],
    ['two keys', pemOf(PAIRS.ES256) + pemOf(PAIRS.ES384)],
    ['words around it', `the key: ${pemOf(PAIRS.ES256)}`],
    ['PKCS #1', PAIRS.rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }).toString()],
    ['labels that differ', pemOf(PAIRS.ES256).replace('END PUBLIC', 'END OTHER')],
  ])('refuses %s', (_, pem) => {
    expect(() => readPublicKeyPem(pem)).toThrow(refused('one PUBLIC KEY or one CERTIFICATE'));
  });

  test.each([['PUBLIC KEY'], ['CERTIFICATE']])('refuses a %s that cannot be read', (label) => {
    const pem = `-----BEGIN ${label}-----\nQ0FOQVJZ\n-----END ${label}-----\n`;
    expect(() => readPublicKeyPem(pem)).toThrow(
      refused(`^the ${label} in the PEM text cannot be read$`),
    );
  });

  test('refuses a text of more than 8 kB', () => {
    expect(() => readPublicKeyPem('x'.repeat(8_193))).toThrow(refused('8192 characters'));
  });

  test.each([
    ['secp256k1', generateKeyPairSync('ec', { namedCurve: 'secp256k1' })],
    ['Ed448', generateKeyPairSync('ed448')],
    ['X25519', generateKeyPairSync('x25519')],
    ['RSA for PSS alone', generateKeyPairSync('rsa-pss', { modulusLength: 2048 })],
  ])('refuses a key of %s', (_, pair) => {
    expect(() => readPublicKeyPem(pemOf(pair))).toThrow(refused('must be of RSA, P-256'));
  });

  test('refuses RSA keys of less than 2048 bits, and of more than 8192', () => {
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
    expect(() => readPublicKeyPem(pemOf(short))).toThrow(refused('2048 to 8192 bits, got 1024'));
    expect(() => readPublicKeyPem(pemOfRsa(2n ** 2046n + 1n))).toThrow(refused('got 2047'));
    expect(() => readPublicKeyPem(pemOfRsa(2n ** 8192n + 1n))).toThrow(refused('got 8193'));
  });

  test.each([
    ['1', 'AQ'],
    ['2', 'Ag'],
    ['65536', 'AQAA'],
    ['4294967297', 'AQAAAAE'],
  ])('refuses the exponent %s', (_, exponent) => {
    const pem = pemOfRsa(modulusOf(pemOf(PAIRS.rsa)), exponent);
    expect(() => readPublicKeyPem(pem)).toThrow(refused('exponent of the RSA key'));
  });

  test('reads the exponent 3', () => {
    const pem = pemOfRsa(modulusOf(pemOf(PAIRS.rsa)), 'Aw');
    expect(readPublicKeyPem(pem).algorithms).toContain('RS256');
  });

  test('refuses moduli of a generator whose keys can be factored', () => {
    // As that generator makes primes: k × M + (65537 ^ a mod M), M the product of the first 39 odd primes and more.
    const primes = [
      3n,
      5n,
      7n,
      11n,
      13n,
      17n,
      19n,
      23n,
      29n,
      31n,
      37n,
      41n,
      43n,
      47n,
      53n,
      59n,
      61n,
      67n,
      71n,
      73n,
      79n,
      83n,
      89n,
      97n,
      101n,
      103n,
      107n,
      109n,
      113n,
      127n,
      131n,
      137n,
      139n,
      149n,
      151n,
      157n,
      163n,
      167n,
      173n,
    ];
    const product = 2n * primes.reduce((all, prime) => all * prime, 1n);
    const like = (power: bigint): bigint => {
      const least = 2n ** 1023n + 2n ** 1022n;
      return (least / product) * product + product + (65537n ** power % product);
    };
    const weak = like(7n) * like(1234n);
    expect(() => readPublicKeyPem(pemOfRsa(weak))).toThrow(refused('CVE-2017-15361'));
    expect(readPublicKeyPem(pemOfRsa(weak + 2n)).algorithms).toContain('RS256');
  });
});

describe('requireSecretFor', () => {
  test.each([
    ['HS256', 32],
    ['HS384', 48],
    ['HS512', 64],
  ] as const)('asks of %s for %d bytes', (algorithm, bytes) => {
    expect(() => requireSecretFor(Buffer.alloc(bytes, 'k'), [algorithm])).not.toThrow();
    expect(() => requireSecretFor(Buffer.alloc(bytes - 1, 'k'), [algorithm])).toThrow(
      refused(`at least ${bytes} bytes for ${algorithm}, got ${bytes - 1}`),
    );
  });

  test('counts bytes, not characters', () => {
    expect(() => requireSecretFor(Buffer.from('ä'.repeat(16)), ['HS256'])).not.toThrow();
  });

  test('must be long enough for each of the algorithms', () => {
    expect(() => requireSecretFor(Buffer.alloc(40, 'k'), ['HS256', 'HS512'])).toThrow(
      refused('64 bytes for HS512'),
    );
  });

  test.each([
    ['a public key', pemOf(PAIRS.rsa), 'a PEM text'],
    ['a certificate', CERTIFICATE, 'a PEM text'],
    ['a private key', PAIRS.rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }), 'a PEM text'],
    ['a JWK', JSON.stringify(PAIRS.rsa.publicKey.export({ format: 'jwk' })), 'a JWK'],
    ['a key of Hallpass', KEY, 'a key of Hallpass'],
  ])('refuses %s', (_, text, what) => {
    const secret = Buffer.from(String(text));
    expect(() => requireSecretFor(secret, ['HS256'])).toThrow(
      refused(`the shared secret is ${what}`),
    );
  });

  test('serves only HMAC', () => {
    expect(() => requireSecretFor(Buffer.alloc(64, 'k'), ['RS256'])).toThrow(
      refused('a shared secret cannot serve RS256'),
    );
  });
});
