/**
 * Ports for verifying a JWT: issuers' public keys and keys' shared secrets. Each port fails closed.
 */
import type { KeyObject } from 'node:crypto';
import type { CryptoKey } from 'jose';
import type { JwtAlgorithm, VerifyingKey } from './verifier.ts';

/** The key that a token's header names. */
export interface WantedKey {
  /** Undefined: the token names none. */
  readonly kid: string | undefined;
  readonly alg: JwtAlgorithm;
}

/** The keys that verify JWTs. Fails closed: `service_unavailable` while a secret or an issuer's keys cannot be read. */
export interface JwtKeys {
  /** Finds the one key that may verify a JWT for a key's record; undefined: there is none, or there are several. */
  find(key: VerifyingKey, wanted: WantedKey): Promise<CryptoKey | KeyObject | undefined>;
}

/** Public keys of issuers. Fails closed while the issuer is down and no key of it is known. */
export interface KeySets {
  /** Finds the one key of the set that fits a token's header; undefined: there is none, or there are several. */
  find(url: string, wanted: WantedKey): Promise<KeyObject | undefined>;
}

/** Fetches the text of an issuer's key set: 256 kB at most, one try, bounded in time, no redirect. Fails closed. */
export type KeySetFetch = (url: string) => Promise<string>;
