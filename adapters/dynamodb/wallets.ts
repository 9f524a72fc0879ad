/**
 * Wallets in DynamoDB: an item a payer, written by two conditional updates, reserve and settle.
 * Its attributes are told in dynamodb-wallet-item.ts; how slices are drawn and recalled, in dynamodb-pools.ts.
 */

import { asWalletId, sha256, type WalletId } from '../../core/base/ids.ts';
import { encodeHold, holdPrefix } from '../../core/wallet/hold-codec.ts';
import type { Reservation, Settlement, Wallets, WriteOutcome } from '../../core/wallet/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { DUE_INDEX, DUE_SHARDS, TABLES } from '../table-schema.ts';
import { makePools } from './pools.ts';
import {
  FAILED_WRITE_UNITS,
  isConditionFailed,
  rethrow,
  startUpdate,
  toInput,
  toKey,
  type Update,
} from './update.ts';
import { parseItem, textOf, toNumber, toText, toUnavailable, writeUnitsOf } from './values.ts';
import {
  HOLD,
  IN_FLIGHT,
  KEEP_UNTIL,
  NOT_BEFORE,
  parseWallet,
  REVOKED,
  SLICE,
  sliceAttributes,
} from './wallet-item.ts';

const { partitionKey } = TABLES.wallets;
const { partitionKey: due, sortKey: dueAt } = TABLES.wallets.index;

/** The wallets of a table. Fails closed, and never repeats a write by itself: each try needs its own attempt. */
export function makeWallets(call: AwsCall, table: string): Wallets {
  async function write(
    walletId: WalletId,
    update: Update,
    timeoutMs?: number,
  ): Promise<WriteOutcome> {
    try {
      const input = { ...toInput(table, walletId, update), ...RETURNS };
      const answer = await call('UpdateItem', input, timeoutMs);
      const item = parseItem(answer.Attributes);
      return { written: true, wallet: item && parseWallet(item), writeUnits: writeUnitsOf(answer) };
    } catch (error) {
      if (!isConditionFailed(error)) throw toUnavailable(error);
      const item = parseItem(error.body.Item);
      return { written: false, wallet: item && parseWallet(item), writeUnits: FAILED_WRITE_UNITS };
    }
  }

  return {
    ...makePools(call, table),
    reserve: (reservation) => write(reservation.hold.walletId, toReserve(reservation)),
    settle: (settlement, timeoutMs) => write(settlement.walletId, toSettle(settlement), timeoutMs),

    async find(walletId) {
      const input = { TableName: table, Key: toKey(walletId), ConsistentRead: true };
      const answer = await call('GetItem', input).catch(rethrow);
      const item = parseItem(answer.Item);
      return item && parseWallet(item);
    },

    async findDue(shard, beforeMs, pageSize) {
      const answer = await call('Query', {
        TableName: table,
        IndexName: DUE_INDEX,
        KeyConditionExpression: '#due = :shard AND #dueAt < :before',
        ExpressionAttributeNames: { '#due': due, '#dueAt': dueAt },
        ExpressionAttributeValues: {
          ':shard': toText(String(shard)),
          ':before': toNumber(beforeMs),
        },
        Limit: pageSize,
      }).catch(rethrow);
      const items: unknown[] = Array.isArray(answer.Items) ? answer.Items : [];
      return items.map((item) => asWalletId(textOf(parseItem(item)?.[partitionKey]) ?? ''));
    },

    async moveDue(walletId, seenDueAtMs, nextDueAtMs) {
      try {
        const update = toMoveDue(seenDueAtMs, nextDueAtMs);
        await call('UpdateItem', toInput(table, walletId, update));
        return true;
      } catch (error) {
        if (isConditionFailed(error)) return false;
        throw toUnavailable(error);
      }
    },
  };
}

const RETURNS = {
  ReturnValues: 'ALL_NEW',
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  ReturnConsumedCapacity: 'TOTAL',
};
/** Where in the sparse index a wallet stands. */
const shardOf = (walletId: WalletId): string => String(sha256(walletId).charCodeAt(0) % DUE_SHARDS);

/**
 * Invariant: no counter passes its limit, whatever order writes arrive in. The check and the add are one write, so
 * two requests that both saw room cannot both take it. `#h` absent: an attempt that arrives after another of the same
 * request was written adds nothing. Conditions cannot add, so a counter is held against `limit − amount`; a counter
 * that is not there is zero, which passes because the core never sends an amount above its limit: no comparison with
 * an absent attribute is true, and so its `NOT` is. A slice must be there and have as much left; and not be drawn
 * under a larger limit than holds now, or a budget that was cut down would be spent as it had been.
 */
