/**
 * The keys that verify JWTs, one way for each kind of key material. Flow: form > **key** > signature > claims.
 * Invariant: a shared secret is imported for HMAC only and a public key for its own algorithms only; each is imported
 * once, and at most 1,000 are kept.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import type { CryptoKey } from 'jose';
import { makeBoundedMap } from '../base/bounded-map.ts';
import { GatewayError } from '../base/errors.ts';
import type { Secrets } from '../base/ports.ts';
import { HMAC_HASHES, isHmac, type PublicKey, readPublicKeyPem } from './key-material.ts';
import type { JwtKeys, KeySets } from './ports.ts';
import type { HmacAlgorithm } from './verifier.ts';

const KEYS_KEPT_MAX = 1_000;

/** Makes the port from a key's shared secrets and the issuers' key sets. It keeps the keys that it imported. */
export function makeJwtKeys(secrets: Pick<Secrets, 'readJwtSecret'>, keySets: KeySets): JwtKeys {
  const hmacKeys = makeBoundedMap<string, CryptoKey>(KEYS_KEPT_MAX);
  const pemKeys = makeBoundedMap<string, PublicKey>(KEYS_KEPT_MAX);

  function importPem(pem: string): PublicKey {
    const known = pemKeys.get(pem);
    if (known !== undefined) return known;
    const made = readPemOfRecord(pem);
    pemKeys.set(pem, made);
    return made;
  }

  return {
    async find({ id, verifier: { key } }, wanted): Promise<CryptoKey | KeyObject | undefined> {
      const { alg } = wanted;
      switch (key.kind) {
        case 'secret': {
          if (!isHmac(alg)) return undefined;
          const name = `${id} ${key.version} ${alg}`;
          const known = hmacKeys.get(name);
          if (known !== undefined) return known;
          const made = importSecret(await secrets.readJwtSecret(id, key.version), alg);
          hmacKeys.set(name, made);
          return made;
        }
        case 'pem': {
          const { publicKey, algorithms } = importPem(key.pem);
          return algorithms.includes(alg) ? publicKey : undefined;
        }
        case 'jwks':
          return keySets.find(key.url, wanted);
      }
    },
  };
}

/** A CryptoKey, because jose imports any other form of a secret anew for each token. */
function importSecret(secret: Uint8Array, alg: HmacAlgorithm): CryptoKey {
  const { hash, bytes } = HMAC_HASHES[alg];
  if (secret.length < bytes) {
    throw new GatewayError('service_unavailable', {
      detail: `the shared secret of a key is too short for ${alg}`,
    });
  }
  return createSecretKey(secret).toCryptoKey({ name: 'HMAC', hash }, false, ['verify']);
}

/** The PEM text was checked when the record was made, so the fault is ours if it cannot be read now. */
function readPemOfRecord(pem: string): PublicKey {
  try {
    return readPublicKeyPem(pem);
  } catch (cause) {
    throw new GatewayError('service_unavailable', {
      detail: 'the public key of a key cannot be used',
      cause,
    });
  }
}
