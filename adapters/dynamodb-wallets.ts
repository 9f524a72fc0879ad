/**
 * Wallets in DynamoDB: an item a payer, written by two conditional updates, reserve and settle.
 * Attributes are flat: counters by their names, `h:<request>` a hold, `inFlight` the number of holds, `due` and `dueAt`
 * the sparse index, `revoked:<token>` and `notBefore` revocations, `x:<token>` when a token's counters may go.
 */

import type { Hold } from '../core/hold.ts';
import { decodeHold, encodeHold, holdPrefix } from '../core/hold-codec.ts';
import {
  asRequestId,
  asTokenId,
  asWalletId,
  type RequestId,
  sha256,
  type TokenId,
  type WalletId,
} from '../core/ids.ts';
import type { Reservation, Settlement, Wallet, Wallets, WriteOutcome } from '../core/ports.ts';
import { parseCounterName } from '../core/wallet.ts';
import { type AwsCall, AwsCallError } from './aws-call.ts';
import {
  type AttributeValue,
  type Item,
  integerOf,
  parseItem,
  readNumber,
  textOf,
  toNumber,
  toText,
  toUnavailable,
  writeUnitsOf,
} from './dynamodb-values.ts';
import { DUE_INDEX, DUE_SHARDS, TABLES } from './table-schema.ts';

const { partitionKey } = TABLES.wallets;
const { partitionKey: due, sortKey: dueAt } = TABLES.wallets.index;
const IN_FLIGHT = 'inFlight';
const NOT_BEFORE = 'notBefore';
const HOLD = 'h:';
const REVOKED = 'revoked:';
const KEEP_UNTIL = 'x:';

/** The wallets of a table. Fails closed, and never repeats a write by itself: each try needs its own attempt. */
export function makeWallets(call: AwsCall, table: string): Wallets {
  async function write(walletId: WalletId, update: Update): Promise<WriteOutcome> {
    try {
      const answer = await call('UpdateItem', { ...toInput(table, walletId, update), ...RETURNS });
      const item = parseItem(answer.Attributes);
      return { written: true, wallet: item && parseWallet(item), writeUnits: writeUnitsOf(answer) };
    } catch (error) {
      if (!isConditionFailed(error)) throw toUnavailable(error);
      const item = parseItem(error.body.Item);
      return { written: false, wallet: item && parseWallet(item), writeUnits: FAILED_WRITE_UNITS };
    }
  }

  return {
    reserve: (reservation) => write(reservation.hold.walletId, toReserve(reservation)),
    settle: (settlement) => write(settlement.walletId, toSettle(settlement)),

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
/** DynamoDB does not tell what a failed condition consumed; it is one for a wallet within a kilobyte. */
const FAILED_WRITE_UNITS = 1;

const isConditionFailed = (error: unknown): error is AwsCallError =>
  error instanceof AwsCallError && error.name === 'ConditionalCheckFailedException';

function rethrow(error: unknown): never {
  throw toUnavailable(error);
}

/** The parts of an UpdateItem, gathered one by one. */
interface Update {
  readonly set: string[];
  readonly remove: string[];
  readonly conditions: string[];
  readonly names: Record<string, string>;
  readonly values: Record<string, AttributeValue>;
}

const startUpdate = (names: Update['names'], values: Update['values']): Update => ({
  set: [],
  remove: [],
  conditions: [],
  names,
  values,
});

const toKey = (walletId: WalletId): Item => ({ [partitionKey]: toText(walletId) });

function toInput(table: string, walletId: WalletId, update: Update): object {
  const { set, remove, conditions, names, values } = update;
  const sections = [
    ...(set.length > 0 ? [`SET ${set.join(', ')}`] : []),
    ...(remove.length > 0 ? [`REMOVE ${remove.join(', ')}`] : []),
  ];
  return {
    TableName: table,
    Key: toKey(walletId),
    UpdateExpression: sections.join(' '),
    ConditionExpression: conditions.join(' AND '),
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  };
}

/** Where in the sparse index a wallet stands. */
const shardOf = (walletId: WalletId): string => String(sha256(walletId).charCodeAt(0) % DUE_SHARDS);

/**
 * Invariant: no counter passes its limit, whatever order writes arrive in. The check and the add are one write, so
 * two requests that both saw room cannot both take it. `#h` absent: an attempt that arrives after another of the same
 * request was written adds nothing. Conditions cannot add, so a counter is held against `limit − amount`; a counter
 * that is not there is zero, which passes because the core never sends an amount above its limit: no comparison with
 * an absent attribute is true, and so its `NOT` is.
 */
function toReserve(reservation: Reservation): Update {
  const { hold, counters, inFlightMax, tokenId, issuedAtMs, tokenKeepUntilMs } = reservation;
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
 * otherwise stand in a counter that is gone, so that the token could spend its limit once more.
 */
function toSettle(settlement: Settlement): Update {
  const { requestId, attempt, counters, drop, dropTokens } = settlement;
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
  dropTokens.forEach(({ tokenId, seenKeepUntilMs }, index) => {
    update.names[`#x${index}`] = KEEP_UNTIL + tokenId;
    update.values[`:x${index}`] = toNumber(seenKeepUntilMs);
    update.remove.push(`#x${index}`);
    update.conditions.push(`#x${index} = :x${index}`);
  });
  [...drop, ...dropTokens.flatMap(({ names }) => names)].forEach((name, index) => {
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

/** @throws TypeError when a hold cannot be read */
function parseWallet(item: Item): Wallet {
  const id = asWalletId(textOf(item[partitionKey]) ?? '');
  const counters = new Map<string, bigint>();
  const holds = new Map<RequestId, Hold>();
  const revokedTokens = new Set<TokenId>();
  const tokenKeepUntilMs = new Map<TokenId, number>();
  for (const [name, value] of Object.entries(item)) {
    if (name.startsWith(HOLD)) {
      const requestId = asRequestId(name.slice(HOLD.length));
      holds.set(requestId, decodeHold(id, requestId, textOf(value) ?? ''));
    } else if (name.startsWith(REVOKED)) revokedTokens.add(asTokenId(name.slice(REVOKED.length)));
    else if (name.startsWith(KEEP_UNTIL)) {
      tokenKeepUntilMs.set(
        asTokenId(name.slice(KEEP_UNTIL.length)),
        Number(integerOf(value) ?? 0n),
      );
    } else if (parseCounterName(name)) counters.set(name, integerOf(value) ?? 0n);
  }
  const notBeforeMs = readNumber(item, NOT_BEFORE);
  const dueAtMs = readNumber(item, dueAt);
  return {
    id,
    counters,
    holds,
    inFlight: readNumber(item, IN_FLIGHT) ?? 0,
    revokedTokens,
    tokenKeepUntilMs,
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
    ...(dueAtMs === undefined ? {} : { dueAtMs }),
  };
}
