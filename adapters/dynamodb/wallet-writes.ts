/**
 * The conditional writes of one wallet item: reserve, settle, and moving its due mark.
 * Each condition is a list of named clauses; docs/conditions.md lists what they guarantee. A comparison
 * with an attribute that is not there is never true, so `NOT a > b` passes for a counter that does not exist yet.
 */
import { type PoolId, sha256, type TokenId, type WalletId } from '../../core/base/ids.ts';
import { encodePrompt, type Remembered } from '../../core/wallet/memory.ts';
import type {
  CounterAdd,
  GiveBack,
  Reservation,
  Settlement,
  SliceTake,
} from '../../core/wallet/ports.ts';
import { DUE_SHARDS, TABLES } from '../table-schema.ts';
import {
  type Assignment,
  adds,
  attribute,
  type Condition,
  condition,
  isAsSeen,
  ONE,
  sets,
  setsIfAbsent,
  subtracts,
  type Update,
  ZERO,
} from './update.ts';
import { toBytes, toNumber, toText } from './values.ts';
import {
  COUNTED,
  type HoldAttribute,
  holdAttribute,
  IN_FLIGHT,
  KEEP_UNTIL,
  MOVED_TO,
  memoryAttributes,
  NOT_BEFORE,
  PERSON,
  PROMPT,
  REVOKED,
  SALT,
  SEEN_DAY,
  SLICE,
  SPILLS,
  sliceAttributes,
} from './wallet-item.ts';

const { partitionKey: due, sortKey: dueAt } = TABLES.wallets.index;
const { partitionKey: listKey } = TABLES.wallets.listIndex;

/**
 * Reserve. Invariant: no counter passes its limit, in whatever order writes arrive.
 * Defeats: two requests that both saw room and both take it (check and add are one write); an attempt that arrives
 * after another attempt of the same request was written (`holdIsNew`); a slice that was drawn under a larger limit and
 * is spent after the limit was lowered (`sliceIsWithinLimit`); a limit of one person that is lowered, or a block, between
 * the look at their record and this write (`recordIsAsSeen`); a token that left the wallet with what it has spent, and
 * would start again from zero (`tokenIsCountedHere`).
 */
export function toReserve(reservation: Reservation): Update {
  const { hold, counters, slices = [], inFlightMax } = reservation;
  const { tokenId, issuedAtMs, tokenKeepUntilMs, seenRev, listedUnder, seenDay } = reservation;
  const held = holdAttribute(hold);
  return {
    set: [
      sets(...held),
      adds(IN_FLIGHT, ONE),
      setsIfAbsent(due, toText(shardOf(hold.walletId))),
      setsIfAbsent(dueAt, toNumber(hold.leaseEndsAtMs)),
      ...counters.map(({ name, add }) => adds(name, toNumber(add))),
      ...slices.map(({ name, take }) => subtracts(SLICE.left + name, toNumber(take))),
      tokenId && tokenKeepUntilMs !== undefined
        ? sets(KEEP_UNTIL + tokenId, toNumber(tokenKeepUntilMs))
        : undefined,
      listedUnder === undefined ? undefined : setsIfAbsent(listKey, toText(listedUnder)),
      seenDay === undefined ? undefined : sets(SEEN_DAY, toText(seenDay)),
    ],
    conditions: [
      holdIsNew(held),
      recordIsAsSeen(seenRev),
      walletHasNotMoved(),
      hasRoomInFlight(inFlightMax),
      ...counters.map(fitsTheLimit),
      ...slices.map(sliceHasEnough),
      ...slices.map(sliceIsWithinLimit),
      tokenId && tokenIsNotRevoked(tokenId),
      tokenId && tokenIsCountedHere(tokenId, reservation.seenSpills),
      issuedAtMs === undefined ? undefined : isIssuedAfterNotBefore(issuedAtMs),
    ],
  };
}

/** Keeps `hold-once`. */
const holdIsNew = ([name]: HoldAttribute): Condition =>
  condition`attribute_not_exists(${attribute(name)})`;

/** Keeps `judged-by-current-record`. `rev` is random and never removed, so no value comes back. */
export const recordIsAsSeen = (seenRev: string | undefined): Condition =>
  isAsSeen(PERSON.rev, seenRev === undefined ? undefined : toText(seenRev));

