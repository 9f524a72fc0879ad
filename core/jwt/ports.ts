/**
 * What verifying a JWT needs from outside: issuers' public keys and secrets. Each port fails closed.
 */
import type { CryptoKey } from 'jose';
import type { Clock, Secrets } from '../base/ports.ts';
import type { JwtAlgorithm } from './verifier.ts';

export interface ClientJwtPorts {
  readonly secrets: Secrets;
  readonly keySets: KeySets;
  readonly clock: Clock;
  /** Told of each check that is passed, in order: `jwt form`, `jwt signature`, then the claims'. @default nobody */
  readonly onPassed?: (check: string, found: string) => void;
}

/** What a token's header says of its key. */
export interface WantedKey {
  /** Undefined: the token names none. */
  readonly kid: string | undefined;
  readonly alg: JwtAlgorithm;
}

/** Public keys of issuers. Fails closed while the issuer is down and no key of it is known. */
export interface KeySets {
  /** The one key of the set that fits a token's header; undefined: there is none, or there are several. */
  find(url: string, wanted: WantedKey): Promise<CryptoKey | undefined>;
}

/** Fetches an issuer's key set: its text, 256 kB at most; one try, bounded in time, no redirect. Fails closed. */
export type KeySetFetch = (url: string) => Promise<string>;
