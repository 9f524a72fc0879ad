/**
 * Tokens that left their wallet, in DynamoDB: an item each, `<wallet>#<token>`, whose attributes have the names they have
 * in the wallet.
 */
import { asWalletId, type TokenId, type WalletId } from '../../core/base/ids.ts';
import type { Spill, Spills, TokenPart } from '../../core/wallet/ports.ts';
import type { AwsCall } from '../aws/aws-call.ts';
import { TABLES } from '../table-schema.ts';
import { transact } from './transact.ts';
import {
  adds,
  attribute,
  type Condition,
  condition,
  isAsSeen,
  ONE,
  readItem,
  sets,
  toInput,
  type Update,
} from './update.ts';
import { toNumber } from './values.ts';
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
  return {
    spill: (spill) =>
      move([
        toInput(table, spill.walletId, toWalletSpill(spill)),
        ...spill.tokens.map((token) =>
          toInput(table, itemIdOf(spill.walletId, token.tokenId), toTokenSpill(token)),
        ),
      ]),

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
 * Spill. Invariant: what a token spent is in its wallet or in its own item, never in both or neither.
 * Defeats: a reserve of the token between the look and this write, whose hold would count in a counter that is gone
 * (`tokenIsAsSeen`); a spill that is sent twice (`spillsAreAsSeen`: they only grow); a reserve of a token that left after
 * it was looked for (`spills` + 1).
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

/** A day after the mark, as in a wallet, and one more for the clocks. */
const EXPIRES_AFTER_MS = 2 * 86_400_000;

/** Adds to what is there: a revocation may have marked the token in its wallet while its sums were outside. */
const toTokenSpill = (token: TokenPart): Update => ({
  set: [
    ...toTokenPart(token),
    sets(ttlAttribute, toNumber((token.keepUntilMs + EXPIRES_AFTER_MS) / 1_000)),
  ],
});

const toTokenPart = ({ tokenId, keepUntilMs, isRevoked, counters }: TokenPart) => [
  sets(KEEP_UNTIL + tokenId, toNumber(keepUntilMs)),
  isRevoked ? sets(REVOKED + tokenId, ONE) : undefined,
  ...[...counters].map(([name, counted]) => adds(name, toNumber(counted))),
];

/**
 * Return. Invariant: as for a spill.
 * Defeats: two requests that bring a token back at once (`tokenIsNotCounted`); a return that is sent twice, when the token
 * has left again since (its own item is not as seen: `tokenIsAsSeen`).
 */
const toWalletReturn = (token: TokenPart): Update => ({
  set: toTokenPart(token),
  conditions: [tokenIsNotCounted(token), walletHasNotMoved()],
});

/** Keeps `return-once`. */
const tokenIsNotCounted = ({ tokenId }: TokenPart): Condition =>
  condition`attribute_not_exists(${attribute(KEEP_UNTIL + tokenId)})`;

const toTokenReturn = (token: TokenPart): Update => ({
  remove: attributesOf(token),
  conditions: tokenIsAsSeen(token),
});