/** Keeps `moved-wallet-admits-nothing`. */
export const walletHasNotMoved = (): Condition =>
  condition`attribute_not_exists(${attribute(MOVED_TO)})`;

/** Keeps `in-flight-max`. */
const hasRoomInFlight = (inFlightMax: number): Condition =>
  condition`NOT ${attribute(IN_FLIGHT)} >= ${toNumber(inFlightMax)}`;

/**
 * Keeps `limit-to-the-last-unit`, `limit-counts-this-request`. Conditions cannot add, so the counter is compared
 * with `limit − amount`. The core never sends an amount above its limit, so a counter that does not exist yet may
 * pass.
 */
const fitsTheLimit = ({ name, add, max }: CounterAdd): Condition | undefined =>
  max === undefined ? undefined : condition`NOT ${attribute(name)} > ${toNumber(max - add)}`;

/** Keeps `slice-to-the-last-unit`, `recall-leaves-holds`. */
export const sliceHasEnough = ({ name, take }: Pick<SliceTake, 'name' | 'take'>): Condition =>
  condition`${attribute(SLICE.left + name)} >= ${toNumber(take)}`;

/** Keeps `slice-within-current-limit`. */
const sliceIsWithinLimit = ({ name, limit }: SliceTake): Condition =>
  condition`NOT ${attribute(SLICE.cap + name)} > ${toNumber(limit)}`;

/** Keeps `token-not-revoked`. */
const tokenIsNotRevoked = (tokenId: TokenId): Condition =>
  condition`attribute_not_exists(${attribute(REVOKED + tokenId)})`;

/** Keeps `token-counted-once`. A token that the wallet does not count may have left it; each that leaves adds to `spills`. */
const tokenIsCountedHere = (tokenId: TokenId, seenSpills: number | undefined): Condition =>
  seenSpills === undefined
    ? condition`(attribute_exists(${attribute(KEEP_UNTIL + tokenId)}) OR attribute_not_exists(${attribute(SPILLS)}))`
    : condition`(attribute_exists(${attribute(KEEP_UNTIL + tokenId)}) OR ${attribute(SPILLS)} = ${toNumber(seenSpills)})`;

/** Keeps `issued-after-revocation`. */
const isIssuedAfterNotBefore = (issuedAtMs: number): Condition =>
  condition`NOT ${attribute(NOT_BEFORE)} >= ${toNumber(issuedAtMs)}`;

/** The value of `due` under which an item is in the index of the sweep. */
export const shardOf = (walletId: WalletId | PoolId): string =>
  String(sha256(walletId).charCodeAt(0) % DUE_SHARDS);

/**
 * Settle. Invariant: a hold is settled once, and a token's counters go only while nobody uses the token.
 * Defeats: a settle that is repeated, late, or after the sweep's (no hold is there); a settle of an attempt that was
 * given up (the hold is another attempt's); a settle that was worked out before a part of the hold was given back (the
 * text is not as known); a reserve of a token between the look at its mark and this write, whose
 * hold would count in a counter that is gone, so that the token could spend its limit once more (`tokenIsUnused`).
 * A token's revocation goes with its counters: nothing that it names has been in force for a day.
 */
export function toSettle(settlement: Settlement): Update {
  const { hold, counters, slices = [], drop, dropSlices = [], dropTokens } = settlement;
  const { remember, forgetsPrompts = false } = settlement;
  const held = holdAttribute(hold);
  return {
    set: [
      subtracts(IN_FLIGHT, ONE),
      ...counters.map(({ name, add }) => adds(name, toNumber(add))),
      ...slices.map(({ name, back }) => adds(SLICE.left + name, toNumber(back))),
      ...(remember === undefined ? [] : toRemember(remember)),
    ],
    remove: [
      held[0],
      ...(forgetsPrompts ? memoryAttributes() : []),
      ...dropTokens.flatMap(({ tokenId }) => [KEEP_UNTIL + tokenId, REVOKED + tokenId]),
      ...drop,
      ...dropTokens.flatMap(({ names }) => names),
      ...dropSlices.flatMap(sliceAttributes),
    ],
    conditions: [holdIsAsKnown(held), ...dropTokens.map(tokenIsUnused)],
  };
}

