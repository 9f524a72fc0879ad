/**
 * Identity providers' JWTs, made part by part with node:crypto only: without core/ and without jose.
 */
import {
  constants,
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  sign as signWith,
} from 'node:crypto';
import { asKeyId } from '../../core/base/ids.ts';
import type { Secrets } from '../../core/base/ports.ts';
import type { KeySets } from '../../core/jwt/ports.ts';
import type { JwtAlgorithm, Verifier, VerifierKey, VerifyingKey } from '../../core/jwt/verifier.ts';
import { JWT_SECRET } from './memory-keys.ts';
import { NOW_SECONDS } from './tokens.ts';

export const ISSUER = 'https://issuer.example.edu/';
export const AUDIENCE = 'hallpass';

const HASHES: Readonly<Record<string, string>> = { 256: 'sha256', 384: 'sha384', 512: 'sha512' };

/** Signs as an algorithm's own section of RFC 7518 or RFC 8037 says, with whatever key is given. */
export function signAs(alg: string, input: string, key: KeyObject | string): Buffer {
  const hash = HASHES[alg.slice(-3)];
  if (typeof key === 'string')
    return createHmac(hash ?? 'sha256', key)
      .update(input)
      .digest();
  const data = Buffer.from(input);
  if (alg.startsWith('PS')) {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return signWith(hash, data, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
  }
  if (alg.startsWith('ES')) return signWith(hash, data, { key, dsaEncoding: 'ieee-p1363' });
  return signWith(hash ?? null, data, key);
}

export interface MintJwt {
  readonly alg?: string;
  readonly key?: KeyObject | string;
  /** A member set to undefined is left out. */
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
  /** The exact text of a part, in place of an object. */
  readonly headerText?: string | Uint8Array;
  readonly payloadText?: string | Uint8Array;
}

const base64Url = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url');

/** Without options: HS256 by `JWT_SECRET`, of the user `ada`, for an hour. */
export function mintJwt(options: MintJwt = {}): string {
  const { alg = 'HS256', key = JWT_SECRET, header, claims } = options;
  const head = options.headerText ?? JSON.stringify({ alg, typ: 'JWT', ...header });
  const payload =
    options.payloadText ??
    JSON.stringify({
      iss: ISSUER,
      aud: AUDIENCE,
      sub: 'ada',
      exp: NOW_SECONDS + 3600,
      ...claims,
    });
  const input = `${base64Url(head)}.${base64Url(payload)}`;
  return `${input}.${base64Url(signAs(alg, input, key))}`;
}

export interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Key pairs by family, two of each: the issuer's, and another's. */
export const makePairs = (): Readonly<
  Record<'rsa' | 'ES256' | 'ES384' | 'ES512' | 'EdDSA', Pair>
> => ({
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  EdDSA: generateKeyPairSync('ed25519'),
});

export const pemOf = ({ publicKey }: Pair): string =>
  publicKey.export({ type: 'spki', format: 'pem' }).toString();

export const HMAC_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
export const PUBLIC_ALGORITHMS: readonly JwtAlgorithm[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
];

/** A key that verifies with the shared secret `JWT_SECRET`, or with what is given, and asks for nothing else. */
export function makeVerifyingKey(
  verifier: Partial<Verifier> = {},
  key: VerifierKey = { kind: 'secret', version: 'v1' },
): VerifyingKey {
  return {
    id: asKeyId('AAAAAAAAAAAAAAAAAAAAAA'),
    trustEmail: false,
    verifier: {
      key,
      algorithms: key.kind === 'secret' ? HMAC_ALGORITHMS : PUBLIC_ALGORITHMS,
      issuers: [],
      audiences: [],
      authorizedParties: [],
      required: [],
      requireExp: false,
      clockToleranceSeconds: 5,
      ...verifier,
    },
  };
}

/** Key sets for tests that need none. */
export const NO_KEY_SETS: KeySets = {
  find: async () => {
    throw new TypeError('no key set is asked for here');
  },
};

/** One shared secret; the same bytes each time, as the adapter gives them. */
export function makeJwtSecrets(secret: string = JWT_SECRET): Secrets {
  const bytes = Buffer.from(secret);
  return {
    readKey: async () => '',
    readJwtSecret: async () => bytes,
    findProviderKey: async () => undefined,
  };
}
