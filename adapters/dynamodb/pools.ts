/**
 * Budgets of whole keys in DynamoDB: an item a pool, `{drawn}`, and slices of it in the items of wallets, moved to and
 * fro by transactions of the two.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
 */
import { asWalletId } from '../../core/base/ids.ts';
import type { Draw, Move, Pools, Recall } from '../../core/wallet/ports.ts';
import { type AwsCall, AwsCallError } from '../aws/aws-call.ts';
import { SLICES_INDEX, TABLES } from '../table-schema.ts';
import { isConditionFailed, rethrow, startUpdate, toInput, toKey, type Update } from './update.ts';
import {
  integerOf,
  parseItem,
  textOf,
  toNumber,
  toText,
  toUnavailable,
  writeUnitsOf,
} from './values.ts';
import { DRAWS, IN_FLIGHT, parseWallet, SLICE, sliceAttributes } from './wallet-item.ts';

const { partitionKey } = TABLES.wallets;
const { partitionKey: sliceKey } = TABLES.wallets.slicesIndex;
const DRAWN = 'drawn';

/** The pools of a table. Fails closed, and never repeats a write by itself. */
export function makePools(call: AwsCall, table: string): Pools {
  async function move(pool: Update, wallet: Update, { poolId, walletId }: Ends): Promise<Move> {
    try {
      const answer = await call('TransactWriteItems', {
        TransactItems: [
          { Update: toInput(table, poolId, pool) },
          { Update: toInput(table, walletId, wallet) },
        ],
        ReturnConsumedCapacity: 'TOTAL',
      });
      return { kind: 'moved', writeUnits: unitsOf(answer) };
    } catch (error) {
      const kind = failureOf(error);
      if (kind === undefined) throw toUnavailable(toConflict(error));
      return { kind, writeUnits: FAILED_MOVE_UNITS };
    }
  }

  return {
    async findDrawn(poolId) {
      const input = { TableName: table, Key: toKey(poolId), ConsistentRead: true };
      const answer = await call('GetItem', input).catch(rethrow);
      return integerOf(parseItem(answer.Item)?.[DRAWN]) ?? 0n;
    },

    draw: (draw) => move(toPoolDraw(draw), toWalletDraw(draw), draw),
    recall: (recall) => move(toPoolRecall(recall), toWalletRecall(recall), recall),

    async findHolders(keyId, after, pageSize) {
      const answer = await call('Query', {
        TableName: table,
        IndexName: SLICES_INDEX,
        KeyConditionExpression: '#key = :key AND #pk > :after',
        ExpressionAttributeNames: { '#key': sliceKey, '#pk': partitionKey },
        ExpressionAttributeValues: { ':key': toText(keyId), ':after': toText(after) },
        Limit: pageSize,
      }).catch(rethrow);
      const items: unknown[] = Array.isArray(answer.Items) ? answer.Items : [];
      return items.map((item) => asWalletId(textOf(parseItem(item)?.[partitionKey]) ?? ''));
    },

    async findAll(walletIds) {
      if (walletIds.length === 0) return [];
      const asked = { Keys: walletIds.map(toKey), ConsistentRead: true };
      const answer = await call('BatchGetItem', { RequestItems: { [table]: asked } }).catch(
        rethrow,
      );
      const responses: Readonly<Record<string, unknown>> = { ...(answer.Responses ?? {}) };
      const items = responses[table];
      return (Array.isArray(items) ? items : []).flatMap((item) => {
        const parsed = parseItem(item);
        return parsed === undefined ? [] : [parseWallet(parsed)];
      });
    },

    async retire(walletId, seenDraws, dropSlices) {
      try {
        await call('UpdateItem', toInput(table, walletId, toRetire(seenDraws, dropSlices)));
        return true;
      } catch (error) {
        if (isConditionFailed(error)) return false;
        throw toUnavailable(error);
      }
    },
  };
}

type Ends = Pick<Draw, 'poolId' | 'walletId'>;

/** A transaction of two small items is charged twice for each, also when it fails. */
const FAILED_MOVE_UNITS = 4;

function unitsOf(answer: Readonly<Record<string, unknown>>): number {
  const capacities: unknown[] = Array.isArray(answer.ConsumedCapacity)
    ? answer.ConsumedCapacity
    : [];
  return capacities.reduce<number>(
    (sum, each) => sum + writeUnitsOf({ ConsumedCapacity: each }),
    0,
  );
}

const CANCELED = 'TransactionCanceledException';

/** Why each item of a cancelled transaction failed, in their order; none when it is another error. */
function reasonsOf(error: unknown): readonly string[] {
  if (!(error instanceof AwsCallError) || error.name !== CANCELED) return [];
  const { CancellationReasons: reasons } = error.body;
  return (Array.isArray(reasons) ? reasons : []).map((reason) => String(reason?.Code));
}