/** Keeps `settle-once`, `settle-own-attempt`, `settle-amounts-as-held`, `give-back-once`. */
const holdIsAsKnown = ([name, value]: HoldAttribute): Condition => isAsSeen(name, value);

/** The salt of a wallet never changes while it remembers anything. */
const toRemember = ({ slot, prompt, salt }: Remembered): readonly Assignment[] => [
  setsIfAbsent(SALT, toBytes(Buffer.from(salt, 'hex'))),
  sets(`${PROMPT}${slot}`, toBytes(encodePrompt(prompt))),
];

/**
 * Give-back. Invariant: a hold is lowered once, and its counters by exactly the difference.
 * Defeats: a give-back that is repeated or late (the text is not as reserved any more, or no hold is there); a settle
 * that was worked out before it, which compares the whole text too (`holdIsAsKnown`).
 */
export const toGiveBack = ({ hold, amounts, counters, slices }: GiveBack): Update => ({
  set: [
    sets(...holdAttribute({ ...hold, amounts })),
    ...counters.map(({ name, add }) => adds(name, toNumber(add))),
    ...slices.map(({ name, back }) => adds(SLICE.left + name, toNumber(back))),
  ],
  conditions: [holdIsAsKnown(holdAttribute(hold))],
});

/** Each count of a wallet takes up so much time. */
const COUNT_MS = 10_000;

/** Counts of a wallet at the same moment, such as those of an agent and its helpers. */
const COUNTS_AT_ONCE = 4;

/**
 * Claims a provider's count for a wallet that has none in its way: `counted` is when the claims so far are over.
 * Invariant: four at a moment, and one in ten seconds after them. Defeats: requests at the same moment.
 */
export const toClaimCount = (nowMs: number): Update => ({
  set: [sets(COUNTED, toNumber(nowMs + COUNT_MS))],
  conditions: [countsAreOver(nowMs)],
});

/** Claims a count behind others. The same invariant. */
export const toClaimAnotherCount = (nowMs: number): Update => ({
  set: [adds(COUNTED, toNumber(COUNT_MS))],
  conditions: [countsAreFew(nowMs)],
});

/** Keeps `counts-have-a-pace`. */
const countsAreOver = (nowMs: number): Condition =>
  condition`NOT ${attribute(COUNTED)} > ${toNumber(nowMs)}`;

/** Keeps `counts-have-a-pace`. */
const countsAreFew = (nowMs: number): Condition =>
  condition`${attribute(COUNTED)} <= ${toNumber(nowMs + (COUNTS_AT_ONCE - 1) * COUNT_MS)}`;

/** Keeps `drop-unused-token-only`. Every reserve of a token moves its mark. */
const tokenIsUnused = ({ tokenId, seenKeepUntilMs }: Settlement['dropTokens'][number]): Condition =>
  isAsSeen(KEEP_UNTIL + tokenId, toNumber(seenKeepUntilMs));

/**
 * Moves the due mark, or removes it. Invariant: a wallet with a hold is in the index of the sweep, no later than its
 * first lease ends.
 * Defeats: two sweeps that move the mark one after the other (`dueMarkIsAsSeen`); a reserve between the look and this
 * write, which leaves the mark as it is but raises `inFlight`: without the mark its hold would never be found
 * (`nothingIsInFlight`).
 */
export const toMoveDue = (seenDueAtMs: number, nextDueAtMs: number | undefined): Update =>
  nextDueAtMs === undefined
    ? { remove: [due, dueAt], conditions: [dueMarkIsAsSeen(seenDueAtMs), nothingIsInFlight()] }
    : {
        set: [sets(dueAt, toNumber(nextDueAtMs))],
        conditions: [dueMarkIsAsSeen(seenDueAtMs)],
      };

/** Keeps `due-moved-once`. */
const dueMarkIsAsSeen = (seenDueAtMs: number): Condition => isAsSeen(dueAt, toNumber(seenDueAtMs));

/** Keeps `due-removed-when-idle`, `hide-when-idle`. */
export const nothingIsInFlight = (): Condition => condition`NOT ${attribute(IN_FLIGHT)} > ${ZERO}`;