function toReserve(reservation: Reservation): Update {
  const { hold, counters, slices, inFlightMax } = reservation;
  const { tokenId, issuedAtMs, tokenKeepUntilMs } = reservation;
  const update = startUpdate(
    { '#h': HOLD + hold.requestId, '#i': IN_FLIGHT, '#due': due, '#dueAt': dueAt },
    {
      ':h': toText(encodeHold(hold)),
      ':zero': toNumber(0),
      ':one': toNumber(1),
      ':max': toNumber(inFlightMax),
      ':shard': toText(shardOf(hold.walletId)),
      ':lease': toNumber(hold.leaseEndsAtMs),
    },
  );
  update.set.push('#h = :h', '#i = if_not_exists(#i, :zero) + :one');
  update.set.push('#due = if_not_exists(#due, :shard)', '#dueAt = if_not_exists(#dueAt, :lease)');
  update.conditions.push('attribute_not_exists(#h)', 'NOT #i >= :max');
  counters.forEach(({ name, add, max }, index) => {
    const [counter, amount, room] = [`#c${index}`, `:c${index}`, `:r${index}`];
    update.names[counter] = name;
    update.values[amount] = toNumber(add);
    update.set.push(`${counter} = if_not_exists(${counter}, :zero) + ${amount}`);
    if (max === undefined) return;
    update.values[room] = toNumber(max - add);
    update.conditions.push(`NOT ${counter} > ${room}`);
  });
  slices?.forEach(({ name, take, limit }, index) => {
    const [left, cap, amount, most] = [`#l${index}`, `#m${index}`, `:l${index}`, `:m${index}`];
    Object.assign(update.names, { [left]: SLICE.left + name, [cap]: SLICE.cap + name });
    Object.assign(update.values, { [amount]: toNumber(take), [most]: toNumber(limit) });
    update.set.push(`${left} = ${left} - ${amount}`);
    update.conditions.push(`${left} >= ${amount}`, `NOT ${cap} > ${most}`);
  });
  if (tokenId !== undefined) {
    update.names['#r'] = REVOKED + tokenId;
    update.conditions.push('attribute_not_exists(#r)');
  }
  if (issuedAtMs !== undefined) {
    update.names['#nb'] = NOT_BEFORE;
    update.values[':iat'] = toNumber(issuedAtMs);
    update.conditions.push('NOT #nb >= :iat');
  }
  if (tokenId !== undefined && tokenKeepUntilMs !== undefined) {
    update.names['#x'] = KEEP_UNTIL + tokenId;
    update.values[':x'] = toNumber(tokenKeepUntilMs);
    update.set.push('#x = :x');
  }
  return update;
}

/**
 * Invariant: a hold is settled once. The hold must still be there and of this attempt: a settle that comes twice, late
 * or after the sweep's finds none and changes nothing, and one of an attempt that was given up leaves the other's alone.
 * A token's counters go only if its mark is as it was seen: a reserve of that token moves the mark, and its hold would
 * otherwise stand in a counter that is gone, so that the token could spend its limit once more. Its revocation goes
 * with it: nothing that it names has been in force for a day.
 */
function toSettle(settlement: Settlement): Update {
  const { requestId, attempt, counters, slices, drop, dropSlices, dropTokens } = settlement;
  const update = startUpdate(
    { '#h': HOLD + requestId, '#i': IN_FLIGHT },
    { ':one': toNumber(1), ':attempt': toText(holdPrefix(attempt)) },
  );
  update.set.push('#i = #i - :one');
  update.remove.push('#h');
  update.conditions.push('begins_with(#h, :attempt)');
  counters.forEach(({ name, add }, index) => {
    update.names[`#c${index}`] = name;
    update.values[`:c${index}`] = toNumber(add);
    update.values[':zero'] = toNumber(0);
    update.set.push(`#c${index} = if_not_exists(#c${index}, :zero) + :c${index}`);
  });
  slices?.forEach(({ name, back }, index) => {
    update.names[`#l${index}`] = SLICE.left + name;
    update.values[`:l${index}`] = toNumber(back);
    update.values[':zero'] = toNumber(0);
    update.set.push(`#l${index} = if_not_exists(#l${index}, :zero) + :l${index}`);
  });
  dropTokens.forEach(({ tokenId, seenKeepUntilMs }, index) => {
    update.names[`#x${index}`] = KEEP_UNTIL + tokenId;
    update.values[`:x${index}`] = toNumber(seenKeepUntilMs);
    update.names[`#k${index}`] = REVOKED + tokenId;
    update.remove.push(`#x${index}`, `#k${index}`);
    update.conditions.push(`#x${index} = :x${index}`);
  });
  const dropped = [
    ...drop,
    ...dropTokens.flatMap(({ names }) => names),
    ...(dropSlices ?? []).flatMap(sliceAttributes),
  ];
  dropped.forEach((name, index) => {
    update.names[`#d${index}`] = name;
    update.remove.push(`#d${index}`);
  });
  return update;
}

/**
 * Invariant: a wallet with a hold is in the index, no later than its last lease ends. Moved or removed only if the mark
 * is as it was seen (another sweep did not move it), and removed only if nothing is in flight: a reserve between the
 * look and this write leaves the mark as it is, but raises `inFlight`, and its hold would otherwise never be found.
 */
function toMoveDue(seenDueAtMs: number, nextDueAtMs: number | undefined): Update {
  const update = startUpdate({ '#dueAt': dueAt }, { ':seen': toNumber(seenDueAtMs) });
  update.conditions.push('#dueAt = :seen');
  if (nextDueAtMs !== undefined) {
    update.values[':next'] = toNumber(nextDueAtMs);
    update.set.push('#dueAt = :next');
    return update;
  }
  Object.assign(update.names, { '#due': due, '#i': IN_FLIGHT });
  update.values[':zero'] = toNumber(0);
  update.remove.push('#due', '#dueAt');
  update.conditions.push('#i = :zero');
  return update;
}
