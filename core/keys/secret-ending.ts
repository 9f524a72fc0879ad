/**
 * The end of a disabled key's secret, which costs money for as long as it is there.
 * Flow: disable > mark > sweep. Invariant: a secret is deleted only if the record of its key says that the key is
 * disabled, whoever wrote the mark.
 */
import { asKeyId, type KeyId } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import type { KeyName } from './ports.ts';

/** Marks of keys whose secret may go. Fails closed; each call may be repeated. */
export interface SecretEndings {
  /** Puts the key into the index of the sweep, from an instant on. */
  put(key: KeyName, atMs: number): Promise<void>;
  /** True if the key's record, consistently read, says that it is disabled. */
  isDisabled(keyId: KeyId): Promise<boolean>;
  /** Takes the key out of the index. */
  remove(keyId: KeyId): Promise<void>;
}

const PREFIX = 'secret#';

/** The id of a key's item in the index of the sweep. */
export const endingIdOf = (keyId: KeyId): string => PREFIX + keyId;

/** The key whose secret an item of the index ends; undefined for another item. */
export const keyOfEnding = (itemId: string): KeyId | undefined =>
  itemId.startsWith(PREFIX) ? asKeyId(itemId.slice(PREFIX.length)) : undefined;

export interface EndingPorts {
  readonly endings: Omit<SecretEndings, 'put'>;
  /** Deletes the secret of a key. One that is not there is no error. */
  readonly deleteSecret: (keyId: KeyId) => Promise<void>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** Deletes the secrets of these keys. Never throws: one that failed stays in the index for the next sweep. */
export async function endSecrets(
  keyIds: readonly KeyId[],
  deadlineAtMs: number,
  { endings, deleteSecret, clock }: EndingPorts,
): Promise<{ readonly deleted: number; readonly failed: number }> {
  let [deleted, failed] = [0, 0];
  for (const keyId of keyIds) {
    if (clock.nowMs() >= deadlineAtMs) break;
    try {
      if (await endings.isDisabled(keyId)) {
        await deleteSecret(keyId);
        deleted += 1;
      }
      await endings.remove(keyId);
    } catch {
      failed += 1;
    }
  }
  return { deleted, failed };
}
