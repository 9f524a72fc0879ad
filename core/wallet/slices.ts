/**
 * Slices: how the budget of a whole key is spent by many wallets without one item that all of them write.
 * Flow: policy > **reserve** > forward > meter > **settle**. Types and decisions only; nothing here calls a port.
 * Invariant: a pool's `drawn` = the sum over its wallets of in − out, and a wallet's in − out = left + held + spent.
 */

import { asPoolId, type KeyId, type PoolId } from '../base/ids.ts';
import {
  type CounterKind,
  counterName,
  isShortWindow,
  type Limit,
  type LimitUnit,
  type LimitWindow,
} from '../base/limits.ts';
import { amountOf, type Hold, type LimitState } from './hold.ts';
import type { Slice, SliceTake, Wallet } from './ports.ts';

/** True for a budget of the whole key, which is spent by slices: windows of a day and longer. */
export const isKeyBudget = ({ per, window }: CounterKind): boolean =>
  per === 'key' && !isShortWindow(window);

/** The name of a slice, and of its pool within its key: `usd:month:2026-11`. */
export const sliceName = (kind: SliceKind, atMs: number): string =>
  counterName({ ...kind, per: 'key' }, undefined, atMs);

interface SliceKind {
  readonly unit: LimitUnit;
  readonly window: LimitWindow;
}

export const poolIdOf = (keyId: KeyId, name: string): PoolId => asPoolId(`pool#${keyId}#${name}`);

const NO_SLICE: Slice = { left: 0n, drawnIn: 0n, recalledOut: 0n, limit: 0n };

/** A wallet's slice; one that was never drawn is empty. */
export const sliceOf = (wallet: Wallet | undefined, name: string): Slice =>
  wallet?.slices.get(name) ?? NO_SLICE;

/** The spent and held part of a slice. */
export const takenOf = ({ drawnIn, recalledOut, left }: Slice): bigint =>
  drawnIn - recalledOut - left;

/** The amounts that a reserve takes of slices. A slice of which it takes nothing is left out and not checked. */
export function slicesToReserve(hold: Hold, budgets: readonly Limit[]): readonly SliceTake[] {
  return budgets
    .map((budget) => ({
      name: sliceName(budget, hold.reservedAtMs),
      take: amountOf(budget.unit, hold.amounts),
      limit: budget.amount,
    }))
    .filter(({ take }) => take > 0n);
}

/** True if a slice lets a reserve take this much, by the same rule as the condition of the write. */
export const allows = (slice: Slice, { take, limit }: Omit<SliceTake, 'name'>): boolean =>
  slice.left >= take && slice.limit <= limit;

/** The sum that requests in flight hold of a slice. */
export function heldIn(wallet: Wallet | undefined, name: string): bigint {
  let held = 0n;
  for (const { counted, amounts, reservedAtMs } of wallet?.holds.values() ?? []) {
    const kind = counted.find(
      (each) => isKeyBudget(each) && sliceName(each, reservedAtMs) === name,
    );
    if (kind !== undefined) held += amountOf(kind.unit, amounts);
  }
  return held;
}

/** Below so many holds a pool runs low: each wallet then draws no more than it needs. */
const LOW_HOLDS = 64n;

/** A fresh pool serves this many wallets before it runs low. */
const POOL_PARTS = 4_096n;

/** The most that a draw brings, in holds. More would save few writes and leave more money idle. */
const SLICE_HOLDS_MAX = 16n;

/**
 * A payer without a USD limit of its own holds at most one part in so many of a key's USD budget at once. So no request,
 * and no student with many at once, keeps the whole budget from the others.
 */
const SHARE_PARTS = 4n;

/**
 * The most of a budget that a payer's slice may hold and keep at once; undefined: all of it.
 * @param least a share is not smaller than this, or a budget of few requests could never be spent. Absent: no shares
 */
export const shareOf = ({ unit, amount }: Limit, least: bigint | undefined): bigint | undefined =>
  least === undefined || unit !== 'usd'
    ? undefined
    : smaller(amount, larger(amount / SHARE_PARTS, least));

/**
 * The amount to draw. A fixed part of the limit would starve a class: the first wallets would take all of it.
 * @param need what the wallet lacks for this hold; zero or less: the draw moves nothing and only checks the limit
 * @param room what the payer's share leaves, at least `need`. @default all
 */
export function drawSize({
  available,
  need,
  hold,
  room = available,
}: {
  readonly available: bigint;
  readonly need: bigint;
  readonly hold: bigint;
  readonly room?: bigint | undefined;
}): bigint {
  if (need <= 0n) return 0n;
  if (available < LOW_HOLDS * hold) return need;
  const size = larger(need + hold, smaller(available / POOL_PARTS, SLICE_HOLDS_MAX * hold));
  return smaller(smaller(size, room), available);
}

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** A slice that is too small for a request. */
export interface Shortage {
  readonly budget: Limit;
  readonly name: string;
  readonly poolId: PoolId;
  readonly take: bigint;
  readonly slice: Slice;
}

/** A budget of the whole key that has no room for a request. */
export interface BudgetRefusal {
  /** `used` is what other wallets have drawn, so the rest is what this wallet may have. */
  readonly state: LimitState;
  /** Idle money in the wallet itself. */
  readonly ownLeft: bigint;
  /** True when everything that others hold was seen. If not, some of what is used may come back. */
  readonly hasSeenAll: boolean;
}
