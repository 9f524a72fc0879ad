/**
 * Reserve: takes what a request may cost out of its payer's wallet before the provider is called, or refuses it.
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: every try to write has an attempt number of its own, and all of them one `reservedAtMs`, so that a try
 * that arrives late finds the usage row of its request, which names the attempt it served.
 */

import type { Grant } from '../access/grant.ts';
import { toGatewayError } from '../base/errors.ts';
import type { RequestId } from '../base/ids.ts';
import { asNanoUsd } from '../base/money.ts';
import { crowded, shortagesOf, supply } from './draw.ts';
import type { Amounts, LimitState } from './hold.ts';
import { tryWallets } from './place-hold.ts';
import { affordable, leftOf, refusalOf } from './refusal.ts';
import {
  decide,
  type Left,
  type Place,
  type ReserveOutcome,
  type Reserving,
  startReserving,
  statesOf,
  type Tried,
  withStale,
} from './reservation.ts';
import { closeExpiredHolds, rowOf, type SettlePorts, settleAtRow } from './settle.ts';
import type { Verdict } from './slices.ts';
import { fitsIn, type OpenHold } from './wallet.ts';

export interface ReserveAsk {
  readonly grant: Grant;
  readonly requestId: RequestId;
  /** The most the request can take. */
  readonly amounts: Amounts;
  readonly leaseEndsAtMs: number;
  /** @default 128 */
  readonly inFlightMax?: number;
  /**
   * Asked when the amounts do not fit in what is left of the tightest usd or tokens limit: answers smaller ones that
   * do, to which the caller then lowers the request, or undefined when nothing of use is affordable.
   */
  readonly afford?: (left: Left) => Amounts | undefined;
}

const LOWERED_MAX = 2;
const CLOSED_MAX = 8;

/** Supplies of one request: between a supply and the next try others may recall what it brought. */
const SUPPLIES_MAX = 8;

/**
 * Holds the amounts, or smaller ones that `afford` answers.
 * @throws token_revoked, rate_limit_exceeded, insufficient_quota or budget_in_use with the limit that refused;
 *   service_unavailable when the table cannot be reached
 */

export async function reserve(ask: ReserveAsk, ports: SettlePorts): Promise<ReserveOutcome> {
  const state = startReserving(ask, ports);
  try {
    return await takeRoom(state);
  } catch (error) {
    if (state.isUncertain || state.standing !== undefined) await disown(state);
    throw toGatewayError(error);
  }
}

/**
 * Tries; then once more without what expired holds kept; then with slices that were too small supplied; then with less,
 * twice at most.
 */
async function takeRoom(state: Reserving): Promise<ReserveOutcome> {
  const { ask, ports } = state;
  let amounts = ask.amounts;
  const looked = new Set<Place>();
  let supplies = 0;
  for (let lowered = 0; ; ) {
    const tried = await tryWallets(state, amounts);
    if (tried.hold !== undefined) return toOutcome(tried.hold, tried, state.writeUnits);
    const { place, wallet } = tried;
    if (!looked.has(place) && wallet !== undefined) {
      looked.add(place);
      const closings = await closeExpiredHolds(wallet, CLOSED_MAX, ports);
      if (closings.length > 0) continue;
    }
    let verdict: Verdict | undefined;
    if (isShort(state, tried, amounts)) {
      supplies += 1;
      const bring = supplies > SUPPLIES_MAX ? crowded : supply;
      verdict = await bring(state, tried, amounts);
      if (verdict === undefined) continue;
    }
    const refused = { ...tried, verdict };
    const smaller = affordable(state, refused, amounts);
    if (smaller === undefined || lowered === LOWERED_MAX) throw refusalOf(state, refused, amounts);
    amounts = smaller;
    lowered += 1;
  }
}

/** Whether it is slices that are too small: limits of token and user are named before, rates of the key after. */
function isShort(state: Reserving, tried: Tried, amounts: Amounts): boolean {
  const refusal = decide(state, tried, amounts);
  const isNamedBefore =
    refusal !== undefined && !(refusal.cause === 'limit' && refusal.state.limit.per === 'key');
  return !isNamedBefore && shortagesOf(tried.place, tried.wallet, amounts).length > 0;
}

const toOutcome = (hold: OpenHold, tried: Tried, writeUnits: number): ReserveOutcome => ({
  hold: withStale(hold, tried.wallet),
  limits: statesOf(tried),
  writeUnits,
});

export function affordableIn(
  states: readonly LimitState[],
  { afford }: ReserveAsk,
): Amounts | undefined {
  const usd = leftOf(states, 'usd');
  const tokens = leftOf(states, 'tokens');
  const smaller = afford?.({
    ...(usd === undefined ? {} : { usd: asNanoUsd(usd) }),
    ...(tokens === undefined ? {} : { tokens }),
  });
  const fits = smaller !== undefined && states.every((each) => fitsIn(each, smaller));
  return fits ? smaller : undefined;
}

/**
 * Gives up a request that was refused while a try of it may stand or still arrive: a row at zero comes first, so that
 * whatever hold turns up is closed at nothing, and one that is there already is given back now rather than at its lease.
 */
async function disown({ ports, ask, attempt, payer, key }: Reserving): Promise<void> {
  try {
    const row = rowOf({ ...payer.hold, attempt, amounts: ask.amounts }, 'released');
    const { row: stored } = await ports.usage.put(row);
    for (const { hold } of key === undefined ? [payer] : [payer, key]) {
      const own = (await ports.wallets.find(hold.walletId))?.holds.get(hold.requestId);
      if (own !== undefined) await settleAtRow(own, stored, ports);
    }
  } catch {
    // The table is out of reach: if a hold stands, its lease ends and the sweep closes it at the whole amount.
  }
}
