/**
 * Each algorithm by each hostile form: a token that its key verifies, changed in one place, is verified no more.
 */
import { describe, expect, test } from 'vitest';
import type { JwtAlgorithm } from '../../../core/jwt/verifier.ts';
import { codeOf, keyOf, pairOf, signerOf } from '../../support/client-jwts.ts';
import { HMAC_ALGORITHMS, mintJwt, PUBLIC_ALGORITHMS, pemOf } from '../../support/jwts.ts';

/** Forgeries of a token of any algorithm, part by part; its key may verify none of them. */
const HOSTILE: readonly (readonly [
  string,
  (alg: JwtAlgorithm, jwt: readonly string[]) => string,
])[] = [
  ['without a signature', (_, [head, payload]) => `${head}.${payload}.`],
  ['without its last part', (_, [head, payload]) => `${head}.${payload}`],
  ['as "none"', (_, [, payload, signature]) => join({ alg: 'none' }, payload, signature)],
  ['as "none", without a signature', (_, [, payload]) => join({ alg: 'none' }, payload, '')],
  [
    'in small letters',
    (alg, [, payload, signature]) => join({ alg: alg.toLowerCase() }, payload, signature),
  ],
  ['with its algorithm left out', (_, [, payload, signature]) => join({}, payload, signature)],
  ['with "crit"', (alg, [, ...rest]) => join({ alg, crit: ['exp'] }, ...rest)],
  ['with a key of its own', (alg, [, ...rest]) => join({ alg, jwk: { kty: 'oct' } }, ...rest)],
  ['with another header', (alg, [, ...rest]) => join({ alg, kid: 'other' }, ...rest)],
  ['with a signature of zeros', (_, parts) => withSignature(parts, (bytes) => bytes.fill(0))],
  [
    'with a signature of the largest bytes',
    (_, parts) => withSignature(parts, (bytes) => bytes.fill(255)),
  ],
  ['with a signature cut short', (_, parts) => withSignature(parts, (b) => b.subarray(0, -1))],
  [
    'with a byte behind its signature',
    (_, parts) => withSignature(parts, (bytes) => Buffer.concat([bytes, Buffer.of(0)])),
  ],
  [
    'with a byte before its signature',
    (_, parts) => withSignature(parts, (bytes) => Buffer.concat([Buffer.of(0), bytes])),
  ],
  [
    'with one bit of its signature changed',
    (_, parts) =>
      withSignature(parts, (bytes) => {
        bytes[0] = (bytes[0] ?? 0) ^ 1;
        return bytes;
      }),
  ],
  ['with padding', (_, parts) => `${parts.join('.')}=`],
  ['in standard base64', (_, parts) => `${parts.join('.')}+`],
  ['with a fourth part', (_, parts) => `${parts.join('.')}.AA`],
  ['with white space behind it', (_, parts) => `${parts.join('.')}\n`],
  ['twice', (_, parts) => `${parts.join('.')}.${parts.join('.')}`],
  ['of 9 kB', (alg, [, ...rest]) => join({ alg, x: 'x'.repeat(9_000) }, ...rest)],
];

const join = (header: object, payload = '', signature = ''): string =>
  `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}.${signature}`;
const withSignature = (
  [head, payload, signature = '']: readonly string[],
  change: (bytes: Buffer) => Buffer,
): string =>
  `${head}.${payload}.${change(Buffer.from(signature, 'base64url')).toString('base64url')}`;

describe.each<JwtAlgorithm>([...HMAC_ALGORITHMS, ...PUBLIC_ALGORITHMS])('hostile %s', (alg) => {
  const key = keyOf(alg);
  const jwt = mintJwt({ alg, ...signerOf(alg) });

  test.each(HOSTILE)('is refused %s', async (_, change) => {
    expect(await codeOf(jwt, key)).toBe('verified');
    expect(await codeOf(change(alg, jwt.split('.')), key)).toBe('invalid_api_key');
  });

  test('is refused under the name of every other algorithm', async () => {
    const [, payload, signature] = jwt.split('.');
    for (const other of [...HMAC_ALGORITHMS, ...PUBLIC_ALGORITHMS]) {
      if (other === alg) continue;
      const renamed = join({ alg: other, typ: 'JWT' }, payload, signature);
      expect([other, await codeOf(renamed, key)]).toEqual([other, 'invalid_api_key']);
    }
  });

  test('is verified only by a key of its own algorithm', async () => {
    for (const other of [...HMAC_ALGORITHMS, ...PUBLIC_ALGORITHMS]) {
      const found = await codeOf(jwt, keyOf(other, { algorithms: [other] }));
      expect([other, found]).toEqual([other, other === alg ? 'verified' : 'invalid_api_key']);
    }
  });
});

test.each(PUBLIC_ALGORITHMS)(
  '%s: the text of the public key does not verify as a shared secret',
  async (alg) => {
    const key = keyOf(alg);
    const { publicKey } = pairOf(alg);
    const texts = [
      pemOf(pairOf(alg)),
      publicKey.export({ type: 'spki', format: 'der' }).toString('latin1'),
      JSON.stringify(publicKey.export({ format: 'jwk' })),
    ];
    for (const text of texts) {
      for (const hmac of HMAC_ALGORITHMS) {
        expect(await codeOf(mintJwt({ alg: hmac, key: text }), key)).toBe('invalid_api_key');
      }
    }
  },
);
