/**
 * Whether a JWT's signature holds under what a key's record says verifies it.
 * Flow: form > **signature** > claims. Invariant: a shared secret only ever meets HMAC and a public key only ever its own
 * family; each is imported once, not for each token.
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { type CryptoKey, compactVerify, errors, importSPKI } from 'jose';
import { makeBoundedMap } from './bounded-map.ts';
import type { ClientJwt, ClientJwtPorts, VerifyingKey } from './client-jwt.ts';
import { GatewayError } from './errors.ts';
import { HMAC_HASHES, type HmacAlgorithm, isHmac, readPublicKeyPem } from './key-material.ts';
import type { JwtAlgorithm } from './verifier.ts';

/**
 * @returns false also when there is no key that fits
 * @throws service_unavailable when the secret or the issuer's keys cannot be read
 */
export async function isSignatureGood(
  jwt: ClientJwt,
  { id, verifier: { key } }: VerifyingKey,
  ports: Pick<ClientJwtPorts, 'secrets' | 'keySets'>,
): Promise<boolean> {
  const { alg, kid } = jwt;
  switch (key.kind) {
    case 'secret': {
      if (!isHmac(alg)) return false;
      return isHmacGood(jwt, alg, await ports.secrets.readJwtSecret(id, key.version));
    }
    case 'pem': {
      const publicKey = await importPem(key.pem, alg);
      return publicKey !== undefined && isJoseGood(jwt, publicKey);
    }
    case 'jwks': {
      const publicKey = await ports.keySets.find(key.url, { kid, alg });
      return publicKey !== undefined && isJoseGood(jwt, publicKey);
    }
  }
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

async function isJoseGood({ text, alg }: ClientJwt, key: CryptoKey): Promise<boolean> {
  try {
    await compactVerify(text, key, { algorithms: [alg] });
    return true;
  } catch (error) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
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
