/**
 * Reserve: holds what a request may cost in the payer's wallet before the provider is called.
 * Flow: policy > **reserve** > forward > meter > settle.
 *
 * Tries, in order:
 * 1. place the hold;
 * 2. judge by the person's record that stands, and move the token back that left the wallet, then again (`LOOKS_MAX`
 *    times at most);
 * 3. close holds whose lease ended, then again (once a wallet);
 * 4. if something else is in flight, take the amounts with which the request need not be alone, then again (once);
 * 5. draw more of the key's budgets, then again (`DRAWS_MAX` times at most);
 * 6. let the caller count its input, then again (once);
 * 7. ask the caller for smaller amounts, then again (`LOWERINGS_MAX` times at most);
 * 8. refuse, naming the limit that is short.
 * Each "again" has its bound, so the loop ends.
 *
 * Guarantees: no limit is ever exceeded, in whatever order writes arrive. A lost answer leaves at most one hold, which
 * is given back here or closed by the sweep. See docs/decisions/0003 and 0007.
 */

import { GatewayError, toGatewayError } from '../base/errors.ts';
import type { WalletId } from '../base/ids.ts';
import { drawMissing, shortagesOf } from './draw.ts';
import type { Amounts, Hold, LimitState } from './hold.ts';
import { moveFormer } from './move-wallet.ts';
import { isCapped, limitsOf, walletIdOf, withPerson } from './payer.ts';
import type { Person } from './person.ts';
import { placeHold } from './place-hold.ts';
import type { Wallet } from './ports.ts';
import {
  type RefusedReserve,
  recountOf,
  refusedStateOf,
  smallerAmounts,
  toReserveError,
} from './refusal.ts';
import {
  planReserve,
  type ReservePlan,
  type ReserveRequest,
  refusalIn,
  type SeenWallet,
  statesOf,
  watchedOf,
} from './reserve-plan.ts';
import { closeExpiredHolds, rowOf, type SettlePorts, settleAtRow } from './settle.ts';
import type { BudgetRefusal } from './slices.ts';
import { mayBeSpilled, returnToken } from './spills.ts';
import type { OpenHold } from './wallet.ts';

export interface ReserveOutcome {
  readonly hold: OpenHold;
  /** The payer's wallet after the hold, as far as it is known. */
  readonly wallet: Wallet | undefined;
  /** The state of the limits that are counted in the payer's wallet, after this hold. */
  readonly limits: readonly LimitState[];
  readonly writeUnits: number;
}

const LOWERINGS_MAX = 2;

/**
 * Times that one request looks at the wallet anew, because the record of its person changed or tokens left the wallet.
 * Each such change by others may cost one.
 */
const LOOKS_MAX = 4;
const KEEPS_CHANGING = { detail: 'a wallet keeps changing', transient: true };

/** Expired holds closed in one wallet. */
const CLOSINGS_MAX = 8;

/**
 * Holds the amounts of a request, or smaller ones that its `afford` answers.
 * @throws token_revoked, user_blocked, rate_limit_exceeded, insufficient_quota or budget_in_use with the limit that refused;
 *   service_unavailable when the table cannot be reached
 */
export async function reserve(asked: ReserveRequest, ports: SettlePorts): Promise<ReserveOutcome> {
  let request = asked;
  await joinFormer(request, ports);
  const nowMs = ports.clock.nowMs();
  const lastSeen = ports.wallets.lastSeen(walletIdOf(request.grant));
  let plan = planReserve(request, nowMs, { person: lastSeen?.person });
  const closedIn = new Set<WalletId>();
  let { amounts, recount } = request;
  let [attempts, writeUnits, draws, lowerings, looks] = [0, 0, 0, 0, 0];
  let mayStand = false;
  try {
    for (;;) {
      const placement = await placeHold(plan, { amounts, attempts }, ports);
      attempts = placement.attempts;
      writeUnits += placement.writeUnits;
      mayStand ||= placement.mayStand;
      if (placement.kind === 'failed') throw placement.error;
      if (placement.kind === 'held') {
        const { wallet } = placement;
        return { hold: placement.hold, wallet, limits: statesOf(placement), writeUnits };
      }
      if (isByOldRecord(placement) || isOfLeftToken(placement)) {
        looks += 1;
        if (looks > LOOKS_MAX) throw new GatewayError('service_unavailable', KEEPS_CHANGING);
        writeUnits += await lookForToken(placement, request, ports);
        plan = planReserve(request, nowMs, placement.wallet);
        if (isByOldRecord(placement)) {
          amounts = amountsUnderRecord(request, placement.wallet?.person, nowMs) ?? amounts;
        }
        continue;
      }
      const { walletId } = placement.target.hold;
      const isFirstRefusal = !closedIn.has(walletId);
      closedIn.add(walletId);
      if (isFirstRefusal && (await hasClosedExpired(placement.wallet, ports))) continue;

      const beside = besideOthers(request, placement, amounts);
      if (beside !== undefined) {
        request = beside;
        amounts = beside.amounts;
        plan = planReserve(request, nowMs, placement.wallet);
        continue;
      }
      let budget: BudgetRefusal | undefined;
      if (isBudgetShort(placement, amounts)) {
        const drawn = await drawMissing({ seen: placement, amounts, drawsBefore: draws }, ports);
        draws += 1;
        writeUnits += drawn.writeUnits;
        if (drawn.refusal === undefined) continue;
        budget = drawn.refusal;
      }
      const refused = { ...placement, amounts, budget };
      const counted = recount && (await recountOf(refused, recount));
      recount = undefined;
      if (counted !== undefined) {
        amounts = counted;
        continue;
      }
      const smaller = smallerAmounts(refused, request.afford);
      if (smaller === undefined || lowerings === LOWERINGS_MAX) {
        const error = toReserveError(refused, request, ports.random.fraction());
        await markSpent(error, refused, ports);
        throw error;
      }
      amounts = smaller;
      lowerings += 1;
    }
  } catch (error) {
    if (mayStand) await disown(plan, { attempt: attempts, amounts: request.amounts }, ports);
    throw toGatewayError(error);
  }
}

