/**
 * The move of a wallet into another one of the same person: one transaction of two updates.
 * Invariant: what was counted is counted once, and the former wallet admits nothing any more.
 * Defeats: a move that is sent twice or late (the fence counts as in flight: `nothingIsInFlight`); a reserve,
 * settle, draw or revocation in the former wallet since it was seen (`formerIsAsSeen`); a change of the record, a
 * revocation or a spill in the other one (`otherIsAsSeen`).
 */
import { encodeOwnLimits, type Person } from '../../core/wallet/person.ts';
import type { Wallet, WalletMove } from '../../core/wallet/ports.ts';
import { TABLES } from '../table-schema.ts';
import {
  type Assignment,
  adds,
  type Condition,
  isAsSeen,
  ONE,
  sets,
  setsIfAbsent,
  type Update,
} from './update.ts';
import { toNumber, toText } from './values.ts';
import {
  COUNTED,
  DRAWS,
  IN_FLIGHT,
  MOVED_TO,
  memoryAttributes,
  NOT_BEFORE,
  PERSON,
  SEEN_DAY,
  SLICE,
  SPILLS,
  sliceAttributes,
} from './wallet-item.ts';
import { nothingIsInFlight, recordIsAsSeen, walletHasNotMoved } from './wallet-writes.ts';

const { index, slicesIndex, listIndex } = TABLES.wallets;

/** More than any reserve allows in flight: the version before knows no moved wallets, and this keeps it out. */
const FENCE = 1_000_000_000;

/** The former wallet: it keeps its id and says where it went. */
export const toFormer = ({ from, to }: WalletMove): Update => ({
  set: [sets(MOVED_TO, toText(to)), sets(IN_FLIGHT, toNumber(FENCE))],
  remove: [
    ...from.counters.keys(),
    ...[...from.slices.keys()].flatMap(sliceAttributes),
    ...memoryAttributes(),
    ...Object.values(PERSON),
    ...[COUNTED, DRAWS, NOT_BEFORE, SEEN_DAY, SPILLS],
    ...[index.partitionKey, index.sortKey, slicesIndex.partitionKey, listIndex.partitionKey],
  ],
  conditions: [
    nothingIsInFlight(),
    recordIsAsSeen(from.person?.rev),
    numberIsAsSeen(NOT_BEFORE, from.notBeforeMs),
    numberIsAsSeen(SPILLS, from.spills),
    ...formerIsAsSeen(from),
  ],
});

/** Every reserve counts here, so a wallet without it was never used. */
const ALWAYS_COUNTED = 'usd:total';

/** Keeps `move-exact`. `draws` counts every draw, and without one what is left of a slice can only fall. */
const formerIsAsSeen = ({ counters, slices, draws }: Wallet): readonly Condition[] => [
  numberIsAsSeen(DRAWS, draws === 0 ? undefined : draws),
  numberIsAsSeen(ALWAYS_COUNTED, counters.get(ALWAYS_COUNTED)),
  ...[...counters].map(([name, counted]) => numberIsAsSeen(name, counted)),
  ...[...slices].map(([name, { left }]) => numberIsAsSeen(SLICE.left + name, left)),
];

/** Keeps `move-exact`. */
const numberIsAsSeen = (name: string, seen: bigint | number | undefined): Condition =>
  isAsSeen(name, seen === undefined ? undefined : toNumber(seen));

/** The other wallet: everything is added to what it has by then. */
export const toJoined = ({ to, seen, joined, counters, slices }: WalletMove): Update => ({
  set: [
    ...[...counters].map(([name, counted]) => adds(name, toNumber(counted))),
    ...[...slices].flatMap(([name, { left, drawnIn, recalledOut, limit }]) => [
      adds(SLICE.left + name, toNumber(left)),
      adds(SLICE.in + name, toNumber(drawnIn)),
      recalledOut === 0n ? undefined : adds(SLICE.out + name, toNumber(recalledOut)),
      setsIfAbsent(SLICE.cap + name, toNumber(limit)),
    ]),
    slices.size === 0 ? undefined : adds(DRAWS, ONE),
    slices.size === 0
      ? undefined
      : sets(slicesIndex.partitionKey, toText(to.slice(0, to.indexOf('#')))),
    joined.spills === undefined ? undefined : sets(SPILLS, toNumber(joined.spills)),
    joined.notBeforeMs === undefined ? undefined : sets(NOT_BEFORE, toNumber(joined.notBeforeMs)),
    ...(joined.person === undefined ? [] : toPerson(joined.person)),
  ],
  conditions: [walletHasNotMoved(), ...otherIsAsSeen(seen)],
});

/** Keeps `move-exact`, `judged-by-current-record`. */
const otherIsAsSeen = (seen: WalletMove['seen']): readonly Condition[] => [
  recordIsAsSeen(seen.person?.rev),
  numberIsAsSeen(SPILLS, seen.spills),
  numberIsAsSeen(NOT_BEFORE, seen.notBeforeMs),
];

/** The attributes of a record that are set; those that are not stay as they are. */
export const toPerson = ({
  rev,
  limits,
  creditNanoUsd,
  isBlocked,
}: Person): readonly (Assignment | undefined)[] => [
  sets(PERSON.rev, toText(rev)),
  limits.length === 0 ? undefined : sets(PERSON.limits, toText(encodeOwnLimits(limits))),
  creditNanoUsd === 0n ? undefined : sets(PERSON.credit, toNumber(creditNanoUsd)),
  isBlocked ? sets(PERSON.blocked, ONE) : undefined,
];
