/**
 * Tokens that left their wallet, in DynamoDB: an item each, `<wallet>#<token>`, whose attributes have the names they have
 * in the wallet. `spills` is the number of the spill that the item was last written for.
 */
import { asWalletId, type TokenId, type WalletId } from '../../core/base/ids.ts';
import type { Spill, Spills, TokenPart } from '../../core/wallet/spill-port.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import { transact } from './transact.ts';
import {
  adds,
  attribute,
  type Condition,
  condition,
  FAILED_WRITE_UNITS,
  isAsSeen,
  isConditionFailed,
  ONE,
  readItem,
  sets,
  toInput,
  type Update,
} from './update.ts';
import { toNumber, toUnavailable, writeUnitsOf } from './values.ts';
import { KEEP_UNTIL, parseWallet, REVOKED, SPILLS } from './wallet-item.ts';
import { walletHasNotMoved } from './wallet-writes.ts';

const { ttlAttribute } = TABLES.wallets;

const itemIdOf = (walletId: WalletId, tokenId: TokenId): WalletId =>
  asWalletId(`${walletId}#${tokenId}`);

/** The spilled tokens of a table. Fails closed, and never repeats a write by itself. */
export function makeSpills(call: AwsCall, table: string): Spills {
  const move = async (updates: readonly object[]) => {
    const { failed, writeUnits } = await transact(call, updates);
    return { moved: failed === undefined, writeUnits };
  };
  const write = async (id: WalletId, update: Update) => {
    try {
      const input = { ...toInput(table, id, update), ReturnConsumedCapacity: 'TOTAL' };
      return { moved: true, writeUnits: writeUnitsOf(await call('UpdateItem', input)) };
    } catch (error) {
      if (!isConditionFailed(error)) throw toUnavailable(error);
      return { moved: false, writeUnits: FAILED_WRITE_UNITS };
    }
  };
  return {
    copyToken: (walletId, token, spill) =>
      write(itemIdOf(walletId, token.tokenId), toTokenCopy(token, spill)),

    spill: (spill) => write(spill.walletId, toWalletSpill(spill)),

    async findSpilled(walletId, tokenId) {
      const item = await readItem(call, table, itemIdOf(walletId, tokenId));
      if (item === undefined) return undefined;
      const { counters, tokenKeepUntilMs, revokedTokens } = parseWallet(item);
      const keepUntilMs = tokenKeepUntilMs.get(tokenId);
      if (keepUntilMs === undefined) return undefined; // It came back, and its item waits to expire.
      return { tokenId, keepUntilMs, isRevoked: revokedTokens.has(tokenId), counters };
    },

    unspill: (walletId, token, from = walletId) =>
      move([
        toInput(table, walletId, toWalletReturn(token)),
        toInput(table, itemIdOf(from, token.tokenId), toTokenReturn(token)),
      ]),
  };
}

/**
 * Copy. The first half of a spill. Invariant: as long as the wallet counts the token, the copy is passed over; from the
 * spill of this number on, it is what the token has spent.
 * Defeats: a copy that arrives late, when the token has left by a later spill or has come back (`noLaterCopy`: the number
 * stays in the item).
 */
const toTokenCopy = (token: TokenPart, spill: number): Update => ({
  set: [
    ...toMarks(token),
    ...[...token.counters].map(([name, counted]) => sets(name, toNumber(counted))),
    sets(SPILLS, toNumber(spill)),
    sets(ttlAttribute, toNumber((token.keepUntilMs + EXPIRES_AFTER_MS) / 1_000)),
  ],
  conditions: [noLaterCopy(spill)],
});

const toMarks = ({ tokenId, keepUntilMs, isRevoked }: TokenPart) => [
  sets(KEEP_UNTIL + tokenId, toNumber(keepUntilMs)),
  isRevoked ? sets(REVOKED + tokenId, ONE) : undefined,
];

/** Keeps `copy-in-order`. Two copies for one spill differ, and only the first can be the one that it was made for. */
const noLaterCopy = (spill: number): Condition =>
  condition`(attribute_not_exists(${attribute(SPILLS)}) OR ${attribute(SPILLS)} < ${toNumber(spill)})`;

/** A day after the mark, as in a wallet, and one more for the clocks. */
const EXPIRES_AFTER_MS = 2 * 86_400_000;

/**
 * Spill. The second half: the wallet lets go of tokens that were copied. Invariant: what a token spent is counted by its
 * wallet, or else by its own item.
 * Defeats: a reserve of the token between the look and this write, whose hold would count in a counter that is gone
 * (`tokenIsAsSeen`); a spill that is sent twice, and two spills with one number (`spillsAreAsSeen`: they only grow); a
 * reserve of a token that left after it was looked for (`spills` + 1).
 */
const toWalletSpill = ({ seenSpills, tokens }: Spill): Update => ({
  set: [sets(SPILLS, toNumber((seenSpills ?? 0) + 1))],
  remove: tokens.flatMap(attributesOf),
  conditions: [spillsAreAsSeen(seenSpills), ...tokens.flatMap(tokenIsAsSeen)],
});

const attributesOf = ({ tokenId, counters }: TokenPart): readonly string[] => [
  KEEP_UNTIL + tokenId,
  REVOKED + tokenId,
  ...counters.keys(),
];

/** Keeps `spill-once`. */
const spillsAreAsSeen = (seenSpills: number | undefined): Condition =>
  isAsSeen(SPILLS, seenSpills === undefined ? undefined : toNumber(seenSpills));

/** Keeps `spill-idle-token-only`, `return-once`. Each hold of a token moves one of its counters. */
const tokenIsAsSeen = ({ tokenId, keepUntilMs, isRevoked, counters }: TokenPart): Condition[] => [
  isAsSeen(KEEP_UNTIL + tokenId, toNumber(keepUntilMs)),
  isRevoked
    ? condition`attribute_exists(${attribute(REVOKED + tokenId)})`
    : condition`attribute_not_exists(${attribute(REVOKED + tokenId)})`,
  ...[...counters].map(([name, counted]) => isAsSeen(name, toNumber(counted))),
];

/**
 * Return. Invariant: as for a spill. It adds to `spills` too, so that a move of the wallet that was planned before fails.
 * Defeats: two requests that bring a token back at once (`tokenIsNotCounted`); a return that is sent twice, when the token
 * has left again since (its own item is not as seen: `tokenIsAsSeen`).
 */
const toWalletReturn = (token: TokenPart): Update => ({
  set: [
    ...toMarks(token),
    ...[...token.counters].map(([name, counted]) => adds(name, toNumber(counted))),
    adds(SPILLS, ONE),
  ],
  conditions: [tokenIsNotCounted(token), walletHasNotMoved()],
});

/** Keeps `return-once`. */
const tokenIsNotCounted = ({ tokenId }: TokenPart): Condition =>
  condition`attribute_not_exists(${attribute(KEEP_UNTIL + tokenId)})`;

const toTokenReturn = (token: TokenPart): Update => ({
  remove: attributesOf(token),
  conditions: tokenIsAsSeen(token),
});
