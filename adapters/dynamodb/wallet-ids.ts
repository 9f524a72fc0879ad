/**
 * Ids of wallets from an index that is sorted by them, a page at a time. An index may miss what was written a moment ago.
 */
import { asWalletId, type WalletId } from '../../core/base/ids.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { type IndexSchema, TABLES } from '../table-schema.ts';
import { rethrow } from './update.ts';
import { itemsOf, readText, toText } from './values.ts';

const { partitionKey } = TABLES.wallets;

export interface WalletIdsPage {
  /** The value of the index's partition key. */
  readonly value: string;
  /** Ids up to this one are left out; empty: none. */
  readonly after: string;
  readonly pageSize: number;
}

/**
 * Returns the ids of a page, in their order.
 * @throws service_unavailable
 */
export async function findWalletIds(
  call: AwsCall,
  index: IndexSchema & { readonly table: string },
  { value, after, pageSize }: WalletIdsPage,
): Promise<readonly WalletId[]> {
  const answer = await call('Query', {
    TableName: index.table,
    IndexName: index.name,
    KeyConditionExpression: '#key = :key AND #pk > :after',
    ExpressionAttributeNames: { '#key': index.partitionKey, '#pk': partitionKey },
    ExpressionAttributeValues: { ':key': toText(value), ':after': toText(after) },
    Limit: pageSize,
  }).catch(rethrow);
  return itemsOf(answer).map((item) => asWalletId(readText(item, partitionKey) ?? ''));
}
