/**
 * The secrets that hold the strings of a server key. Flow: rotate > **secret** > authorizer, sweep.
 * Invariant: the name of a version says in which secret it is. A reader looks in one place, and the sweep knows what a
 * secret holds without reading it.
 */
import type { KeyId } from '../base/ids.ts';
import { HOUR_MS, MINUTE_MS } from '../base/limits.ts';
import type { KeyRecord } from './key-record.ts';

/** One secret of a key. */
export interface KeySecret {
  readonly keyId: KeyId;
  /** The version that it holds; absent: the first secret of the key, which holds the versions without one of their own. */
  readonly version?: string;
}

const OWN = 'own-';
const OWN_VERSION = /^own-[\w-]{1,60}$/;

/** Names a version that has a secret of its own. */
export const toOwnVersion = (uuid: string): string => OWN + uuid;

/** True for a version that has a secret of its own. */
export const isOwnVersion = (version: string): boolean => OWN_VERSION.test(version);

/** Returns the secret that holds a version of a key. */
export const secretOf = (keyId: KeyId, version: string): KeySecret =>
  isOwnVersion(version) ? { keyId, version } : { keyId };

/** A string of a key is read for so long after its end: a record may be ten seconds old, and clocks differ. */
export const SPARE_MS = MINUTE_MS;

/**
 * The sweep deletes a new secret that no record names after this. AWS refuses a request that was signed a quarter of an
 * hour ago, so the secret cannot be made later than its mark is due.
 */
export const MAKING_MAX_MS = HOUR_MS;

/**
 * Returns the instant until which a key needs one of its secrets: 0 if it does not, infinity while it holds the string in
 * force. A key that is not a server key needs none, because only a server key signs.
 */
export function neededUntilMs(
  { disabled, kind, version, former }: KeyRecord,
  { version: held }: KeySecret,
): number {
  const isIn = (wanted: string): boolean => (isOwnVersion(wanted) ? wanted : undefined) === held;
  if (disabled || kind !== 'server') return 0;
  if (isIn(version)) return Number.POSITIVE_INFINITY;
  return former !== undefined && isIn(former.version) ? former.untilMs + SPARE_MS : 0;
}
