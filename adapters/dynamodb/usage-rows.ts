/**
 * Usage rows in DynamoDB: one for each request, written once, kept 400 days.
 * The row's key follows from the hold, so that the function and the sweep write the same row.
 *
 * The sweep finds days to roll up by a mark on rows, in a sparse index. Invariant: a row that no rollup counts has the
 * mark, or was written before its day ended by a process that had marked another row of the day. A mark costs one more
 * write in the index, so each process marks only its first row of a key's day, and every row written after its day.
 */

import type { Identity, IdentitySource } from '../../core/access/grant.ts';
import { makeBoundedMap } from '../../core/base/bounded-map.ts';
import { asKeyId, asRequestId, asTokenId, asWalletId } from '../../core/base/ids.ts';
import { DAY_MS, isoDay } from '../../core/base/limits.ts';
import { asNanoUsd } from '../../core/base/money.ts';
import { formatTags, parseTagList } from '../../core/base/tags.ts';
import { placeOf } from '../../core/usage/cells.ts';
import type { UsageReader } from '../../core/usage/ports.ts';
import { decodeCounted, encodeCounted } from '../../core/wallet/hold-codec.ts';
import type { UsageRows } from '../../core/wallet/ports.ts';
import type { UsageRow, UsageStatus } from '../../core/wallet/usage-row.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { OPEN_MARK, TABLES } from '../table-schema.ts';
import {
  attribute,
  type Condition,
  condition,
  FAILED_WRITE_UNITS,
  isConditionFailed,
  rethrow,
  toExpressions,
} from './update.ts';
import {
  type AttributeValue,
  type Item,
  integerOf,
  itemsOf,
  parseItem,
  readNumber,
  readText,
  readUnitsOf,
  toNumber,
  toText,
  toUnavailable,
  writeUnitsOf,
} from './values.ts';

const { partitionKey, sortKey, ttlAttribute } = TABLES.usage;
const ROW_DAYS_KEPT = 400;
const { partitionKey: open, sortKey: openDay } = TABLES.usage.index;
/** Days of keys that this process has marked a row of; a day that is pushed out is marked once more. */
const MARKED_DAYS_MAX = 1_000;

/** The usage rows of a table. Fails closed. */
export function makeUsageRows(
  call: AwsCall,
  table: string,
  nowMs: () => number = Date.now,
): UsageRows & Pick<UsageReader, 'readRows'> {
  const markedDays = makeBoundedMap<string, true>(MARKED_DAYS_MAX);
  return {
    /**
     * Invariant: the first row of a request stays. Defeats: function and sweep that both bring a row. The second gets
     * the first one's row and settles at its cost, so a request is never billed as two different sums.
     */
    async put(row, timeoutMs) {
      const day = isoDay(row.reservedAtMs);
      const partition = partitionOf(row.keyId, day);
      const isMarked = markedDays.get(partition) === undefined || day !== isoDay(nowMs());
      try {
        const input = {
          TableName: table,
          Item: {
            ...toItem(row),
            ...(isMarked && { [open]: toText(OPEN_MARK), [openDay]: toText(day) }),
          },
          ...toExpressions({ conditions: [rowIsNew()] }),
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          ReturnConsumedCapacity: 'TOTAL',
        };
        const answer = await call('PutItem', input, timeoutMs);
        // Only a mark that was written leads to the rows without one that follow.
        if (isMarked) markedDays.set(partition, true);
        return { row, writeUnits: writeUnitsOf(answer) };
      } catch (error) {
        const item = isConditionFailed(error) ? parseItem(error.body.Item) : undefined;
        if (item === undefined) throw toUnavailable(error);
        return { row: parseRow(item), writeUnits: FAILED_WRITE_UNITS };
      }
    },

    async readRows({ keyId, day, after, walletId }) {
      const answer = await call('Query', {
        TableName: table,
        ConsistentRead: true,
        ReturnConsumedCapacity: 'TOTAL',
        KeyConditionExpression: '#pk = :pk AND #sk > :after',
        ...(walletId && { FilterExpression: '#wallet = :wallet' }),
        ExpressionAttributeNames: {
          '#pk': partitionKey,
          '#sk': sortKey,
          ...(walletId && { '#wallet': 'wallet' }),
        },
        ExpressionAttributeValues: {
          ':pk': toText(partitionOf(keyId, day)),
          ':after': toText(after ?? BEFORE_ALL),
          ...(walletId && { ':wallet': toText(walletId) }),
        },
      }).catch(rethrow);
      const next = readText(parseItem(answer.LastEvaluatedKey) ?? {}, sortKey);
      return {
        rows: itemsOf(answer).map((item) => ({
          row: parseRow(item),
          isMarked: item[open] !== undefined,
        })),
        ...(next === undefined ? {} : { next }),
        ...readUnitsOf(answer),
      };
    },
  };
}

