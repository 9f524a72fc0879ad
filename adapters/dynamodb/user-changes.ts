/**
 * Changes of users in the usage table, under `<key id>#people`. The first write of a change stays.
 */

import type { UserChangeRow, UserChanges } from '../../core/account/ports.ts';
import { GatewayError } from '../../core/base/errors.ts';
import type { KeyId } from '../../core/base/ids.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import { itemIsThere } from './rollups.ts';
import { isAsSeen, putItem, readPages, sets, toKey, updateItem } from './update.ts';
import { type Item, readNumber, readText, toNumber, toText } from './values.ts';

const { partitionKey, sortKey } = TABLES.usage;

/** The partition of a key's changes. No row of usage is in it, because those have a day there. */
const partitionOf = (keyId: KeyId): string => `${keyId}#people`;

/** A page is 1 MB of items: some three thousand changes. */
const PAGES_MAX = 1_000;

/** The changes of a table. Fails closed. */
export function makeUserChanges(call: AwsCall, table: string): UserChanges {
  return {
    async put({ keyId, id, atMs, by, user, fields }) {
      const item = {
        ...toKey([partitionOf(keyId), id]),
        at: toNumber(atMs),
        by: toText(by),
        user: toText(user),
        fields: toText(fields),
      };
      await putItem(call, table, item, isAsSeen(partitionKey, undefined));
    },

    async forget({ keyId, id, user, fields }) {
      await updateItem(call, table, [partitionOf(keyId), id], {
        set: [sets('user', toText(user)), sets('fields', toText(fields))],
        conditions: [itemIsThere()],
      });
    },

    async list(keyId) {
      const input = {
        TableName: table,
        KeyConditionExpression: '#pk = :pk',
        ExpressionAttributeNames: { '#pk': partitionKey },
        ExpressionAttributeValues: { ':pk': toText(partitionOf(keyId)) },
      };
      const { items, isWhole } = await readPages(call, 'Query', input, PAGES_MAX);
      if (!isWhole) throw tooMany();
      return items.map((item) => toRow(keyId, item)).sort((a, b) => b.atMs - a.atMs);
    },
  };
}

/** A part of the list would leave names behind when a person is forgotten. */
const tooMany = (): GatewayError =>
  new GatewayError('service_unavailable', {
    detail: 'the users of a key were changed more often than a command reads',
  });

const toRow = (keyId: KeyId, item: Item): UserChangeRow => ({
  keyId,
  id: readText(item, sortKey) ?? '',
  atMs: readNumber(item, 'at') ?? 0,
  by: readText(item, 'by') ?? '',
  user: readText(item, 'user') ?? '',
  fields: readText(item, 'fields') ?? '',
});
