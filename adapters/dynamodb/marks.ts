/**
 * Marks of revocation on wallets in DynamoDB. The reserve of every request checks them (wallet-writes.ts), so a
 * revocation holds from the next request on; a key record, which the authorizer keeps for ten seconds, could not do
 * that. The account function may write these marks and nothing else of a wallet.
 */
import { GatewayError } from '../../core/base/errors.ts';
import type { TokenId } from '../../core/base/ids.ts';
import type { WalletMarks } from '../../core/wallet/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import {
  attribute,
  type Condition,
  condition,
  ONE,
  sets,
  type Update,
  updateItem,
} from './update.ts';
import { toNumber } from './values.ts';
import { KEEP_UNTIL, NOT_BEFORE, REVOKED } from './wallet-item.ts';
import { walletHasNotMoved } from './wallet-writes.ts';

const { partitionKey } = TABLES.wallets;

/** A token's day may move, or go with its counters, between two writes; not again and again. */
const TRIES_MAX = 3;

/** The marks of a table. Fails closed. */
export function makeWalletMarks(call: AwsCall, table: string): WalletMarks {
  return {
    async revokeToken(walletId, tokenId, keepUntilMs, isFormer) {
      const write = (update: Update): Promise<boolean> =>
        updateItem(call, table, walletId, isFormer ? ifThere(update) : update);
      for (let tries = 0; tries < TRIES_MAX; tries += 1) {
        if (await write(toMarkUntil(tokenId, keepUntilMs))) return;
        if (await write(toMark(tokenId, keepUntilMs))) return;
      }
      if (isFormer) return; // It is missing or was moved, and the mark on the person's own wallet holds.
      throw new GatewayError('service_unavailable', { detail: 'a mark of a wallet keeps moving' });
    },

    async raiseNotBefore(walletId, notBeforeMs, isFormer) {
      const update = toRaise(notBeforeMs);
      await updateItem(call, table, walletId, isFormer ? ifThere(update) : update);
    },
  };
}

/** Invariant: a wallet that is missing is not made, and one that was moved does not grow. Defeats: a move just before. */
const ifThere = (update: Update): Update => ({
  ...update,
  conditions: [...(update.conditions ?? []), walletIsThere(), walletHasNotMoved()],
});

/** Keeps `former-wallet-not-made`. */
const walletIsThere = (): Condition => condition`attribute_exists(${attribute(partitionKey)})`;

/**
 * Marks a token as revoked, and moves the day until which its counters and this mark are kept.
 * Invariant: the day never comes earlier. Defeats: a reserve or a revocation that moved it further in between.
 */
const toMarkUntil = (tokenId: TokenId, keepUntilMs: number): Update => ({
  set: [sets(REVOKED + tokenId, ONE), sets(KEEP_UNTIL + tokenId, toNumber(keepUntilMs))],
  conditions: [isKeptShorter(tokenId, keepUntilMs)],
});

/** Keeps `mark-never-earlier`. */
const isKeptShorter = (tokenId: TokenId, keepUntilMs: number): Condition =>
  condition`NOT ${attribute(KEEP_UNTIL + tokenId)} >= ${toNumber(keepUntilMs)}`;

/**
 * Marks a token whose day is late enough already.
 * Invariant: no mark is without a day. Defeats: a settle that takes the day away between the two writes, after which
 * the mark would stay for ever.
 */
const toMark = (tokenId: TokenId, keepUntilMs: number): Update => ({
  set: [sets(REVOKED + tokenId, ONE)],
  conditions: [isKeptLongEnough(tokenId, keepUntilMs)],
});

/** Keeps `mark-has-a-day`. */
const isKeptLongEnough = (tokenId: TokenId, keepUntilMs: number): Condition =>
  condition`${attribute(KEEP_UNTIL + tokenId)} >= ${toNumber(keepUntilMs)}`;

/** Invariant: `notBefore` only grows. Defeats: two revocations that arrive in the wrong order. */
const toRaise = (notBeforeMs: number): Update => ({
  set: [sets(NOT_BEFORE, toNumber(notBeforeMs))],
  conditions: [isAfterNotBefore(notBeforeMs)],
});

/** Keeps `later-revocation-holds`. */
const isAfterNotBefore = (notBeforeMs: number): Condition =>
  condition`NOT ${attribute(NOT_BEFORE)} >= ${toNumber(notBeforeMs)}`;
