/**
 * The wallet: one item that counts all a payer spends and holds what requests in flight may still take of it.
 * Flow: policy > **reserve** > forward > meter > **settle**. Decisions only; nothing here calls a port.
 * Invariant: a counter = what settled requests cost + what the holds that count in it hold.
 */

import type { TokenId } from '../base/ids.ts';
import {
  type CounterKind,
  counterName,
  DAY_MS,
  HOUR_MS,
  isShortWindow,
  type Limit,
  type LimitWindow,
  MINUTE_MS,
  windowAt,
  windowEndMs,
} from '../base/limits.ts';
import { ZERO_USD } from '../base/money.ts';
import { parseCounterName } from './counter-name.ts';
import { type Amounts, amountOf, type Hold, type LimitState } from './hold.ts';
import { isTooLargeToRemember, type Remembered } from './memory.ts';
import type { CounterAdd, Settlement, Wallet } from './ports.ts';
import { isKeyBudget, sliceName } from './slices.ts';
import type { UsageRow } from './usage-row.ts';

/** The amounts that a reserve adds to the hold's counters, with the most that each may be afterwards. */
export function countersToReserve(hold: Hold, limits: readonly Limit[]): readonly CounterAdd[] {
  const counted = hold.counted.filter((kind) => !isKeyBudget(kind));
  return counted.map((kind) => {
    const limit = limits.find((other) => isSameKind(kind, other));
    return {
      name: counterName(kind, hold.tokenId, hold.reservedAtMs),
      add: amountOf(kind.unit, hold.amounts),
      ...(limit === undefined ? {} : { max: limit.amount }),
    };
  });
}

const isSameKind = (a: CounterKind, b: CounterKind): boolean =>
  a.per === b.per && a.unit === b.unit && a.window === b.window;

/**
 * The state of limits in a wallet as it was seen. Leaves out budgets of the whole key, which one wallet does not know.
 * @param payer the scoped token that the `token` limits are of, and the instant whose windows count
 */
export function limitStatesOf(
  wallet: Wallet | undefined,
  limits: readonly Limit[],
  payer: { readonly tokenId?: TokenId | undefined; readonly atMs: number },
): readonly LimitState[] {
  const counted = limits.filter((limit) => !isKeyBudget(limit));
  return counted.map((limit) => {
    const name = counterName(limit, payer.tokenId, payer.atMs);
    return {
      limit,
      used: wallet?.counters.get(name) ?? 0n,
      // Worked out at its first use: most requests do not use it, and then no hold is read.
      get reserved() {
        return reservedIn(wallet, limit, name);
      },
      resetsAtMs: windowAt(limit.window, payer.atMs).endsAtMs,
    };
  });
}

function reservedIn(wallet: Wallet | undefined, limit: Limit, name: string): bigint {
  let reserved = 0n;
  for (const hold of wallet?.holds.values() ?? []) {
    if (isCountedIn(hold, limit, name)) reserved += amountOf(limit.unit, hold.amounts);
  }
  return reserved;
}

const isCountedIn = (hold: Hold, kind: CounterKind, name: string): boolean =>
  hold.counted.some((counted) => isSameKind(counted, kind)) &&
  counterName(kind, hold.tokenId, hold.reservedAtMs) === name;

/** True if a limit in this state has room for these amounts. */
export const fitsIn = ({ limit, used }: LimitState, amounts: Amounts): boolean =>
  used + amountOf(limit.unit, amounts) <= limit.amount;

/** The state as it would be if everything in flight were given back. */
export const withoutHolds = (state: LimitState): LimitState => ({
  ...state,
  used: state.used - state.reserved,
  reserved: 0n,
});

/** The checks of a reserve in a wallet besides limits. */
export interface Admission {
  readonly inFlightMax: number;
  readonly tokenId?: TokenId | undefined;
  readonly issuedAtMs?: number | undefined;
}

/** A wallet's reason to refuse a request. `limit` is the first that does not fit, in the order of the limits given. */
export type Refusal =
  | { readonly cause: 'revoked' }
  | { readonly cause: 'blocked' }
  | { readonly cause: 'concurrency'; readonly inFlight: number }
  | { readonly cause: 'limit'; readonly state: LimitState };

