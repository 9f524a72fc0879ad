/**
 * Marks of keys whose secret may be deleted, in the index of the sweep. Each is an item of its own in the Wallets table,
 * and says where the key's record is.
 */
import { asWalletId, type KeyId, shortDigest } from '../../core/base/ids.ts';
import { endingIdOf, type SecretEndings } from '../../core/keys/secret-ending.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { recordPk, TABLES } from '../table-schema.ts';
import { readItem, sets, type Update, updateItem } from './update.ts';
import { readText, toNumber, toText } from './values.ts';
import { shardOf } from './wallet-writes.ts';

const { index, ttlAttribute } = TABLES.wallets;
const { partitionKey: due, sortKey: dueAt } = index;
const RECORD = 'record';

export interface EndingTables {
  readonly walletsTable: string;
  readonly keysTable: string;
}

const itemIdOf = (keyId: KeyId) => asWalletId(endingIdOf(keyId));

export function makeSecretEndings(
  call: AwsCall,
  { walletsTable, keysTable }: EndingTables,
  nowMs: () => number = Date.now,
): SecretEndings {
  const write = async (keyId: KeyId, update: Update): Promise<void> => {
    await updateItem(call, walletsTable, itemIdOf(keyId), update);
  };
  return {
    put: ({ keyId, account, keyName }, atMs) =>
      write(keyId, {
        set: [
          sets(RECORD, toText(recordPk(account, shortDigest(keyName)))),
          sets(due, toText(shardOf(itemIdOf(keyId)))),
          sets(dueAt, toNumber(atMs)),
        ],
      }),

    async isDisabled(keyId) {
      const mark = await readItem(call, walletsTable, itemIdOf(keyId));
      const pk = mark && readText(mark, RECORD);
      if (pk === undefined) return false;
      const { id, disabled } = Object(await readItem(call, keysTable, pk));
      return id?.S === keyId && disabled?.BOOL === true;
    },

    remove: (keyId) =>
      write(keyId, {
        set: [sets(ttlAttribute, toNumber(Math.ceil(nowMs() / 1_000)))],
        remove: [due, dueAt],
      }),
  };
}
