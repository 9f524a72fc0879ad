/**
 * Refusals of a wallet as the errors that callers get (docs/errors.md).
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: spent money, and a request that costs more than is left, are 402, which no SDK retries. Money held by
 * others, rates and concurrency are 429.
 */
import { isBareServerKey } from '../access/grant.ts';
import { GatewayError, type LimitFacts, type LimitFigures } from '../base/errors.ts';
import { asNanoUsd, type NanoUsd, toUsdText, usdFromNano } from '../base/money.ts';
import type { Amounts, LimitState } from './hold.ts';
import {
  type Afford,
  type AmountsLeft,
  type NeededAmounts,
  type ReserveRequest,
  refusalIn,
  type SeenWallet,
  statesOf,
} from './reserve-plan.ts';
import type { BudgetRefusal } from './slices.ts';
import { fitsIn, type Refusal, withoutHolds } from './wallet.ts';

export interface RefusalContext {
  /** True if the request, or a smaller useful one, would fit if nothing were in flight. */
  readonly fitsLater: boolean;
  /** Set if it would not, but a smaller request to the same model would. */
  readonly tooExpensive?: TooExpensive | undefined;
  readonly nowMs: number;
  /** In [0, 1), random: spreads the retries of those who wait for money that others hold. */
  readonly fraction: number;
  readonly inFlightMax: number;
  /** True if the request waits until nothing else of its payer is in flight. @default false */
  readonly isAlone?: boolean;
  /** The kind of payer that the wallet belongs to. */
  readonly per: LimitFacts['per'];
  /** True if the caller may see the figures of key-wide limits. */
  readonly seesKeyFigures: boolean;
}

/** The least that a request needs, and the amount left. */
export interface TooExpensive {
  readonly neededNanoUsd: NanoUsd;
  /** Undefined: the figures of the limit are hidden from the caller. */
  readonly availableNanoUsd: NanoUsd | undefined;
  readonly resetsAtMs: number | null;
}

/** The longest `Retry-After`: official SDKs sleep for as long as it says. */
const RETRY_AFTER_MAX_SECONDS = 60;
const CONCURRENCY_RETRY_SECONDS = 1;
const BUDGET_RETRY_MAX_SECONDS = 5;

/** token_revoked, user_blocked, rate_limit_exceeded, insufficient_quota, request_too_expensive or budget_in_use. */
export function toRefusalError(refusal: Refusal, context: RefusalContext): GatewayError {
  switch (refusal.cause) {
    case 'revoked':
      return new GatewayError('token_revoked');
    case 'blocked':
      return new GatewayError('user_blocked');
    case 'concurrency':
      if (context.isAlone) {
        return new GatewayError('budget_in_use', { retryAfterSeconds: budgetRetry(context) });
      }
      return new GatewayError('rate_limit_exceeded', {
        retryAfterSeconds: CONCURRENCY_RETRY_SECONDS,
        limit: toVisibleFacts(
          {
            per: context.per,
            unit: 'concurrency',
            window: 'now',
            limitValue: context.inFlightMax,
            used: refusal.inFlight,
            reserved: refusal.inFlight,
            resetsAtMs: null,
          },
          context,
        ),
      });
    case 'limit':
      return toLimitError(refusal.state, context);
  }
}

/** Hides the figures of a key-wide limit from callers who only share the key. */
function toVisibleFacts(facts: LimitFigures, { seesKeyFigures }: RefusalContext): LimitFacts {
  if (facts.per !== 'key' || seesKeyFigures) return facts;
  const { per, unit, window, resetsAtMs } = facts;
  return { per, unit, window, resetsAtMs };
}

function toLimitError(state: LimitState, context: RefusalContext): GatewayError {
  const { fitsLater, nowMs } = context;
  const limit = toVisibleFacts(toLimitFacts(state), context);
  if (state.limit.unit !== 'usd') {
    const retryAfterSeconds = secondsUntil(state.resetsAtMs, nowMs);
    return new GatewayError('rate_limit_exceeded', {
      limit,
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    });
  }
  if (context.tooExpensive !== undefined) return tooExpensiveError(context.tooExpensive, limit);
  if (!fitsLater) return new GatewayError('insufficient_quota', { limit });
  return new GatewayError('budget_in_use', { limit, retryAfterSeconds: budgetRetry(context) });
}

