/**
 * Reserve: takes what a request may cost out of its payer's wallet before the provider is called, or refuses it.
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: every try to write has an attempt number of its own, and all of them one `reservedAtMs`, so that a try
 * that arrives late finds the usage row of its request, which names the attempt it served.
 */
import { GatewayError, toGatewayError } from './errors.ts';
import type { Grant } from './grant.ts';
import type { Amounts, AppliedLimit, Hold, LimitState } from './hold.ts';
import type { RequestId } from './ids.ts';
import { DAY_MS } from './limits.ts';
import { asNanoUsd, type NanoUsd } from './money.ts';
import { countersOf, limitsOf, walletIdOf } from './payer.ts';
import type { Wallet } from './ports.ts';
import { toRefusalError } from './refusal.ts';
import { closeExpiredHolds, jittered, rowOf, type SettlePorts, settleAtRow } from './settle.ts';
import {
  amountOf,
  countersToReserve,
  decideRefusal,
  fitsIn,
  limitStatesOf,
  type OpenHold,
  staleOf,
  withoutHolds,
} from './wallet.ts';

/** Requests of one payer at once. A wallet item with so many holds is some 12 kB. */
export const IN_FLIGHT_MAX = 128;

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

/** What is left under the tightest limit of each unit; absent: no limit of that unit applies. */
export interface Left {
  readonly usd?: NanoUsd;
  readonly tokens?: bigint;
}

export interface ReserveOutcome {
  readonly hold: OpenHold;
  /** The state of the limits after this hold. */
  readonly limits: readonly LimitState[];
  readonly writeUnits: number;
}

const ATTEMPTS_MAX = 3;
const LOWERED_MAX = 2;
const CLOSED_MAX = 8;
const FIRST_WAIT_MS = 25;

/** What one call of `reserve` works out once and keeps track of. */
interface Reserving {
  readonly ask: ReserveAsk;
  readonly ports: SettlePorts;
  readonly limits: readonly AppliedLimit[];
  /** All but the attempt and the amounts. */
  readonly hold: Omit<Hold, 'attempt' | 'amounts'>;
  readonly inFlightMax: number;
  attempt: number;
  /** A try whose outcome is not known: it may stand, or still arrive. */
  isUncertain: boolean;
  writeUnits: number;
}

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
    if (state.isUncertain) await disown(state);
    throw toGatewayError(error);
  }
}

function startReserving(ask: ReserveAsk, ports: SettlePorts): Reserving {
  const { grant, requestId, leaseEndsAtMs, inFlightMax = IN_FLIGHT_MAX } = ask;
  const limits = limitsOf(grant);
  const hold = {
    walletId: walletIdOf(grant),
    requestId,
    reservedAtMs: ports.clock.nowMs(),
    leaseEndsAtMs,
    counted: countersOf(grant, limits),
    ...(grant.token === undefined ? {} : { tokenId: grant.token.id }),
  };
  const progress = { attempt: 0, isUncertain: false, writeUnits: 0 };
  return { ask, ports, limits, hold, inFlightMax, ...progress };
}

/** Tries; then once more without what expired holds kept; then with less, twice at most. */
async function takeRoom(state: Reserving): Promise<ReserveOutcome> {
  const { ask, ports } = state;
  let amounts = ask.amounts;
  let hasClosed = false;
  for (let lowered = 0; ; ) {
    const tried = await tryToHold(state, amounts);
    if (tried.hold !== undefined) return toOutcome(state, tried.hold, tried.wallet);
    if (!hasClosed && tried.wallet !== undefined) {
      hasClosed = true;
      const closings = await closeExpiredHolds(tried.wallet, CLOSED_MAX, ports);
      if (closings.length > 0) continue;
    }
    const smaller = affordable(state, tried.wallet, amounts);
    if (smaller === undefined || lowered === LOWERED_MAX)
      throw refusalOf(state, tried.wallet, amounts);
    amounts = smaller;
    lowered += 1;
  }
}

interface Tried {
  readonly hold?: Hold;
  readonly wallet: Wallet | undefined;
}

/**
 * One hold, tried until the answer is known. That the condition fails on the request's own hold is success: an earlier
 * try was written and its answer lost, and the hold is that try's, with its amounts.
 */
