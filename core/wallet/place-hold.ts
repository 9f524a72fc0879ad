/**
 * Writes the hold of a request, in one wallet or in two, until the outcome is known.
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: a hold in the key's wallet has the attempt and the amounts of the payer's hold, and is kept only beside
 * it.
 */
import { GatewayError } from '../base/errors.ts';
import { isTransient, type RetryPolicy, retry } from '../base/retry.ts';
import { type Amounts, amountOf, type Hold } from './hold.ts';
import type { WriteOutcome } from './ports.ts';
import type { HoldTarget, ReservePlan, SeenWallet } from './reserve-plan.ts';
import { rowOf, type SettlePorts, settleAtRow } from './settle.ts';
import { slicesToReserve } from './slices.ts';
import { countersToReserve, type OpenHold, withStale } from './wallet.ts';

const PLACE_RETRY: RetryPolicy = { triesMax: 3, firstWaitMs: 25, waitMaxMs: 100 };

/** The outcome of placing a hold: held, refused by the wallet that was seen so, or not known because of an error. */
export type Placement = PlacementEffects &
  (
    | (SeenWallet & { readonly kind: 'held'; readonly hold: OpenHold })
    | (SeenWallet & { readonly kind: 'refused' })
    | { readonly kind: 'failed'; readonly error: unknown }
  );

interface PlacementEffects {
  /** The last attempt number in use, this placement's included. */
  readonly attempts: number;
  readonly writeUnits: number;
  /** True when a hold of which the caller knows nothing may be in a wallet, or still arrive there. */
  readonly mayStand: boolean;
}

/** The amounts to hold, and the attempts before. */
export interface NewHold {
  readonly amounts: Amounts;
  /** The last attempt number in use. Each try to write takes a new one, so that late duplicates can be recognised. */
  readonly attempts: number;
}

/** Holds in the payer's wallet, then in the key's. If the key's refuses, the payer's hold is given back. */
export async function placeHold(
  { payer, key }: ReservePlan,
  ask: NewHold,
  ports: SettlePorts,
): Promise<Placement> {
  const paid = await placeIn(payer, ask, ports);
  if (paid.kind !== 'held') return paid;
  const hold = withStale(paid.hold, paid.wallet);
  if (key === undefined) return { ...paid, hold };
  const { amounts, attempt } = paid.hold;
  const rated = await placeIn(key, { amounts, attempts: paid.attempts, attempt }, ports);
  const effects = {
    attempts: paid.attempts,
    writeUnits: paid.writeUnits + rated.writeUnits,
    mayStand: paid.mayStand || rated.mayStand,
  };
  switch (rated.kind) {
    case 'held':
      return {
        ...paid,
        ...effects,
        hold: { ...hold, inKeyWallet: withStale(rated.hold, rated.wallet) },
      };
    case 'failed':
      return { ...rated, ...effects, mayStand: true };
    case 'refused':
      return releaseRefused(paid.hold, { ...rated, ...effects }, ports);
  }
}

/** Gives back what the payer's wallet holds, because the key's wallet refused. */
async function releaseRefused(
  hold: Hold,
  refused: Extract<Placement, { kind: 'refused' }>,
  ports: SettlePorts,
): Promise<Placement> {
  try {
    return { ...refused, writeUnits: refused.writeUnits + (await release(hold, ports)) };
  } catch (error) {
    return { ...refused, kind: 'failed', error, mayStand: true };
  }
}

/**
 * Holds in one wallet. A condition that fails on the request's own hold is success: an earlier try was written and its
 * answer lost, and the hold is that try's, with its amounts.
 * @param ask.attempt the attempt to write, in the key's wallet: an own hold of another attempt is one that was given up
 */
async function placeIn(
  target: HoldTarget,
  ask: NewHold & { readonly attempt?: number },
  ports: SettlePorts,
): Promise<Placement> {
  let { attempts } = ask;
  let writeUnits = 0;
  let mayStand = false;
  const placeOnce = async (): Promise<PlacedIn> => {
    if (ask.attempt === undefined) attempts += 1;
    const hold: Hold = { ...target.hold, attempt: ask.attempt ?? attempts, amounts: ask.amounts };
    const { written, wallet, writeUnits: units } = await writeHold(target, hold, ports);
    writeUnits += units;
    if (written) return { kind: 'held', target, hold, wallet };
    const own = wallet?.holds.get(hold.requestId);
    if (own === undefined) return { kind: 'refused', target, wallet };
    if (ask.attempt === undefined || own.attempt === ask.attempt) {
      return { kind: 'held', target, hold: own, wallet };
    }
    writeUnits += await release(own, ports);
    throw new GatewayError('service_unavailable', { detail: GIVEN_UP, transient: true });
  };
  const place = (): Promise<PlacedIn> =>
    placeOnce().catch((error) => {
      mayStand ||= isTransient(error);
      throw error;
    });
  try {
    return { ...(await retry(place, PLACE_RETRY, ports)), attempts, writeUnits, mayStand };
  } catch (error) {
    return { kind: 'failed', error, attempts, writeUnits, mayStand };
  }
}

type PlacedIn =
  | (SeenWallet & { readonly kind: 'held'; readonly hold: Hold })
  | (SeenWallet & { readonly kind: 'refused' });

const GIVEN_UP = 'the wallet of the key holds an attempt that was given up';

/**
 * One try. An amount above its limit is not sent: a condition cannot refuse it while the counter does not exist. Nor is
 * a request of a person who is blocked: it would be judged by the record that stands, and no clause looks at the block.
 */
async function writeHold(
  { limits, budgets, inFlightMax, token, person, spills, listing }: HoldTarget,
  hold: Hold,
  { wallets }: SettlePorts,
): Promise<WriteOutcome> {
  const isOver = [...limits, ...budgets].some(
    ({ unit, amount }) => amountOf(unit, hold.amounts) > amount,
  );
  if (isOver || person?.isBlocked) {
    return { written: false, wallet: await wallets.find(hold.walletId), writeUnits: 0 };
  }
  return await wallets.reserve({
    hold,
    counters: countersToReserve(hold, limits),
    slices: slicesToReserve(hold, budgets),
    inFlightMax,
    ...token,
    ...listing,
    ...(person && { seenRev: person.rev }),
    ...(spills === undefined ? {} : { seenSpills: spills }),
  });
}

/**
 * Gives back a hold for which nothing was done. No row is written: the request goes on under another attempt.
 * @returns the write units it took
 */
const release = (hold: Hold, ports: SettlePorts): Promise<number> =>
  retry(() => settleAtRow(hold, rowOf(hold, 'released'), ports), PLACE_RETRY, ports);
