/**
 * A wallet's item, read. Attributes are flat: counters by their names, `h:<request>` a hold, `inFlight` the number of
 * holds, `due` and `dueAt` the index of the sweep, `revoked:<token>` and `notBefore` revocations, `x:<token>` when a
 * token's counters may go; of a slice `left:`, `in:`, `out:` and `cap:<slice>`, `draws` and the index `slices`.
 */

import {
  asRequestId,
  asTokenId,
  asWalletId,
  type RequestId,
  type TokenId,
} from '../../core/base/ids.ts';
import type { Hold } from '../../core/wallet/hold.ts';
import { decodeHold } from '../../core/wallet/hold-codec.ts';
import type { Slice, Wallet } from '../../core/wallet/ports.ts';
import { parseCounterName } from '../../core/wallet/wallet.ts';
import { TABLES } from '../table-schema.ts';
import { type Item, integerOf, readNumber, textOf } from './values.ts';

const { partitionKey } = TABLES.wallets;
const { sortKey: dueAt } = TABLES.wallets.index;
export const IN_FLIGHT = 'inFlight';
export const NOT_BEFORE = 'notBefore';
export const HOLD = 'h:';
export const REVOKED = 'revoked:';
export const KEEP_UNTIL = 'x:';
/** What stands before a slice's name: what is left, all that came in and went out, the limit it was drawn under. */
export const SLICE = { left: 'left:', in: 'in:', out: 'out:', cap: 'cap:' } as const;
export const DRAWS = 'draws';

/** All attributes of a slice. */
export const sliceAttributes = (name: string): readonly string[] =>
  Object.values(SLICE).map((prefix) => prefix + name);

/** @throws TypeError when a hold cannot be read */
export function parseWallet(item: Item): Wallet {
  const id = asWalletId(textOf(item[partitionKey]) ?? '');
  const counters = new Map<string, bigint>();
  const holds = new Map<RequestId, Hold>();
  const slices = new Map<string, Slice>();
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
    } else if (name.startsWith(SLICE.left)) {
      const slice = name.slice(SLICE.left.length);
      slices.set(slice, readSlice(item, slice));
    } else if (parseCounterName(name)) counters.set(name, integerOf(value) ?? 0n);
  }
  const notBeforeMs = readNumber(item, NOT_BEFORE);
  const dueAtMs = readNumber(item, dueAt);
  return {
    id,
    counters,
    holds,
    slices,
    draws: readNumber(item, DRAWS) ?? 0,
    inFlight: readNumber(item, IN_FLIGHT) ?? 0,
    revokedTokens,
    tokenKeepUntilMs,
    ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
    ...(dueAtMs === undefined ? {} : { dueAtMs }),
  };
}

const readSlice = (item: Item, name: string): Slice => ({
  left: integerOf(item[SLICE.left + name]) ?? 0n,
  drawnIn: integerOf(item[SLICE.in + name]) ?? 0n,
  recalledOut: integerOf(item[SLICE.out + name]) ?? 0n,
  limit: integerOf(item[SLICE.cap + name]) ?? 0n,
});
