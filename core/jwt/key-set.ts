/**
 * One issuer's key set, read: which of its keys fits a token.
 * Flow: form > **key set** > signature. Invariant: a key serves only what its type, curve and own words (`use`, `alg`,
 * `key_ops`) say; private, symmetric, weak and unreadable keys are as if they were not there. RFC 7517, 4 and 5.
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { type CryptoKey, importJWK, type JWK } from 'jose';
import { GatewayError } from '../base/errors.ts';
import { algorithmsOfKey } from './key-material.ts';
import type { WantedKey } from './ports.ts';
import type { JwtAlgorithm } from './verifier.ts';

interface PublicKey {
  readonly kid: string | undefined;
  readonly algorithms: readonly JwtAlgorithm[];
  /** Imported when it is first used, and once for each algorithm; undefined: it cannot be. */
  readonly import: (alg: JwtAlgorithm) => Promise<CryptoKey | undefined>;
}

export type PublicKeySet = readonly PublicKey[];

/** The largest sets of providers have a dozen; each key is parsed when a set comes. */
const KEYS_MAX = 64;

/**
 * @returns the usable keys among the first 64
 * @throws service_unavailable when it is no key set at all, which is taken as the issuer's outage
 */
export function parseKeySet(text: string): PublicKeySet {
  const keys = readKeys(text);
  if (keys === undefined) {
    throw new GatewayError('service_unavailable', { detail: "an issuer's key set cannot be read" });
  }
  return keys.slice(0, KEYS_MAX).flatMap((jwk) => toPublicKey(jwk) ?? []);
}

function readKeys(text: string): readonly unknown[] | undefined {
  try {
    const { keys } = Object(JSON.parse(text));
    return Array.isArray(keys) ? keys : undefined;
  } catch {
    return undefined; // What is not JSON is no key set, whatever the parser says of it.
  }
}

/** The members that make a public key; whatever else a set says of it is left behind (`x5u`, `x5c`). */
const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const;

function toPublicKey(value: unknown): PublicKey | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const jwk = new Map<string, unknown>(Object.entries(value));
  const [kid, use, operations] = ['kid', 'use', 'key_ops'].map((name) => jwk.get(name));
  // A private key that was published is known to everybody.
  if (jwk.has('d') || jwk.has('k')) return undefined;
  if (use !== undefined && use !== 'sig') return undefined;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return undefined;
  }
  if (kid !== undefined && typeof kid !== 'string') return undefined;
  const members = Object.fromEntries(
    PUBLIC_MEMBERS.flatMap((name) => (jwk.has(name) ? [[name, jwk.get(name)]] : [])),
  );
  const algorithms = algorithmsOfJwk(members).filter((alg) => fitsAlg(alg, jwk.get('alg')));
  return algorithms.length === 0 ? undefined : { kid, algorithms, import: importOnce(members) };
}

function algorithmsOfJwk(jwk: JsonWebKey): readonly JwtAlgorithm[] {
  try {
    return algorithmsOfKey(createPublicKey({ key: jwk, format: 'jwk' }));
  } catch {
    return []; // Weak, of another type, or no key: it can verify nothing here.
  }
}

/** RFC 9864, 2.2 gives EdDSA on its curve a name of its own. */
const fitsAlg = (alg: JwtAlgorithm, named: unknown): boolean =>
  named === undefined || named === alg || (alg === 'EdDSA' && named === 'Ed25519');

function importOnce(jwk: JWK): PublicKey['import'] {
  const imported = new Map<JwtAlgorithm, Promise<CryptoKey | undefined>>();
  return (alg) => {
    const known = imported.get(alg);
    if (known !== undefined) return known;
    const made = importOr(jwk, alg);
    imported.set(alg, made);
    return made;
  };
}

async function importOr(jwk: JWK, alg: JwtAlgorithm): Promise<CryptoKey | undefined> {
  try {
    const key = await importJWK(jwk, alg);
    return key instanceof Uint8Array ? undefined : key;
  } catch {
    return undefined; // Read by one library and not by the other: it can verify nothing here.
  }
}

/** The one key that fits; undefined: none, or several, of which to choose would be to try. */
export function pickKey(
  keys: PublicKeySet,
  { kid, alg }: WantedKey,
): Promise<CryptoKey | undefined> | undefined {
  const [key, ...others] = keys.filter(
    (each) => each.algorithms.includes(alg) && (kid === undefined || each.kid === kid),
  );
  return others.length === 0 ? key?.import(alg) : undefined;
}
