/**
 * An UpdateItem, gathered part by part.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
 */

import type { PoolId, WalletId } from '../../core/base/ids.ts';
import { AwsCallError } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import { type AttributeValue, type Item, toText, toUnavailable } from './values.ts';

/** The parts of an UpdateItem, gathered one by one. */
export interface Update {
  readonly set: string[];
  readonly remove: string[];
  readonly conditions: string[];
  readonly names: Record<string, string>;
  readonly values: Record<string, AttributeValue>;
}

export const startUpdate = (names: Update['names'], values: Update['values']): Update => ({
  set: [],
  remove: [],
  conditions: [],
  names,
  values,
});

/** The key of an item of the Wallets table. */
export const toKey = (id: WalletId | PoolId): Item => ({
  [TABLES.wallets.partitionKey]: toText(id),
});

/** The update as DynamoDB reads it. */
export function toInput(table: string, id: WalletId | PoolId, update: Update): object {
  const { set, remove, conditions, names, values } = update;
  const sections = [
    ...(set.length > 0 ? [`SET ${set.join(', ')}`] : []),
    ...(remove.length > 0 ? [`REMOVE ${remove.join(', ')}`] : []),
  ];
  return {
    TableName: table,
    Key: toKey(id),
    UpdateExpression: sections.join(' '),
    ...(conditions.length > 0 ? { ConditionExpression: conditions.join(' AND ') } : {}),
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  };
}

/** DynamoDB does not tell what a failed condition consumed; it is one for a wallet within a kilobyte. */
export const FAILED_WRITE_UNITS = 1;

export const isConditionFailed = (error: unknown): error is AwsCallError =>
  error instanceof AwsCallError && error.name === 'ConditionalCheckFailedException';

/** For what only fails as an outage. */
export function rethrow(error: unknown): never {
  throw toUnavailable(error);
}