/** The wallet's reason to refuse; undefined: it has none. Revocation first, then a block, concurrency, limits. */
export function decideRefusal(
  wallet: Wallet | undefined,
  states: readonly LimitState[],
  amounts: Amounts,
  { inFlightMax, tokenId, issuedAtMs }: Admission,
): Refusal | undefined {
  if (tokenId !== undefined && wallet?.revokedTokens.has(tokenId)) return { cause: 'revoked' };
  const notBeforeMs = wallet?.notBeforeMs;
  if (notBeforeMs !== undefined && issuedAtMs !== undefined && issuedAtMs <= notBeforeMs) {
    return { cause: 'revoked' };
  }
  if (wallet?.person?.isBlocked) return { cause: 'blocked' };
  const inFlight = wallet?.inFlight ?? 0;
  if (inFlight >= inFlightMax) return { cause: 'concurrency', inFlight };
  const state = states.find((each) => !fitsIn(each, amounts));
  return state === undefined ? undefined : { cause: 'limit', state };
}

/** The holds whose lease has run out, oldest first. */
export const expiredHolds = (wallet: Wallet, nowMs: number): readonly Hold[] =>
  [...wallet.holds.values()]
    .filter((hold) => hold.leaseEndsAtMs <= nowMs)
    .sort((a, b) => a.leaseEndsAtMs - b.leaseEndsAtMs);

/** Attributes that a settle may remove because they are long past. */
export type Stale = Pick<Settlement, 'drop' | 'dropTokens' | 'dropSlices' | 'forgetsPrompts'>;

/** A hold with the long-past attributes that its reserve saw, which its settle removes. */
export interface OpenHold extends Hold {
  readonly stale?: Stale;
  /** The hold of the same request in the key's wallet, when rates of the whole key apply. */
  readonly inKeyWallet?: OpenHold;
  /** A prompt for its settle to store. */
  readonly remember?: Remembered;
}

/** Adds to a hold what its wallet, as its reserve left it, shows to be long past. */
export const withStale = (hold: OpenHold, wallet: Wallet | undefined): OpenHold =>
  wallet === undefined
    ? hold
    : { ...hold, stale: staleOf(wallet, hold.reservedAtMs, hold.tokenId) };

/** The most that one settle removes; the next one goes on. */
const DROPPED_COUNTERS_MAX = 24;
const DROPPED_TOKENS_MAX = 4;
const DROPPED_SLICES_MAX = 4;

/** Longer than a lease or a clock's error: an open hold or a slow clock still finds its counter. */
const LONG_WINDOW_GRACE_MS = HOUR_MS;
const SHORT_WINDOW_GRACE_MS = 2 * MINUTE_MS;

/** True if a window ended so long ago that its counter may be removed. */
export function isLongPast(window: LimitWindow, windowName: string, nowMs: number): boolean {
  const endsAtMs = windowEndMs(window, windowName);
  const graceMs = isShortWindow(window) ? SHORT_WINDOW_GRACE_MS : LONG_WINDOW_GRACE_MS;
  return endsAtMs !== null && endsAtMs + graceMs <= nowMs;
}

/**
 * The long-past attributes of a wallet: counters of ended windows, and all of a token whose mark is past by a day.
 * A token goes as a whole or not at all: without its mark, what is left of it would stay for ever.
 */