/** Keeps `first-row-stands`. */
const rowIsNew = (): Condition => condition`attribute_not_exists(${attribute(partitionKey)})`;

/** A sort key cannot be empty; every row's begins with a digit, which comes later. */
const BEFORE_ALL = '#';

const partitionOf = (keyId: string, day: string): string => `${keyId}#${day}`;

/** Attributes that a row may lack, by their names here and in the row. */
const OPTIONAL_TEXTS = ['provider', 'model', 'priceVersion', 'conversation', 'errorCode'] as const;
const OPTIONAL_NUMBERS = ['httpStatus', 'latencyMs', 'firstByteMs'] as const;

function toItem(row: UsageRow): Item {
  const { tokens, identity, reservedAtMs } = row;
  const item: Record<string, AttributeValue> = {
    [partitionKey]: toText(partitionOf(row.keyId, isoDay(reservedAtMs))),
    [sortKey]: toText(placeOf(row)),
    [ttlAttribute]: toNumber(Math.ceil((reservedAtMs + ROW_DAYS_KEPT * DAY_MS) / 1_000)),
    wallet: toText(row.walletId),
    attempt: toNumber(row.attempt),
    status: toText(row.status),
    costNanoUsd: toNumber(row.cost.usd),
    costTokens: toNumber(row.cost.tokens),
    overrunNanoUsd: toNumber(row.overrunNanoUsd),
    inputTokens: toNumber(tokens.input),
    cachedInputTokens: toNumber(tokens.cachedInput),
    cacheWriteTokens: toNumber(tokens.cacheWrite),
    outputTokens: toNumber(tokens.output),
    reasoningTokens: toNumber(tokens.reasoning),
  };
  if (row.tokenId !== undefined) item.token = toText(row.tokenId);
  if (row.counted !== undefined) item.counted = toText(encodeCounted(row.counted));
  if (identity !== undefined) {
    item.identitySource = toText(identity.source);
    item.identityId = toText(identity.id);
    if (identity.issuer !== '') item.identityIssuer = toText(identity.issuer);
  }
  if (row.tags !== undefined) item.tags = toText(formatTags(row.tags));
  for (const name of OPTIONAL_TEXTS) {
    const value = row[name];
    if (value !== undefined) item[name] = toText(value);
  }
  for (const name of OPTIONAL_NUMBERS) {
    const value = row[name];
    if (value !== undefined) item[name] = toNumber(value);
  }
  return item;
}

/** The inverse of `toItem`. Only this adapter writes rows, so what is missing is zero or empty. */
function parseRow(item: Item): UsageRow {
  const number = (name: string): number => readNumber(item, name) ?? 0;
  const text = (name: string): string => readText(item, name) ?? '';
  const [keyId = ''] = text(partitionKey).split('#');
  const [at = '', requestId = ''] = text(sortKey).split('#');
  const tokenId = readText(item, 'token');
  const counted = readText(item, 'counted');
  const identity = parseIdentity(item);
  const tags = parseTagList(readText(item, 'tags') ?? '');
  const optional = [
    ...OPTIONAL_TEXTS.map((name) => [name, readText(item, name)]),
    ...OPTIONAL_NUMBERS.map((name) => [name, readNumber(item, name)]),
  ].filter(([, value]) => value !== undefined);
  return {
    keyId: asKeyId(keyId),
    walletId: asWalletId(text('wallet')),
    requestId: asRequestId(requestId),
    attempt: number('attempt'),
    reservedAtMs: Number(at),
    status: text('status') as UsageStatus,
    cost: {
      usd: asNanoUsd(integerOf(item.costNanoUsd) ?? 0n),
      tokens: integerOf(item.costTokens) ?? 0n,
    },
    overrunNanoUsd: asNanoUsd(integerOf(item.overrunNanoUsd) ?? 0n),
    tokens: {
      input: number('inputTokens'),
      cachedInput: number('cachedInputTokens'),
      cacheWrite: number('cacheWriteTokens'),
      output: number('outputTokens'),
      reasoning: number('reasoningTokens'),
    },
    ...(tokenId === undefined ? {} : { tokenId: asTokenId(tokenId) }),
    ...(counted === undefined ? {} : { counted: decodeCounted(counted) }),
    ...(identity === undefined ? {} : { identity }),
    ...(tags && { tags }),
    ...Object.fromEntries(optional),
  };
}

function parseIdentity(item: Item): Identity | undefined {
  const source = readText(item, 'identitySource');
  if (source === undefined) return undefined;
  const issuer = readText(item, 'identityIssuer') ?? '';
  return { source: source as IdentitySource, issuer, id: readText(item, 'identityId') ?? '' };
}
