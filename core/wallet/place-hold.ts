/**
 * The writes of a reserve: a hold in one wallet or in two, tried until the answer is known.
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: a hold in the key's wallet has the attempt of the payer's hold, and stands only beside it.
 */
import { GatewayError } from '../base/errors.ts';
import { type Amounts, amountOf, type Hold } from './hold.ts';
import { keepTokenUntilMs } from './payer.ts';
import type { Wallet } from './ports.ts';
import { type Place, type Reserving, type Tried, withStale } from './reservation.ts';
import { jittered, rowOf, settleAtRow } from './settle.ts';
import { slicesToReserve } from './slices.ts';
import { countersToReserve } from './wallet.ts';

const ATTEMPTS_MAX = 3;
const FIRST_WAIT_MS = 25;

/** The payer's wallet, then the key's; what the payer's gave is given back when the key's refuses. */

export async function tryWallets(state: Reserving, amounts: Amounts): Promise<Tried> {
  const { payer, key } = state;
  const paid = await tryToHold(state, payer, amounts);
  if (paid.hold === undefined || key === undefined) return paid;
  state.standing = paid.hold;
  const rated = await tryToHold(state, key, paid.hold.amounts, paid.hold.attempt);
  if (rated.hold === undefined) await release(state, paid.hold);
  state.standing = undefined;
  if (rated.hold === undefined) return rated;
  return { ...paid, hold: { ...paid.hold, inKeyWallet: withStale(rated.hold, rated.wallet) } };
}

/**
 * One hold, tried until the answer is known. That the condition fails on the request's own hold is success: an earlier
 * try was written and its answer lost, and the hold is that try's, with its amounts.
 * @param attempt of the payer's hold, in the key's wallet: an own hold of another attempt is one that was given up
 */
async function tryToHold(
  state: Reserving,
  place: Place,
  amounts: Amounts,
  attempt?: number,
): Promise<Tried> {
  const { clock, random } = state.ports;
  for (let tries = 1; ; tries += 1) {
    try {
      const { written, wallet, hold } = await tryOnce(state, place, amounts, attempt);
      if (written) return { place, hold, wallet };
      const own = wallet?.holds.get(hold.requestId);
      if (own === undefined) return { place, wallet };
      if (attempt === undefined || own.attempt === attempt) return { place, hold: own, wallet };
      await release(state, own);
      if (tries === ATTEMPTS_MAX) return { place, wallet };
    } catch (error) {
      if (!(error instanceof GatewayError && error.transient)) throw error;
      state.isUncertain = true;
      if (tries === ATTEMPTS_MAX) throw error;
    }
    await clock.sleep(jittered(FIRST_WAIT_MS * 2 ** (tries - 1), random));
  }
}

async function tryOnce(
  state: Reserving,
  place: Place,
  amounts: Amounts,
  attempt: number | undefined,
): Promise<{ written: boolean; wallet: Wallet | undefined; hold: Hold }> {
  const { ask, ports } = state;
  const { limits, budgets, inFlightMax } = place;
  if (attempt === undefined) state.attempt += 1;
  const { keyId: _keyId, ...own } = place.hold;
  const hold: Hold = { ...own, attempt: attempt ?? state.attempt, amounts };
  // An amount above its limit never fits, and a condition could not say so of a counter that is not there yet.
  if ([...limits, ...budgets].some(({ unit, amount }) => amountOf(unit, amounts) > amount)) {
    return { written: false, wallet: await ports.wallets.find(hold.walletId), hold };
  }
  const { token, maxTokenLifetimeSeconds } = ask.grant;
  const outcome = await ports.wallets.reserve({
    hold,
    counters: countersToReserve(hold, limits),
    slices: slicesToReserve(hold, budgets),
    inFlightMax,
    ...(token === undefined || place === state.key
      ? {}
      : {
          tokenId: token.id,
          issuedAtMs: token.issuedAtMs,
          tokenKeepUntilMs: keepTokenUntilMs(hold.reservedAtMs, maxTokenLifetimeSeconds),
        }),
  });
  state.writeUnits += outcome.writeUnits;
  return { written: outcome.written, wallet: outcome.wallet, hold };
}

/** Gives back a hold for which nothing was done. No row is written: the request goes on under another attempt. */
async function release(state: Reserving, hold: Hold): Promise<void> {
  const { clock, random } = state.ports;
  for (let tries = 1; ; tries += 1) {
    try {
      state.writeUnits += await settleAtRow(hold, rowOf(hold, 'released'), state.ports);
      return;
    } catch (error) {
      if (!(error instanceof GatewayError && error.transient) || tries === ATTEMPTS_MAX)
        throw error;
    }
    await clock.sleep(jittered(FIRST_WAIT_MS * 2 ** (tries - 1), random));
  }
}
