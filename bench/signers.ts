/** Signs the JWTs of `npm run bench:identity`: a key for each algorithm, and one key set of all public keys. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type CryptoKey, importJWK, SignJWT } from 'jose';
import type { JwtAlgorithm } from '../core/jwt/verifier.ts';

export const ISSUER = 'https://issuer.example.edu/';
export const AUDIENCE = 'hallpass';
export const SECRET = Buffer.alloc(64, 'a secret of the bench ');

const RSA: readonly JwtAlgorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const CURVES = [
  ['ES256', 'P-256'],
  ['ES384', 'P-384'],
  ['ES512', 'P-521'],
] as const;
export const HMAC: readonly JwtAlgorithm[] = ['HS256', 'HS384', 'HS512'];

/** The key that signs and the key that verifies, for one algorithm. */
export interface JwtSigner {
  readonly alg: JwtAlgorithm;
  readonly signs: KeyObject | Uint8Array;
  readonly verifies: CryptoKey | Uint8Array;
}

export async function makeSigners(): Promise<{ signers: JwtSigner[]; jwks: string }> {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pairs = [
    ...RSA.map((alg) => ({ alg, pair: rsa })),
    ...CURVES.map(([alg, namedCurve]) => ({
      alg,
      pair: generateKeyPairSync('ec', { namedCurve }),
    })),
    { alg: 'EdDSA' as const, pair: generateKeyPairSync('ed25519') },
  ];
  const keys = pairs.map(({ alg, pair }) => ({
    ...pair.publicKey.export({ format: 'jwk' }),
    kid: alg,
    alg,
    use: 'sig',
  }));
  const signers: JwtSigner[] = [];
  for (const alg of HMAC) {
    const verifies = await crypto.subtle.importKey(
      'raw',
      SECRET,
      { name: 'HMAC', hash: `SHA-${alg.slice(2)}` },
      false,
      ['verify'],
    );
    signers.push({ alg, signs: SECRET, verifies });
  }
  for (const { alg, pair } of pairs) {
    const jwk = pair.publicKey.export({ format: 'jwk' });
    signers.push({ alg, signs: pair.privateKey, verifies: await importJWK(jwk, alg) });
  }
  return { signers, jwks: JSON.stringify({ keys }) };
}

export const mint = ({ alg, signs }: JwtSigner): Promise<string> =>
  new SignJWT({ email: 'ada@example.edu', email_verified: true, role: 'student' })
    .setProtectedHeader({ alg, typ: 'JWT', kid: alg })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject('b3b7c1de-6f0e-4c7e-9a63-3f6d2c0f5a11')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(signs);
