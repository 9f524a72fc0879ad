/**
 * The end of a secret that its key does not need any more, and that costs money for as long as it is there.
 *
 * Flow: make, rotate or disable > mark > sweep. The sweep, for each mark that is due:
 * 1. claims the mark, by moving it;
 * 2. reads the key's record;
 * 3. deletes the secret, or moves the mark to the end of an overlap, or removes it.
 *
 * Guarantees: a secret is deleted only if the record says that the key does not need it, or if the key was never made,
 * whoever wrote the mark. What a record does not need it never needs again: a version is named by one rotation only, and
 * that rotation fails once the mark of its new secret is claimed. In the same way, a key is not made any more then.
 */
import { asKeyId } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import type { KeyRecord } from './key-record.ts';
import { isOwnVersion, type KeySecret, neededUntilMs } from './key-secret.ts';

/** A mark that this sweep holds. */
export interface ClaimedEnding {
  /** The instant that the claim moved the mark to; the mark is the claim’s as long as it is there. */
  readonly atMs: number;
  /**
   * The record of the key, read after the claim; `never-made`: its name is free, or another key has it; undefined: nothing
   * leads to its record.
   */
  readonly record: KeyRecord | 'never-made' | undefined;
}

/** Marks of secrets that may go, as the sweep finds them. Fails closed; each call may be repeated. */
export interface SecretEndings {
  /** Claims a mark that is due; undefined: it is not, or another sweep was faster. */
  claim(secret: KeySecret, nowMs: number): Promise<ClaimedEnding | undefined>;
  /** Moves a claimed mark to an instant, or removes it. A mark that was put anew since stays as it is. */
  move(secret: KeySecret, claimed: ClaimedEnding, nextAtMs: number | undefined): Promise<void>;
}

const PREFIX = 'secret#';

/** The id of a secret's mark in the index of the sweep. */
export const endingIdOf = ({ keyId, version }: KeySecret): string =>
  PREFIX + keyId + (version === undefined ? '' : `#${version}`);

/** The secret that an item of the index ends; undefined for another item, and for a secret that holds no string of a key. */
export function secretOfEnding(itemId: string): KeySecret | undefined {
  if (!itemId.startsWith(PREFIX)) return undefined;
  const [id = '', version, ...more] = itemId.slice(PREFIX.length).split('#');
  const keyId = asKeyId(id);
  if (version === undefined) return { keyId };
  return more.length === 0 && isOwnVersion(version) ? { keyId, version } : undefined;
}

export interface EndingPorts {
  readonly endings: SecretEndings;
  /** Deletes a secret. One that is not there is no error. */
  readonly deleteSecret: (secret: KeySecret) => Promise<void>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** A sweep looks at so many marks; the others wait for the next one. A claim moves a mark behind them. */
const ENDINGS_MAX = 200;

/** Deletes those of the secrets that are not needed. Never throws: one that failed is tried again by the next sweep. */
export async function endSecrets(
  secrets: readonly KeySecret[],
  deadlineAtMs: number,
  ports: EndingPorts,
): Promise<{ readonly deleted: number; readonly failed: number }> {
  let [deleted, failed] = [0, 0];
  for (const secret of secrets.slice(0, ENDINGS_MAX)) {
    if (ports.clock.nowMs() >= deadlineAtMs) break;
    try {
      if (await endSecret(secret, ports)) deleted += 1;
    } catch {
      failed += 1;
    }
  }
  return { deleted, failed };
}

function neededByUntilMs(record: ClaimedEnding['record'], secret: KeySecret): number {
  if (record === undefined) return Number.POSITIVE_INFINITY;
  return record === 'never-made' ? 0 : neededUntilMs(record, secret);
}

/** Returns true if the secret was deleted. */
async function endSecret(
  secret: KeySecret,
  { endings, deleteSecret, clock }: EndingPorts,
): Promise<boolean> {
  const nowMs = clock.nowMs();
  const claimed = await endings.claim(secret, nowMs);
  if (claimed === undefined) return false;
  const { record } = claimed;
  const untilMs = neededByUntilMs(record, secret);
  const isNeeded = untilMs > nowMs;
  if (!isNeeded) await deleteSecret(secret);
  await endings.move(secret, claimed, isNeeded && Number.isFinite(untilMs) ? untilMs : undefined);
  return !isNeeded;
}
