/**
 * Supply: brings money of the whole key into a wallet whose slices are too small for a request.
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: nothing is taken that is in flight elsewhere, and a budget refuses only when neither its pool nor the
 * wallets that were looked at have what the request lacks.
 */

import { windowAt } from '../base/limits.ts';
import { type Amounts, amountOf } from './hold.ts';
import type { Move, Wallet } from './ports.ts';
import { type Idle, insist, recallIdle } from './recall.ts';
import type { Place, Reserving, Tried } from './reservation.ts';
import {
  allows,
  drawSize,
  heldIn,
  poolIdOf,
  type Shortage,
  sliceName,
  sliceOf,
  type Verdict,
} from './slices.ts';

/**
 * Requests of one payer that start together all find the slice too small. Spread over this long, the first one's draw
 * serves the others, which would else each write a transaction that fails.
 */
const DRAW_SPREAD_MS = 30;

/** Draws and recalls of one request for one budget. */
const ROUNDS_MAX = 6;

/** The slices of a wallet that are too small, the one first whose budget resets last. */

export function shortagesOf(
  { hold, budgets }: Place,
  wallet: Wallet | undefined,
  amounts: Amounts,
): readonly Shortage[] {
  return budgets.flatMap((budget) => {
    const take = amountOf(budget.unit, amounts);
    const name = sliceName(budget, hold.reservedAtMs);
    const slice = sliceOf(wallet, name);
    if (take === 0n || allows(slice, { take, limit: budget.amount })) return [];
    return [{ budget, name, poolId: poolIdOf(hold.keyId, name), take, slice }];
  });
}

/**
 * Draws what is missing, recalling what lies idle in other wallets when the pool has not enough.
 * @returns undefined: the wallet is worth another try; else the budget that refuses
 * @throws service_unavailable when the table cannot be reached, or others are in the way for too long
 */
export async function supply(
  state: Reserving,
  { place, wallet }: Tried,
  amounts: Amounts,
): Promise<Verdict | undefined> {
  const now = state.isSpread ? wallet : await lookAgain(state, place);
  for (const shortage of shortagesOf(place, now, amounts)) {
    const verdict = await supplyOne(state, place, shortage, now);
    if (verdict !== undefined) return verdict;
  }
  return undefined;
}

/** Once a request: whoever comes a second time was late already. */
async function lookAgain(state: Reserving, { hold }: Place): Promise<Wallet | undefined> {
  const { clock, random, wallets } = state.ports;
  state.isSpread = true;
  await clock.sleep(Math.floor(random.fraction() * DRAW_SPREAD_MS));
  return wallets.find(hold.walletId);
}

async function supplyOne(
  state: Reserving,
  place: Place,
  shortage: Shortage,
  wallet: Wallet | undefined,
): Promise<Verdict | undefined> {
  const { budget, poolId, take, slice } = shortage;
  const need = take - slice.left;
  let others: Idle | undefined;
  for (let round = 1; ; round += 1) {
    const drawn = await state.ports.wallets.findDrawn(poolId);
    const available = budget.amount - drawn;
    // Of a request above the limit the need is always more: what the wallet has is drawn already.
    if (available >= (need > 0n ? need : 0n)) {
      const kind = await drawInto(state, place, shortage, { available, need });
      if (kind !== 'pool-refused') return undefined;
    } else if (need < 0n && available < 0n) {
      // The limit was lowered: what the wallet has beyond this request goes back before it may spend of the rest.
      await giveBack(state, place, shortage, need > available ? -need : -available);
      return undefined;
    } else {
      const missing = need > 0n ? need - available : -available;
      others = await recallIdle(state, place.hold, shortage, missing);
      if (!others.isMoving) return verdictOf(place, shortage, wallet, drawn, others);
    }
    if (round === ROUNDS_MAX) {
      return verdictOf(place, shortage, wallet, drawn, { reserved: 0n, isWhole: false });
    }
  }
}

const drawInto = (
  state: Reserving,
  { hold: { walletId } }: Place,
  { budget, poolId, name, take, slice }: Shortage,
  { available, need }: { readonly available: bigint; readonly need: bigint },
): Promise<Move['kind']> =>
  insist(state, () =>
    state.ports.wallets.draw({
      poolId,
      walletId,
      name,
      amount: drawSize({ available, need, hold: take }),
      seenIn: slice.drawnIn,
      limit: budget.amount,
    }),
  );

const giveBack = (
  state: Reserving,
  { hold: { walletId } }: Place,
  { poolId, name, slice }: Shortage,
  amount: bigint,
): Promise<Move['kind']> =>
  insist(state, () =>
    state.ports.wallets.recall({ poolId, walletId, name, amount, seenOut: slice.recalledOut }),
  );

/** The verdict of the first budget that is short, without a look at what others have. */
export async function crowded(
  { ports }: Reserving,
  { place, wallet }: Tried,
  amounts: Amounts,
): Promise<Verdict | undefined> {
  const [shortage] = shortagesOf(place, wallet, amounts);
  if (shortage === undefined) return undefined;
  const drawn = await ports.wallets.findDrawn(shortage.poolId);
  return verdictOf(place, shortage, wallet, drawn, { reserved: 0n, isWhole: false });
}

function verdictOf(
  { hold }: Place,
  { budget, name, slice }: Shortage,
  wallet: Wallet | undefined,
  drawn: bigint,
  { reserved, isWhole }: Pick<Idle, 'reserved' | 'isWhole'>,
): Verdict {
  const state = {
    limit: budget,
    used: drawn - slice.left,
    reserved: reserved + heldIn(wallet, name),
    resetsAtMs: windowAt(budget.window, hold.reservedAtMs).endsAtMs,
  };
  return { state, ownLeft: slice.left > 0n ? slice.left : 0n, isWhole };
}