const budgetRetry = ({ fraction }: RefusalContext): number =>
  1 + Math.floor(fraction * BUDGET_RETRY_MAX_SECONDS);

function tooExpensiveError(
  { neededNanoUsd, availableNanoUsd, resetsAtMs }: TooExpensive,
  limit: LimitFacts,
): GatewayError {
  const until = resetsAtMs === null ? '' : ` until ${toMinuteText(resetsAtMs)}`;
  const left =
    availableNanoUsd === undefined
      ? 'less than that is left'
      : `$${toUsdText(availableNanoUsd)} is left`;
  return new GatewayError('request_too_expensive', {
    message: `This request may cost up to $${toUsdText(neededNanoUsd)}, and ${left}${until}. A shorter conversation fits.`,
    limit,
    neededNanoUsd,
    availableNanoUsd: availableNanoUsd ?? null,
  });
}

/** An instant as `2026-12-01T00:00Z`. Windows end at whole minutes. */
const toMinuteText = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 16)}Z`;

/** A limit's figures in its own measure: requests and tokens as whole numbers, dollars as a decimal number. */
export function toLimitFacts({ limit, used, reserved, resetsAtMs }: LimitState): LimitFigures {
  const { per, unit, window } = limit;
  const toFigure = (amount: bigint): number =>
    unit === 'usd' ? usdFromNano(asNanoUsd(amount)) : Number(amount);
  return {
    per,
    unit,
    window,
    limitValue: toFigure(limit.amount),
    used: toFigure(used),
    reserved: toFigure(reserved),
    resetsAtMs,
  };
}

function secondsUntil(atMs: number | null, nowMs: number): number | undefined {
  if (atMs === null) return undefined;
  const seconds = Math.max(1, Math.ceil((atMs - nowMs) / 1_000));
  return seconds <= RETRY_AFTER_MAX_SECONDS ? seconds : undefined;
}

/** A refusing wallet, or a budget of the whole key that refuses its request. */
export interface RefusedReserve extends SeenWallet {
  readonly amounts: Amounts;
  readonly budget: BudgetRefusal | undefined;
}

/** The amounts of a request that was counted, if it is refused for money or tokens. */
export async function recountOf(
  refused: RefusedReserve,
  recount: NonNullable<ReserveRequest['recount']>,
): Promise<Amounts | undefined> {
  const refusal = causeOf(refused);
  if (refusal?.cause !== 'limit' || refusal.state.limit.unit === 'requests') return undefined;
  const { budget } = refused;
  return recount(leftIn([...statesOf(refused), ...(budget ? [budget.state] : [])]));
}

/** Smaller amounts that fit into the wallet as it was seen. Undefined if more than usd and tokens is short. */
export function smallerAmounts(
  refused: RefusedReserve,
  afford: Afford | undefined,
): Amounts | undefined {
  const refusal = causeOf(refused);
  if (refusal?.cause !== 'limit' || refusal.state.limit.unit === 'requests') return undefined;
  const { budget } = refused;
  return affordIn([...statesOf(refused), ...(budget ? [budget.state] : [])], afford);
}

/**
 * The error that a caller gets for a refused reserve.
 * @param fraction in [0, 1), random
 */
export function toReserveError(
  refused: RefusedReserve,
  { grant, afford, needs }: Pick<ReserveRequest, 'grant' | 'afford' | 'needs'>,
  fraction: number,
): GatewayError {
  const { target, amounts, budget } = refused;
  const refusal = causeOf(refused);
  if (refusal === undefined) {
    const detail = 'a wallet refused a reserve that it has room for';
    return new GatewayError('service_unavailable', { detail });
  }
  // Money that others hold may come back; money that is spent does not.
  const settled = [
    ...statesOf(refused).map(withoutHolds),
    ...(budget ? [bestCaseOf(budget)] : []),
  ].filter(({ limit }) => limit.unit === 'usd');
  const fitsLater =
    settled.every((each) => fitsIn(each, amounts)) || affordIn(settled, afford) !== undefined;
  const seesKeyFigures = isBareServerKey(grant);
  return toRefusalError(
    budget === undefined ? refusal : { cause: 'limit', state: withOwnIdle(budget) },
    {
      fitsLater,
      tooExpensive: fitsLater ? undefined : tooExpensiveIn(settled, needs, seesKeyFigures),
      nowMs: target.hold.reservedAtMs,
      fraction,
      inFlightMax: target.inFlightMax,
      isAlone: target.isAlone,
      per: target.per,
      seesKeyFigures,
    },
  );
}

/** The figures of a request that is too expensive; undefined: not even a small one fits, so the money is gone. */
function tooExpensiveIn(
  settled: readonly LimitState[],
  needs: NeededAmounts | undefined,
  seesKeyFigures: boolean,
): TooExpensive | undefined {
  const [tightest] = settled.toSorted((a, b) => Number(roomIn(a) - roomIn(b)));
  if (needs === undefined || tightest === undefined) return undefined;
  const room = roomIn(tightest);
  if (room < needs.small) return undefined;
  const isHidden = tightest.limit.per === 'key' && !seesKeyFigures;
  return {
    neededNanoUsd: needs.least,
    availableNanoUsd: isHidden ? undefined : asNanoUsd(room),
    resetsAtMs: tightest.resetsAtMs,
  };
}

/** The rest of a limit; zero when it is passed already. */
const roomIn = ({ limit, used }: LimitState): bigint =>
  used > limit.amount ? 0n : limit.amount - used;

const causeOf = (refused: RefusedReserve): Refusal | undefined =>
  refused.budget === undefined
    ? refusalIn(refused, refused.amounts)
    : { cause: 'limit', state: refused.budget.state };

/** The state of the limit that refuses; undefined: no limit does. */
export function refusedStateOf(refused: RefusedReserve): LimitState | undefined {
  const refusal = causeOf(refused);
  return refusal?.cause === 'limit' ? refusal.state : undefined;
}

/** Amounts that `afford` answers for what these limits leave, if they fit. */
function affordIn(states: readonly LimitState[], afford: Afford | undefined): Amounts | undefined {
  const smaller = afford?.(leftIn(states));
  const fits = smaller !== undefined && states.every((each) => fitsIn(each, smaller));
  return fits ? smaller : undefined;
}

/** The rest under the tightest limit of each unit. */
export function leftIn(states: readonly LimitState[]): AmountsLeft {
  const usd = leastLeft(states, 'usd');
  const tokens = leastLeft(states, 'tokens');
  return {
    ...(usd === undefined ? {} : { usd: asNanoUsd(usd) }),
    ...(tokens === undefined ? {} : { tokens }),
  };
}

/** The rest under the tightest limit of a unit; zero when the limit is passed already. */
function leastLeft(states: readonly LimitState[], unit: 'usd' | 'tokens'): bigint | undefined {
  const lefts = states.filter(({ limit }) => limit.unit === unit).map(roomIn);
  return lefts.length === 0
    ? undefined
    : lefts.reduce((least, left) => (left < least ? left : least));
}

/** The budget once all that others hold came back. If not all of it was seen, the whole budget. */
const bestCaseOf = ({ state, hasSeenAll }: BudgetRefusal): LimitState =>
  hasSeenAll ? withoutHolds(state) : { ...state, used: 0n, reserved: 0n };

/** The budget as callers see it: what the wallet drew and has not spent counts as reserved. */
const withOwnIdle = ({ state, ownLeft }: BudgetRefusal): LimitState => ({
  ...state,
  used: state.used + ownLeft,
  reserved: state.reserved + ownLeft,
});
