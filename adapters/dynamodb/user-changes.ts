/**
 * Changes of users in the usage table, under `<key id>#people`. The first write of a change stays.
 */

import type { UserChangeRow, UserChanges } from '../../core/account/ports.ts';
import type { KeyId } from '../../core/base/ids.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import {
  attribute,
  type Condition,
  condition,
  isWritten,
  rethrow,
  sets,
  toExpressions,
} from './update.ts';
import { type Item, itemsOf, readNumber, readText, toNumber, toText } from './values.ts';

const { partitionKey, sortKey } = TABLES.usage;

/** The partition of a key's changes. No row of usage is in it, because those have a day there. */
const partitionOf = (keyId: KeyId): string => `${keyId}#people`;

const PAGES_MAX = 10;

/** The changes of a table. Fails closed. */
export function makeUserChanges(call: AwsCall, table: string): UserChanges {
  return {
    async put({ keyId, id, atMs, by, user, fields }) {
      const Item = {
        [partitionKey]: toText(partitionOf(keyId)),
        [sortKey]: toText(id),
        at: toNumber(atMs),
        by: toText(by),
        user: toText(user),
        fields: toText(fields),
      };
      await isWritten(
        call('PutItem', {
          TableName: table,
          Item,
          ConditionExpression: 'attribute_not_exists(#pk)',
          ExpressionAttributeNames: { '#pk': partitionKey },
        }),
      );
    },

    async forget({ keyId, id, user, fields }) {
      await isWritten(
        call('UpdateItem', {
          TableName: table,
          Key: { [partitionKey]: toText(partitionOf(keyId)), [sortKey]: toText(id) },
          ...toExpressions({
            set: [sets('user', toText(user)), sets('fields', toText(fields))],
            conditions: [changeIsThere()],
          }),
        }),
      );
    },

    async list(keyId) {
      const rows: UserChangeRow[] = [];
      let start: unknown;
      for (let page = 0; page < PAGES_MAX; page += 1) {
        const answer = await call('Query', {
          TableName: table,
          KeyConditionExpression: '#pk = :pk',
          ExpressionAttributeNames: { '#pk': partitionKey },
          ExpressionAttributeValues: { ':pk': toText(partitionOf(keyId)) },
          ...(start === undefined ? {} : { ExclusiveStartKey: start }),
        }).catch(rethrow);
        rows.push(...itemsOf(answer).map((item) => toRow(keyId, item)));
        start = answer.LastEvaluatedKey;
        if (start === undefined) break;
      }
      return rows.sort((a, b) => b.atMs - a.atMs).slice(0, ROWS_MAX);
    },
  };
}

/** Keeps `expired-stays-gone`. */
const changeIsThere = (): Condition => condition`attribute_exists(${attribute(partitionKey)})`;

const ROWS_MAX = 1_000;

const toRow = (keyId: KeyId, item: Item): UserChangeRow => ({
  keyId,
  id: readText(item, sortKey) ?? '',
  atMs: readNumber(item, 'at') ?? 0,
  by: readText(item, 'by') ?? '',
  user: readText(item, 'user') ?? '',
  fields: readText(item, 'fields') ?? '',
});
