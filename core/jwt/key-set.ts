/**
 * One issuer's key set: reads it and picks the key that fits a token. Flow: form > **key set** > signature.
 * Invariant: a key serves only what its type, its curve and its own members (`use`, `alg`, `key_ops`) allow; private,
 * symmetric, weak and unreadable keys are ignored. RFC 7517, 4 and 5.
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { GatewayError } from '../base/errors.ts';
import { parseObject } from '../base/json.ts';
import { algorithmsOfKey, type PublicKey } from './key-material.ts';
import type { WantedKey } from './ports.ts';
import type { JwtAlgorithm } from './verifier.ts';

interface NamedPublicKey extends PublicKey {
  readonly kid: string | undefined;
}

/** The usable keys of an issuer. */
export type PublicKeySet = readonly NamedPublicKey[];

/** Providers' largest sets have a dozen keys. All keys are parsed when a set arrives. */
const KEYS_MAX = 64;

/**
 * Reads the usable keys among the first 64.
 * @throws service_unavailable for a text that is not a key set, which counts as an outage of the issuer
 */
export function parseKeySet(text: string): PublicKeySet {
  const keys = parseObject(text)?.keys;
  if (!Array.isArray(keys)) {
    throw new GatewayError('service_unavailable', { detail: "an issuer's key set cannot be read" });
  }
  return keys.slice(0, KEYS_MAX).flatMap((jwk) => toPublicKey(jwk) ?? []);
}

/** The members that define a public key. All others (`x5u`, `x5c`) are ignored. */
const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const;

function toPublicKey(value: unknown): NamedPublicKey | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const jwk = new Map<string, unknown>(Object.entries(value));
  const [kid, use, operations] = ['kid', 'use', 'key_ops'].map((name) => jwk.get(name));
  // Everybody knows a private key that was published.
  if (jwk.has('d') || jwk.has('k')) return undefined;
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return undefined;
  }
  if (kid !== undefined && typeof kid !== 'string') return undefined;
  const members = Object.fromEntries(
    PUBLIC_MEMBERS.flatMap((name) => (jwk.has(name) ? [[name, jwk.get(name)]] : [])),
  );
  const read = parseJwk(members);
  const algorithms = read?.algorithms.filter((alg) => fitsAlg(alg, jwk.get('alg'))) ?? [];
  return read && algorithms.length > 0 ? { ...read, algorithms, kid } : undefined;
}

function parseJwk(jwk: JsonWebKey): PublicKey | undefined {
  try {
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
    return { publicKey, algorithms: algorithmsOfKey(publicKey) };
  } catch {
    return undefined; // A weak key, one of another type, or no key.
  }
}

/** RFC 9864, 2.2 names EdDSA on this curve `Ed25519`. */
const fitsAlg = (alg: JwtAlgorithm, named: unknown): boolean =>
  named === undefined || named === alg || (alg === 'EdDSA' && named === 'Ed25519');

/** Returns the one key that fits; undefined for none, and for several, because choosing would mean trying them all. */
export function pickKey(keys: PublicKeySet, { kid, alg }: WantedKey): KeyObject | undefined {
  const [key, ...others] = keys.filter(
    (each) => each.algorithms.includes(alg) && (kid === undefined || each.kid === kid),
  );
  return others.length === 0 ? key?.publicKey : undefined;
}
