/**
 * Whether a JWT's signature holds under what a key's record says verifies it.
 * Flow: form > **signature** > claims. Invariant: a shared secret only ever meets HMAC and a public key only ever its own
 * family; each is imported once, not for each token.
 */
import {
  constants,
  createHmac,
  createSecretKey,
  KeyObject,
  timingSafeEqual,
  type VerifyKeyObjectInput,
  verify,
} from 'node:crypto';
import { type CryptoKey, importSPKI } from 'jose';
import { makeBoundedMap } from '../base/bounded-map.ts';
import { GatewayError } from '../base/errors.ts';
import { HMAC_HASHES, type HmacAlgorithm, isHmac, readPublicKeyPem } from './key-material.ts';
import type { ClientJwtPorts } from './ports.ts';
import type { ClientJwt, JwtAlgorithm, VerifyingKey } from './verifier.ts';

type PublicAlgorithm = Exclude<JwtAlgorithm, HmacAlgorithm>;

/**
 * @returns why it does not hold, or that there is no key that fits; undefined: it holds
 * @throws service_unavailable when the secret or the issuer's keys cannot be read
 */
export async function findSignatureFault(
  jwt: ClientJwt,
  { id, verifier: { key } }: VerifyingKey,
  ports: Pick<ClientJwtPorts, 'secrets' | 'keySets'>,
): Promise<string | undefined> {
  const { alg, kid } = jwt;
  switch (key.kind) {
    case 'secret': {
      if (!isHmac(alg)) return WRONG;
      const secret = await ports.secrets.readJwtSecret(id, key.version);
      return isHmacGood(jwt, alg, secret) ? undefined : WRONG;
    }
    case 'pem':
      return findPublicFault(jwt, await importPem(key.pem, alg));
    case 'jwks':
      return findPublicFault(jwt, await ports.keySets.find(key.url, { kid, alg }));
  }
}

const WRONG = 'the signature does not hold';

function findPublicFault(jwt: ClientJwt, key: CryptoKey | undefined): string | undefined {
  if (key === undefined || isHmac(jwt.alg)) return 'no key fits its "kid" and "alg"';
  return isPublicGood(jwt, jwt.alg, key) ? undefined : WRONG;
}

/** By the very bytes that the secrets' cache keeps: a key goes when its secret does. */
const hmacKeys = new WeakMap<Uint8Array, KeyObject>();

function hmacKeyOf(secret: Uint8Array): KeyObject {
  const known = hmacKeys.get(secret);
  if (known !== undefined) return known;
  const made = createSecretKey(secret);
  hmacKeys.set(secret, made);
  return made;
}

/** HMAC by node:crypto, which takes a tenth of what WebCrypto's way through other threads does. */
function isHmacGood(jwt: ClientJwt, alg: HmacAlgorithm, secret: Uint8Array): boolean {
  const { hash, bytes } = HMAC_HASHES[alg];
  if (secret.length < bytes) {
    throw new GatewayError('service_unavailable', {
      detail: `the shared secret of a key is too short for ${alg}`,
    });
  }
  const expected = createHmac(hash, hmacKeyOf(secret)).update(jwt.signingInput).digest();
  return jwt.signature.length === bytes && timingSafeEqual(expected, jwt.signature);
}

/** How `node:crypto` is told of an algorithm (RFC 7518, 3.1; RFC 8037, 3.1). A parameter left out is its default. */
interface Scheme {
  readonly hash: string | null;
  readonly options: Omit<VerifyKeyObjectInput, 'key'>;
  /** Of a signature; absent: as many as the modulus has. */
  readonly bytes?: number;
}

const PSS = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
};
const PKCS1 = { padding: constants.RSA_PKCS1_PADDING };
const RAW = { dsaEncoding: 'ieee-p1363' } as const;

const SCHEMES: Readonly<Record<PublicAlgorithm, Scheme>> = {
  RS256: { hash: 'sha256', options: PKCS1 },
  RS384: { hash: 'sha384', options: PKCS1 },
  RS512: { hash: 'sha512', options: PKCS1 },
  PS256: { hash: 'sha256', options: PSS },
  PS384: { hash: 'sha384', options: PSS },
  PS512: { hash: 'sha512', options: PSS },
  ES256: { hash: 'sha256', options: RAW, bytes: 64 },
  ES384: { hash: 'sha384', options: RAW, bytes: 96 },
  ES512: { hash: 'sha512', options: RAW, bytes: 132 },
  EdDSA: { hash: null, options: {}, bytes: 64 },
};

/** By the CryptoKeys that caches keep, which say for which algorithm they are. */
const keyObjects = new WeakMap<CryptoKey, KeyObject>();

function keyObjectOf(key: CryptoKey): KeyObject {
  const known = keyObjects.get(key);
  if (known !== undefined) return known;
  const made = KeyObject.from(key);
  keyObjects.set(key, made);
  return made;
}

/**
 * By node:crypto here, and not on the other threads that WebCrypto and so jose's own verifying go by: of an RSA
 * signature's 60 µs that way is 45.
 * @param key imported for this very algorithm
 */
function isPublicGood(jwt: ClientJwt, alg: PublicAlgorithm, key: CryptoKey): boolean {
  const { hash, options, bytes = jwt.signature.length } = SCHEMES[alg];
  if (jwt.signature.length !== bytes) return false;
  const input = Buffer.from(jwt.signingInput);
  return verify(hash, input, { ...options, key: keyObjectOf(key) }, jwt.signature);
}

const PEM_KEYS_MAX = 1_000;
const pemKeys = makeBoundedMap<string, CryptoKey>(PEM_KEYS_MAX);

/** @returns undefined when the key is not of the algorithm's family or curve */
async function importPem(pem: string, alg: JwtAlgorithm): Promise<CryptoKey | undefined> {
  const id = `${alg} ${pem}`;
  const known = pemKeys.get(id);
  if (known !== undefined) return known;
  const { pem: spki, algorithms } = readPemOfRecord(pem);
  if (!algorithms.includes(alg)) return undefined;
  const made = await importSPKI(spki, alg);
  pemKeys.set(id, made);
  return made;
}

/** What a record holds was read when it was made, so it is our own fault when it cannot be. */
function readPemOfRecord(pem: string): ReturnType<typeof readPublicKeyPem> {
  try {
    return readPublicKeyPem(pem);
  } catch (cause) {
    throw new GatewayError('service_unavailable', {
      detail: 'the public key of a key cannot be used',
      cause,
    });
  }
}
