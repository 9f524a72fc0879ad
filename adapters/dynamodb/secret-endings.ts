/**
 * Marks of secrets that may be deleted, in the index of the sweep. Each is an item of its own in the Wallets table, and
 * says where the key's record is.
 */
import { asWalletId, type KeyId, shortDigest } from '../../core/base/ids.ts';
import type { KeyName } from '../../core/keys/key-record.ts';
import { parseKeyRecord } from '../../core/keys/key-record.ts';
import type { KeySecret } from '../../core/keys/key-secret.ts';
import type { SecretEnding } from '../../core/keys/ports.ts';
import {
  type ClaimedEnding,
  endingIdOf,
  type SecretEndings,
} from '../../core/keys/secret-ending.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import type { Environment } from '../aws/environment.ts';
import { recordPk, TABLES } from '../table-schema.ts';
import { fromItem, idPk } from './key-items.ts';
import { type Condition, isAsSeen, readItem, sets, type Update, updateItem } from './update.ts';
import { type Item, readNumber, readText, toNumber, toText } from './values.ts';
import { shardOf } from './wallet-writes.ts';

const { index, ttlAttribute } = TABLES.wallets;
const { partitionKey: due, sortKey: dueAt } = index;
/** The attribute of a mark, and of the pointer from a key's id, that says where the record is. */
export const RECORD = 'record';

export type EndingTables = Pick<Environment, 'walletsTable' | 'keysTable'>;

/** The id of the mark of a secret. */
export const markIdOf = (secret: KeySecret) => asWalletId(endingIdOf(secret));

/** Puts a secret into the index of the sweep, from an instant on. It replaces the mark that there is. */
export const toMark = (
  { account, keyName }: Omit<KeyName, 'keyId'>,
  { secret, atMs }: SecretEnding,
): Update => ({
  set: [
    sets(RECORD, toText(recordPk(account, shortDigest(keyName)))),
    sets(due, toText(shardOf(markIdOf(secret)))),
    sets(dueAt, toNumber(atMs)),
  ],
  remove: [ttlAttribute],
});

/** Takes a secret out of the index, if its mark is where it was put. The item expires. */
export const toUnmark = (atMs: number): Update => ({
  set: [sets(ttlAttribute, toNumber(Math.ceil(atMs / 1_000)))],
  remove: [due, dueAt],
  conditions: [markIsAsPut(atMs)],
});

/** Moves a mark, if it is where it was seen. */
const toMoved = (atMs: number, nextAtMs: number): Update => ({
  set: [sets(dueAt, toNumber(nextAtMs))],
  conditions: [markIsAsPut(atMs)],
});

/** Keeps `secret-claimed-first`, `mark-put-anew-stays`. */
const markIsAsPut = (atMs: number): Condition => isAsSeen(dueAt, toNumber(atMs));

export function makeSecretEndings(
  call: AwsCall,
  { walletsTable, keysTable }: EndingTables,
): SecretEndings {
  const update = (secret: KeySecret, change: Update): Promise<boolean> =>
    updateItem(call, walletsTable, markIdOf(secret), change);

  const findPointer = (keyId: KeyId): Promise<Item | undefined> =>
    readItem(call, keysTable, idPk(keyId));

  /**
   * No function can write a pointer, so none can make a key in force look like one that was never made: neither by a wrong
   * name in a mark, nor by a wrong id in the record.
   */
  async function findRecord(mark: Item, { keyId }: KeySecret): Promise<ClaimedEnding['record']> {
    const pointer = await findPointer(keyId);
    const pk = readText(pointer ?? mark, RECORD);
    const item = pk === undefined ? undefined : await readItem(call, keysTable, pk);
    const record = item && parseKeyRecord(fromItem(item));
    if (record?.id === keyId) return record;
    if (pointer === undefined) return undefined;
    if (record === undefined) return 'never-made';
    const other = await findPointer(record.id);
    return other !== undefined && readText(other, RECORD) === pk ? 'never-made' : undefined;
  }

  return {
    async claim(secret, nowMs) {
      const mark = await readItem(call, walletsTable, markIdOf(secret));
      const seenAtMs = mark && readNumber(mark, dueAt);
      if (mark === undefined || seenAtMs === undefined || seenAtMs > nowMs) return undefined;
      const atMs = Math.max(nowMs, seenAtMs + 1);
      if (!(await update(secret, toMoved(seenAtMs, atMs)))) return undefined;
      return { atMs, record: await findRecord(mark, secret) };
    },

    async move(secret, { atMs }, nextAtMs) {
      await update(secret, nextAtMs === undefined ? toUnmark(atMs) : toMoved(atMs, nextAtMs));
    },
  };
}
