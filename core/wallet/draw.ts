/**
 * Draw: moves money of a key-wide budget into a wallet whose slices are too small for a request.
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: money in flight elsewhere is never taken, and a budget refuses only when its pool and the wallets that
 * were read do not have what the request lacks.
 */

import { type Limit, windowAt } from '../base/limits.ts';
import { retry } from '../base/retry.ts';
import { type Amounts, amountOf } from './hold.ts';
import type { Wallet } from './ports.ts';
import { MOVE_RETRY, type Recalled, recallIdle } from './recall.ts';
import { type HoldTarget, type SeenWallet, watchedOf } from './reserve-plan.ts';
import type { SettlePorts } from './settle.ts';
import {
  allows,
  type BudgetRefusal,
  drawSize,
  heldIn,
  poolIdOf,
  type Shortage,
  shareOf,
  sliceName,
  sliceOf,
} from './slices.ts';

/**
 * Requests of one payer that start together all find the slice too small. Their first draws are spread over this time:
 * the first draw then serves the others, which would otherwise each write a transaction that fails.
 */
const DRAW_SPREAD_MS = 30;

/** Draws and recalls for one budget in one go. */
const ROUNDS_MAX = 6;

/** Times that one request draws. Between a draw and the next try, others may recall what it brought. */
export const DRAWS_MAX = 8;

/** The outcome of a draw: the wallet is worth another try, or a budget refuses. */
export interface Drawn {
  /** Undefined: every budget had what the request lacked. */
  readonly refusal: BudgetRefusal | undefined;
  readonly writeUnits: number;
}

/** Slices too small for these amounts, in the order of the budgets: latest reset first. */
export function shortagesOf(
  { target: { budgets, hold, keyId }, wallet }: SeenWallet,
  amounts: Amounts,
): readonly Shortage[] {
  return budgets.flatMap((budget) => {
    const take = amountOf(budget.unit, amounts);
    const name = sliceName(budget, hold.reservedAtMs);
    const slice = sliceOf(wallet, name);
    if (take === 0n || allows(slice, { take, limit: budget.amount })) return [];
    return [{ budget, name, poolId: poolIdOf(keyId, name), take, slice }];
  });
}

export interface DrawNeed {
  readonly seen: SeenWallet;
  readonly amounts: Amounts;
  /** The number of draws of this request so far. Beyond `DRAWS_MAX` the first short budget refuses. */
  readonly drawsBefore: number;
}

/**
 * Draws what the wallet lacks, and recalls idle money of other wallets when a pool has not enough.
 * @throws service_unavailable when the table cannot be reached, or when others are in the way for too long
 */
export async function drawMissing(
  { seen: { target, wallet: before }, amounts, drawsBefore }: DrawNeed,
  ports: SettlePorts,
): Promise<Drawn> {
  const wallet = drawsBefore === 0 ? await waitAndRead(target, ports) : before;
  const seen = { target, wallet };
  const roundsMax = drawsBefore < DRAWS_MAX ? ROUNDS_MAX : 0;
  let writeUnits = 0;
  for (const shortage of shortagesOf(seen, amounts)) {
    const drawn = await drawOne({ seen, shortage, roundsMax }, ports);
    writeUnits += drawn.writeUnits;
    if (drawn.refusal !== undefined) return { refusal: drawn.refusal, writeUnits };
  }
  return { refusal: undefined, writeUnits };
}

/** Waits a random part of the spread, then reads the wallet, which another request may have filled meanwhile. */
async function waitAndRead(
  { hold }: HoldTarget,
  { clock, random, wallets }: SettlePorts,
): Promise<Wallet | undefined> {
  await clock.sleep(Math.floor(random.fraction() * DRAW_SPREAD_MS));
  return wallets.find(hold.walletId);
}

interface OneDraw {
  readonly seen: SeenWallet;
  readonly shortage: Shortage;
  readonly roundsMax: number;
}