export function staleOf(wallet: Wallet, nowMs: number, own: TokenId | undefined): Stale {
  const drop: string[] = [];
  const lasting = new Map<TokenId, string[]>();
  for (const name of wallet.counters.keys()) {
    const counter = parseCounterName(name);
    if (counter === undefined) continue;
    if (isLongPast(counter.window, counter.windowName, nowMs)) drop.push(name);
    else if (counter.tokenId !== undefined) {
      lasting.set(counter.tokenId, [...(lasting.get(counter.tokenId) ?? []), name]);
    }
  }
  const kept = drop.slice(0, DROPPED_COUNTERS_MAX);
  let room = DROPPED_COUNTERS_MAX - drop.length;
  const isInUse = (tokenId: TokenId): boolean =>
    tokenId === own || [...wallet.holds.values()].some((hold) => hold.tokenId === tokenId);
  const dropTokens: Stale['dropTokens'][number][] = [];
  for (const [tokenId, seenKeepUntilMs] of wallet.tokenKeepUntilMs) {
    const names = lasting.get(tokenId) ?? [];
    if (seenKeepUntilMs + DAY_MS > nowMs || isInUse(tokenId) || names.length > room) continue;
    if (dropTokens.length === DROPPED_TOKENS_MAX) break;
    room -= names.length;
    dropTokens.push({ tokenId, seenKeepUntilMs, names });
  }
  return {
    drop: kept,
    dropTokens,
    dropSlices: staleSlicesOf(wallet, nowMs),
    ...(isTooLargeToRemember(wallet) && { forgetsPrompts: true }),
  };
}

/**
 * Slices of windows long past. Nothing is drawn of these any more, so that it does not matter that their pools still
 * count what was drawn.
 */
export const staleSlicesOf = (wallet: Wallet, nowMs: number): readonly string[] =>
  [...wallet.slices.keys()]
    .filter((name) => {
      const window = parseCounterName(name);
      return window !== undefined && isLongPast(window.window, window.windowName, nowMs);
    })
    .slice(0, DROPPED_SLICES_MAX);

/** True if nothing is in flight and no slice of a current window has anything left. */
export const hasNothingLeft = (wallet: Wallet, nowMs: number): boolean =>
  wallet.inFlight === 0 &&
  [...wallet.slices].every(([name, { left }]) => left <= 0n || hasEnded(name, nowMs));

function hasEnded(sliceName: string, nowMs: number): boolean {
  const window = parseCounterName(sliceName);
  const endsAtMs = window === undefined ? null : windowEndMs(window.window, window.windowName);
  return endsAtMs !== null && endsAtMs <= nowMs;
}

/** The cost of a hold by the row that stands. A hold of another attempt than the row names costs nothing. */
const chargeOf = (hold: Hold, row: UsageRow): { amounts: Amounts; requests: bigint } =>
  row.attempt === hold.attempt
    ? { amounts: row.cost, requests: row.status === 'released' ? 0n : 1n }
    : { amounts: { usd: ZERO_USD, tokens: 0n }, requests: 0n };

/** The settle of a hold at the cost of the row that stands. A counter that is long past is removed instead. */
export function settlementOf(hold: OpenHold, row: UsageRow, nowMs: number): Settlement {
  const { amounts, requests } = chargeOf(hold, row);
  const counters: Settlement['counters'][number][] = [];
  const slices: { readonly name: string; readonly back: bigint }[] = [];
  const drop = new Set(hold.stale?.drop);
  const dropSlices = new Set(hold.stale?.dropSlices);
  for (const kind of hold.counted) {
    const name = counterName(kind, hold.tokenId, hold.reservedAtMs);
    const actual = kind.unit === 'requests' ? requests : amountOf(kind.unit, amounts);
    const add = actual - amountOf(kind.unit, hold.amounts);
    const isPast = isLongPast(kind.window, windowAt(kind.window, hold.reservedAtMs).name, nowMs);
    if (isKeyBudget(kind)) {
      const slice = sliceName(kind, hold.reservedAtMs);
      if (isPast) dropSlices.add(slice);
      else if (add !== 0n) slices.push({ name: slice, back: -add });
    } else if (isPast) drop.add(name);
    else if (add !== 0n) counters.push({ name, add });
  }
  const { stale, remember } = hold;
  return {
    hold,
    counters,
    slices,
    drop: [...drop],
    dropSlices: [...dropSlices],
    dropTokens: stale?.dropTokens ?? [],
    ...(stale?.forgetsPrompts && { forgetsPrompts: true }),
    ...(remember !== undefined && !stale?.forgetsPrompts && { remember }),
  };
}