async function tryToHold(state: Reserving, amounts: Amounts): Promise<Tried> {
  const { clock, random } = state.ports;
  for (let tries = 1; ; tries += 1) {
    try {
      const { written, wallet, hold } = await tryOnce(state, amounts);
      if (written) return { hold, wallet };
      const own = wallet?.holds.get(hold.requestId);
      return own === undefined ? { wallet } : { hold: own, wallet };
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
  amounts: Amounts,
): Promise<{ written: boolean; wallet: Wallet | undefined; hold: Hold }> {
  const { ask, ports, limits, inFlightMax } = state;
  state.attempt += 1;
  const hold: Hold = { ...state.hold, attempt: state.attempt, amounts };
  // An amount above its limit never fits, and a condition could not say so of a counter that is not there yet.
  if (limits.some(({ unit, amount }) => amountOf(unit, amounts) > amount)) {
    return { written: false, wallet: await ports.wallets.find(hold.walletId), hold };
  }
  const { token, maxTokenLifetimeSeconds } = ask.grant;
  const outcome = await ports.wallets.reserve({
    hold,
    counters: countersToReserve(hold, limits),
    inFlightMax,
    ...(token === undefined
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

/** Twice the longest life of a token from now, on a whole day: by then whoever shares its counters has expired. */
export const keepTokenUntilMs = (nowMs: number, maxTokenLifetimeSeconds: number): number =>
  Math.ceil((nowMs + 2_000 * maxTokenLifetimeSeconds) / DAY_MS) * DAY_MS;

function toOutcome(state: Reserving, hold: Hold, wallet: Wallet | undefined): ReserveOutcome {
  const stale = wallet && staleOf(wallet, hold.reservedAtMs, hold.tokenId);
  return {
    hold: stale === undefined ? hold : { ...hold, stale },
    limits: statesOf(state, wallet),
    writeUnits: state.writeUnits,
  };
}

const statesOf = (state: Reserving, wallet: Wallet | undefined): readonly LimitState[] =>
  limitStatesOf(wallet, state.limits, {
    tokenId: state.hold.tokenId,
    atMs: state.hold.reservedAtMs,
  });

const decide = (state: Reserving, wallet: Wallet | undefined, amounts: Amounts) =>
  decideRefusal(wallet, statesOf(state, wallet), amounts, {
    inFlightMax: state.inFlightMax,
    tokenId: state.hold.tokenId,
    issuedAtMs: state.ask.grant.token?.issuedAtMs,
  });

/** Smaller amounts that fit into the wallet as it was seen, when it is only usd or tokens that are short. */
function affordable(
  state: Reserving,
  wallet: Wallet | undefined,
  amounts: Amounts,
): Amounts | undefined {
  const refusal = decide(state, wallet, amounts);
  if (refusal?.cause !== 'limit' || refusal.state.limit.unit === 'requests') return undefined;
  return affordableIn(statesOf(state, wallet), state.ask);
}

function affordableIn(states: readonly LimitState[], { afford }: ReserveAsk): Amounts | undefined {
  const usd = leftOf(states, 'usd');
  const tokens = leftOf(states, 'tokens');
  const smaller = afford?.({
    ...(usd === undefined ? {} : { usd: asNanoUsd(usd) }),
    ...(tokens === undefined ? {} : { tokens }),
  });
  const fits = smaller !== undefined && states.every((each) => fitsIn(each, smaller));
  return fits ? smaller : undefined;
}

/** Zero when the limit is passed already. */
function leftOf(states: readonly LimitState[], unit: 'usd' | 'tokens'): bigint | undefined {
  const lefts = states
    .filter(({ limit }) => limit.unit === unit)
    .map(({ limit, used }) => (used > limit.amount ? 0n : limit.amount - used));
  return lefts.length === 0
    ? undefined
    : lefts.reduce((least, left) => (left < least ? left : least));
}

function refusalOf(state: Reserving, wallet: Wallet | undefined, amounts: Amounts): GatewayError {
  const refusal = decide(state, wallet, amounts);
  if (refusal === undefined) {
    const detail = 'a wallet refused a reserve that it has room for';
    return new GatewayError('service_unavailable', { detail });
  }
  // Money that others hold may come back; money that is spent does not.
  const money = statesOf(state, wallet).filter(({ limit }) => limit.unit === 'usd');
  const settled = money.map(withoutHolds);
  const fitsLater =
    settled.every((each) => fitsIn(each, amounts)) ||
    affordableIn(settled, state.ask) !== undefined;
  return toRefusalError(refusal, {
    fitsLater,
    nowMs: state.hold.reservedAtMs,
    fraction: state.ports.random.fraction(),
    inFlightMax: state.inFlightMax,
    per: payerKind(state.ask.grant),
  });
}

const payerKind = ({ identity, token }: Grant): 'user' | 'token' | 'key' =>
  identity !== undefined ? 'user' : token !== undefined ? 'token' : 'key';

/**
 * Gives up a request that was refused while a try of it may stand or still arrive: a row at zero comes first, so that
 * whatever hold turns up is closed at nothing, and one that is there already is given back now rather than at its lease.
 */
async function disown(state: Reserving): Promise<void> {
  const { wallets, usage } = state.ports;
  const { hold, ask, attempt } = state;
  try {
    const row = rowOf({ ...hold, attempt, amounts: ask.amounts }, 'released');
    const { row: stored } = await usage.put(row);
    const own = (await wallets.find(hold.walletId))?.holds.get(hold.requestId);
    if (own !== undefined) await settleAtRow(own, stored, state.ports);
  } catch {
    // The table is out of reach: if a hold stands, its lease ends and the sweep closes it at the whole amount.
  }
}