/** Marks the limit of a refusal as used up, if its money is gone. */
async function markSpent(
  { code }: GatewayError,
  refused: RefusedReserve,
  { alerts }: SettlePorts,
): Promise<void> {
  const state = refusedStateOf(refused);
  if (alerts === undefined || code !== 'insufficient_quota' || state === undefined) return;
  await alerts.spent(watchedOf(refused.target), state);
}

/** The request as it need not be alone, if it is refused because something else is in flight; else undefined. */
function besideOthers(
  { besideOthers: amountsBeside, ...rest }: ReserveRequest,
  seen: SeenWallet,
  amounts: Amounts,
): ReserveRequest | undefined {
  if (amountsBeside === undefined || !seen.target.isAlone) return undefined;
  if (refusalIn(seen, amounts)?.cause !== 'concurrency') return undefined;
  return { ...rest, isAlone: false, amounts: amountsBeside() };
}

/** True if the wallet has another record of its person than the limits are of. */
const isByOldRecord = ({ target, wallet }: SeenWallet): boolean =>
  target.person?.rev !== wallet?.person?.rev;

/** True if the token may be in an item of its own, for which nobody has looked since the last one left. */
const isOfLeftToken = ({ target, wallet }: SeenWallet): boolean =>
  mayBeSpilled(wallet, target.token?.tokenId, target.spills);

const lookForToken = async (
  seen: SeenWallet,
  { formerWalletIds: formerIds = [] }: ReserveRequest,
  { wallets }: SettlePorts,
): Promise<number> => {
  const { hold, token } = seen.target;
  if (token?.tokenId === undefined || !isOfLeftToken(seen)) return 0;
  return returnToken(hold.walletId, { tokenId: token.tokenId, formerIds }, wallets);
};

/**
 * Moves the former wallets of a person into theirs.
 * @throws budget_in_use while something is in flight in a former one
 */
async function joinFormer(
  { grant, formerWalletIds = [] }: ReserveRequest,
  ports: SettlePorts,
): Promise<void> {
  if ((await moveFormer(formerWalletIds, walletIdOf(grant), ports)) === 'done') return;
  throw new GatewayError('budget_in_use', { retryAfterSeconds: 1 });
}

/**
 * The amounts of a request under the record that stands; undefined: as before.
 * @throws service_unavailable if a USD limit binds a request now that was not bounded
 */
function amountsUnderRecord(
  { grant, replan }: ReserveRequest,
  person: Person | undefined,
  nowMs: number,
): Amounts | undefined {
  const current = withPerson(grant, person, nowMs);
  if (replan !== undefined) return replan(current);
  if (!isCapped(limitsOf(grant)) && isCapped(limitsOf(current))) {
    const detail = 'a USD limit of a person binds a request that was not bounded';
    throw new GatewayError('service_unavailable', { detail });
  }
  return undefined;
}

/** Closes the expired holds of a wallet. @returns true if there were any */
const hasClosedExpired = async (wallet: Wallet | undefined, ports: SettlePorts): Promise<boolean> =>
  wallet !== undefined && (await closeExpiredHolds(wallet, CLOSINGS_MAX, ports)).length > 0;

/** True if only a key-wide budget is short. Token and user limits take precedence; rates of the key come after. */
function isBudgetShort(seen: SeenWallet, amounts: Amounts): boolean {
  const refusal = refusalIn(seen, amounts);
  const isByKey = refusal?.cause === 'limit' && refusal.state.limit.per === 'key';
  return (refusal === undefined || isByKey) && shortagesOf(seen, amounts).length > 0;
}

/**
 * Gives up a request of which a hold may be in a wallet or still arrive there. A row at zero comes first, so that any
 * hold that turns up is closed at nothing. A hold that is there already is given back now rather than at its lease.
 */
async function disown(
  { payer, key }: ReservePlan,
  last: Pick<Hold, 'attempt' | 'amounts'>,
  ports: SettlePorts,
): Promise<void> {
  try {
    const row = rowOf({ ...payer.hold, ...last }, 'released');
    const { row: stored } = await ports.usage.put(row);
    for (const { hold } of key === undefined ? [payer] : [payer, key]) {
      const own = (await ports.wallets.find(hold.walletId))?.holds.get(hold.requestId);
      if (own !== undefined) await settleAtRow(own, stored, ports);
    }
  } catch {
    // The table is out of reach. If there is a hold, its lease ends and the sweep closes it at the whole amount.
  }
}
