/**
 * Wallets in DynamoDB: one item for each payer. wallet-item.ts lists its attributes, wallet-writes.ts has its
 * conditional writes, pools.ts moves money between it and the budgets of the whole key.
 */

import { asWalletId, type WalletId } from '../../core/base/ids.ts';
import { noteIdOf } from '../../core/wallet/people.ts';
import type { Wallet, Wallets, WriteOutcome } from '../../core/wallet/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import { makeLastSeen } from './last-seen.ts';
import { toNoteMove } from './note-move.ts';
import { makePools } from './pools.ts';
import { makeSpills } from './spills.ts';
import { transact } from './transact.ts';
import {
  FAILED_WRITE_UNITS,
  isConditionFailed,
  readItem,
  rethrow,
  toInput,
  type Update,
  updateItem,
} from './update.ts';
import {
  itemsOf,
  parseItem,
  readText,
  toNumber,
  toText,
  toUnavailable,
  writeUnitsOf,
} from './values.ts';
import { parseWallet } from './wallet-item.ts';
import { toFormer, toJoined } from './wallet-move.ts';
import {
  toClaimAnotherCount,
  toClaimCount,
  toGiveBack,
  toMoveDue,
  toReserve,
  toSettle,
} from './wallet-writes.ts';

const { partitionKey } = TABLES.wallets;
const { name: DUE_INDEX, partitionKey: due, sortKey: dueAt } = TABLES.wallets.index;

/** The wallets of a table. Fails closed, and never repeats a write by itself: each try needs its own attempt. */
export function makeWallets(call: AwsCall, table: string): Wallets {
  const lastSeen = makeLastSeen();
  async function write(
    walletId: WalletId,
    update: Update,
    timeoutMs?: number,
  ): Promise<WriteOutcome> {
    try {
      const input = { ...toInput(table, walletId, update), ...RETURNS };
      const answer = await call('UpdateItem', input, timeoutMs);
      const wallet = noteItem(walletId, answer.Attributes);
      return { written: true, wallet, writeUnits: writeUnitsOf(answer) };
    } catch (error) {
      if (!isConditionFailed(error)) throw toUnavailable(error);
      const wallet = noteItem(walletId, error.body.Item);
      return { written: false, wallet, writeUnits: FAILED_WRITE_UNITS };
    }
  }

  function noteItem(walletId: WalletId, value: unknown): Wallet | undefined {
    const item = parseItem(value);
    const wallet = item && parseWallet(item);
    lastSeen.note(walletId, wallet);
    return wallet;
  }

  return {
    ...makePools(call, table),
    ...makeSpills(call, table),
    reserve: (reservation) => write(reservation.hold.walletId, toReserve(reservation)),
    settle: (settlement, timeoutMs) =>
      write(settlement.hold.walletId, toSettle(settlement), timeoutMs),
    giveBack: (giveBack) => write(giveBack.hold.walletId, toGiveBack(giveBack)),
    async claimCount(walletId, nowMs) {
      const isFirst = await updateItem(call, table, walletId, toClaimCount(nowMs));
      return isFirst || updateItem(call, table, walletId, toClaimAnotherCount(nowMs));
    },

    async find(walletId) {
      return noteItem(walletId, await readItem(call, table, walletId));
    },

    lastSeen: lastSeen.find,

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
      return itemsOf(answer).map((item) => asWalletId(readText(item, partitionKey) ?? ''));
    },

    moveWallet: async (move) => {
      const [formerNoteId, noteId] = [noteIdOf(move.from.id), noteIdOf(move.to)];
      // Read after the wallet was: a change of the person in between changes `rev`, too, and the move fails.
      const note = await readItem(call, table, formerNoteId);
      const notes = note && toNoteMove(note);
      const { failed } = await transact(call, [
        toInput(table, move.from.id, toFormer(move)),
        toInput(table, move.to, toJoined(move)),
        ...(notes
          ? [toInput(table, formerNoteId, notes.former), toInput(table, noteId, notes.joined)]
          : []),
      ]);
      return failed === undefined;
    },

    moveDue: (walletId, seenDueAtMs, nextDueAtMs) =>
      updateItem(call, table, walletId, toMoveDue(seenDueAtMs, nextDueAtMs)),
  };
}

const RETURNS = {
  ReturnValues: 'ALL_NEW',
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  ReturnConsumedCapacity: 'TOTAL',
};