/** The wallet is asked first: if it is not as it was seen, what the pool says is of no use. */
function failureOf(error: unknown): Move['kind'] | undefined {
  const [pool, wallet] = reasonsOf(error);
  if (wallet === 'ConditionalCheckFailed') return 'wallet-changed';
  return pool === 'ConditionalCheckFailed' ? 'pool-refused' : undefined;
}

/**
 * Reasons for which the same transaction may succeed if it is sent again. Others are mistakes of ours.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors
 */
const TRANSIENT_REASONS: readonly string[] = [
  'TransactionConflict',
  'ThrottlingError',
  'ProvisionedThroughputExceeded',
];

/** A transaction that met another one, as the error that says so. */
function toConflict(error: unknown): unknown {
  const isTransient = reasonsOf(error).some((reason) => TRANSIENT_REASONS.includes(reason));
  if (!isTransient || !(error instanceof AwsCallError)) return error;
  return new AwsCallError('TransactionConflictException', 'TransactWriteItems', error.status);
}

/**
 * Invariant: a pool never gives more than its limit, and what it gave is what wallets got. Pool and wallet change
 * together or not at all, so that no crash between two writes loses or doubles money. The wallet's side holds only
 * while `in` is as it was seen, and `in` only grows: a draw that is sent twice or comes late changes nothing. As with
 * counters, an absent `drawn` is zero and passes, because the core never draws more than the limit.
 */
function toPoolDraw({ amount, limit }: Draw): Update {
  const update = startUpdate(
    { '#drawn': DRAWN },
    { ':zero': toNumber(0), ':amount': toNumber(amount) },
  );
  update.set.push('#drawn = if_not_exists(#drawn, :zero) + :amount');
  if (limit === undefined) return update;
  update.values[':room'] = toNumber(limit - amount);
  update.conditions.push('NOT #drawn > :room');
  return update;
}

/** `draws` grows with every draw, so that who takes a wallet out of the index knows that no slice came since. */
function toWalletDraw({ walletId, name, amount, seenIn, limit }: Draw): Update {
  const update = startUpdate(
    {
      '#in': SLICE.in + name,
      '#left': SLICE.left + name,
      '#draws': DRAWS,
      '#key': sliceKey,
    },
    {
      ':in': toNumber(seenIn + amount),
      ':zero': toNumber(0),
      ':one': toNumber(1),
      ':amount': toNumber(amount),
      ':key': toText(keyOf(walletId)),
    },
  );
  update.set.push(
    '#in = :in',
    '#left = if_not_exists(#left, :zero) + :amount',
    '#draws = if_not_exists(#draws, :zero) + :one',
    '#key = :key',
  );
  addSeen(update, '#in', seenIn);
  if (limit === undefined) return update;
  update.names['#cap'] = SLICE.cap + name;
  update.values[':cap'] = toNumber(limit);
  update.set.push('#cap = :cap');
  return update;
}

const keyOf = (walletId: string): string => walletId.slice(0, walletId.indexOf('#'));

/** An amount that only grows is as it was seen; zero stands for one that is not there. */
function addSeen(update: Update, name: string, seen: bigint): void {
  if (seen === 0n) {
    update.conditions.push(`attribute_not_exists(${name})`);
    return;
  }
  update.values[':seen'] = toNumber(seen);
  update.conditions.push(`${name} = :seen`);
}

/**
 * Invariant: only what is left is recalled, and once. `left` may have been spent since it was seen, and then the recall
 * fails; `out` only grows, so that a recall which is sent twice or comes late changes nothing.
 */
function toWalletRecall({ name, amount, seenOut }: Recall): Update {
  const update = startUpdate(
    { '#out': SLICE.out + name, '#left': SLICE.left + name },
    { ':out': toNumber(seenOut + amount), ':amount': toNumber(amount) },
  );
  update.set.push('#out = :out', '#left = #left - :amount');
  addSeen(update, '#out', seenOut);
  update.conditions.push('#left >= :amount');
  return update;
}

function toPoolRecall({ amount }: Recall): Update {
  const update = startUpdate({ '#drawn': DRAWN }, { ':amount': toNumber(amount) });
  update.set.push('#drawn = #drawn - :amount');
  update.conditions.push('#drawn >= :amount');
  return update;
}

/**
 * Invariant: a wallet that has something left of a slice is in the index. It was seen with nothing left and nothing in
 * flight; what is left grows by a settle, which ends a request in flight, or by a draw, which counts up `draws`.
 */
function toRetire(seenDraws: number, dropSlices: readonly string[]): Update {
  const update = startUpdate(
    { '#key': sliceKey, '#i': IN_FLIGHT, '#draws': DRAWS },
    { ':zero': toNumber(0), ':draws': toNumber(seenDraws) },
  );
  update.conditions.push('NOT #i > :zero', '#draws = :draws');
  update.remove.push('#key');
  dropSlices.flatMap(sliceAttributes).forEach((name, index) => {
    update.names[`#d${index}`] = name;
    update.remove.push(`#d${index}`);
  });
  return update;
}