/** Fills one slice. Each round reads the pool, then draws from it, gives back to it, or recalls into it. */
async function drawOne({ seen, shortage, roundsMax }: OneDraw, ports: SettlePorts): Promise<Drawn> {
  const { wallets } = ports;
  const { budget, poolId, name, take, slice } = shortage;
  const ends = { poolId, name, walletId: seen.target.hold.walletId };
  const need = take - slice.left;
  const room = roomOf(seen, shortage);
  if (room !== undefined && need > room) {
    return { refusal: shareRefusalOf(seen, shortage), writeUnits: 0 };
  }
  let drawn = await wallets.findDrawn(poolId);
  let writeUnits = 0;
  for (let round = 0; round < roundsMax; round += 1) {
    const available = budget.amount - drawn;
    // A request above the limit always needs more than is available: what its wallet has is drawn already.
    if (available >= (need > 0n ? need : 0n)) {
      const amount = drawSize({ available, need, hold: take, room });
      const draw = { ...ends, amount, seenIn: slice.drawnIn, limit: budget.amount };
      const move = await retry(() => wallets.draw(draw), MOVE_RETRY, ports);
      writeUnits += move.writeUnits;
      if (move.kind === 'moved') {
        await markDrawn(seen.target, { budget, drawn: drawn + amount }, ports);
      }
      if (move.kind !== 'pool-refused') return { refusal: undefined, writeUnits };
    } else if (need < 0n && available < 0n) {
      // The limit was lowered: what the wallet has beyond this request goes back before it may spend the rest.
      const amount = need > available ? -need : -available;
      const recall = { ...ends, amount, seenOut: slice.recalledOut };
      const move = await retry(() => wallets.recall(recall), MOVE_RETRY, ports);
      return { refusal: undefined, writeUnits: writeUnits + move.writeUnits };
    } else {
      const missing = need > 0n ? need - available : -available;
      const recalled = await recallIdle({ target: seen.target, shortage, missing }, ports);
      writeUnits += recalled.writeUnits;
      if (!recalled.mayHaveMoved) {
        return { refusal: refusalOf(seen, shortage, { drawn, ...recalled }), writeUnits };
      }
    }
    drawn = await wallets.findDrawn(poolId);
  }
  const others = { drawn, reserved: 0n, hasSeenAll: false };
  return { refusal: refusalOf(seen, shortage, others), writeUnits };
}

/** Marks the levels of a budget that draws have reached. What others drew since the look shows at the next draw. */
const markDrawn = async (
  target: HoldTarget,
  { budget, drawn }: { readonly budget: Limit; readonly drawn: bigint },
  { alerts }: SettlePorts,
): Promise<void> => {
  const { endsAtMs } = windowAt(budget.window, target.hold.reservedAtMs);
  const state = { limit: budget, used: drawn, reserved: 0n, resetsAtMs: endsAtMs };
  await alerts?.reached(watchedOf(target), [state]);
};

/**
 * The amount that a payer's share lets it draw; undefined: any. A slice with what it holds never exceeds the share,
 * because only draws make it grow.
 */
function roomOf(
  { target, wallet }: SeenWallet,
  { budget, name, slice }: Shortage,
): bigint | undefined {
  const share = shareOf(budget, target.leastShare);
  return share && share - heldIn(wallet, name) - slice.left;
}

/** A refusal by the payer's share: as if others had used all but the share. */
function shareRefusalOf({ target, wallet }: SeenWallet, { budget, name }: Shortage): BudgetRefusal {
  const share = shareOf(budget, target.leastShare) ?? budget.amount;
  const reserved = heldIn(wallet, name);
  const state = {
    limit: budget,
    used: budget.amount - share + reserved,
    reserved,
    resetsAtMs: windowAt(budget.window, target.hold.reservedAtMs).endsAtMs,
  };
  return { state, ownLeft: 0n, hasSeenAll: true };
}

function refusalOf(
  { target, wallet }: SeenWallet,
  { budget, name, slice }: Shortage,
  others: Pick<Recalled, 'reserved' | 'hasSeenAll'> & { readonly drawn: bigint },
): BudgetRefusal {
  const state = {
    limit: budget,
    used: others.drawn - slice.left,
    reserved: others.reserved + heldIn(wallet, name),
    resetsAtMs: windowAt(budget.window, target.hold.reservedAtMs).endsAtMs,
  };
  const ownLeft = slice.left > 0n ? slice.left : 0n;
  return { state, ownLeft, hasSeenAll: others.hasSeenAll };
}
