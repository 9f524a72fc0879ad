/**
 * A wallet's refusal in the words of the contract (contract.md, "Refusals").
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: money gone is 402, which no SDK retries; money held by others, rates and crowds are 429.
 */
import { isBareServerKey } from '../access/grant.ts';
import { GatewayError, type LimitFacts, type LimitFigures } from '../base/errors.ts';
import { asNanoUsd, usdFromNano } from '../base/money.ts';
import type { Amounts, LimitState } from './hold.ts';
import { decide, type Reserving, statesOf, type Tried } from './reservation.ts';
import { affordableIn } from './reserve.ts';
import type { Verdict } from './slices.ts';
import { fitsIn, type Refusal, withoutHolds } from './wallet.ts';

export interface RefusalContext {
  /** Whether the request, or a smaller one that is still of use, would fit if nothing were in flight. */
  readonly fitsLater: boolean;
  readonly nowMs: number;
  /** In [0, 1): spreads those who wait for money that others hold. */
  readonly fraction: number;
  readonly inFlightMax: number;
  /** Whose wallet it is. */
  readonly per: LimitFacts['per'];
  /** Whether the caller may know the figures of a limit of the whole key. */
  readonly seesKeyFigures: boolean;
}

/** The longest wait that is told: a client that is told of more sleeps through it. */
const RETRY_AFTER_MAX_SECONDS = 60;
const CONCURRENCY_RETRY_SECONDS = 1;
const BUDGET_RETRY_MAX_SECONDS = 5;

/** token_revoked, rate_limit_exceeded, insufficient_quota or budget_in_use, with the limit's figures. */

export function toRefusalError(refusal: Refusal, context: RefusalContext): GatewayError {
  switch (refusal.cause) {
    case 'revoked':
      return new GatewayError('token_revoked');
    case 'concurrency':
      return new GatewayError('rate_limit_exceeded', {
        retryAfterSeconds: CONCURRENCY_RETRY_SECONDS,
        limit: toToldFacts(
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

/** What all who share a key spend of it is the business of whoever holds the key. */
function toToldFacts(facts: LimitFigures, { seesKeyFigures }: RefusalContext): LimitFacts {
  if (facts.per !== 'key' || seesKeyFigures) return facts;
  const { per, unit, window, resetsAtMs } = facts;
  return { per, unit, window, resetsAtMs };
}

function toLimitError(state: LimitState, context: RefusalContext): GatewayError {
  const { fitsLater, nowMs, fraction } = context;
  const limit = toToldFacts(toLimitFacts(state), context);
  if (state.limit.unit !== 'usd') {
    const retryAfterSeconds = secondsUntil(state.resetsAtMs, nowMs);
    return new GatewayError('rate_limit_exceeded', {
      limit,
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    });
  }
  if (!fitsLater) return new GatewayError('insufficient_quota', { limit });
  const retryAfterSeconds = 1 + Math.floor(fraction * BUDGET_RETRY_MAX_SECONDS);
  return new GatewayError('budget_in_use', { limit, retryAfterSeconds });
}

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

/** What refused: a wallet, or a budget of the whole key. */
export interface Refused extends Tried {
  readonly verdict: Verdict | undefined;
}

export const whyRefused = (
  state: Reserving,
  refused: Refused,
  amounts: Amounts,
): Refusal | undefined =>
  refused.verdict === undefined
    ? decide(state, refused, amounts)
    : { cause: 'limit', state: refused.verdict.state };
export const allStatesOf = (refused: Refused): readonly LimitState[] => [
  ...statesOf(refused),
  ...(refused.verdict === undefined ? [] : [refused.verdict.state]),
];

/** Smaller amounts that fit into the wallet as it was seen, when it is only usd or tokens that are short. */
export function affordable(
  state: Reserving,
  refused: Refused,
  amounts: Amounts,
): Amounts | undefined {
  const refusal = whyRefused(state, refused, amounts);
  if (refusal?.cause !== 'limit' || refusal.state.limit.unit === 'requests') return undefined;
  return affordableIn(allStatesOf(refused), state.ask);
}

/** Zero when the limit is passed already. */
export function leftOf(states: readonly LimitState[], unit: 'usd' | 'tokens'): bigint | undefined {
  const lefts = states
    .filter(({ limit }) => limit.unit === unit)
    .map(({ limit, used }) => (used > limit.amount ? 0n : limit.amount - used));
  return lefts.length === 0
    ? undefined
    : lefts.reduce((least, left) => (left < least ? left : least));
}

export function refusalOf(state: Reserving, refused: Refused, amounts: Amounts): GatewayError {
  const { place, verdict } = refused;
  const refusal = whyRefused(state, refused, amounts);
  if (refusal === undefined) {
    const detail = 'a wallet refused a reserve that it has room for';
    return new GatewayError('service_unavailable', { detail });
  }
  // Money that others hold may come back; money that is spent does not.
  const settled = [
    ...statesOf(refused).map(withoutHolds),
    ...(verdict ? [atBest(verdict)] : []),
  ].filter(({ limit }) => limit.unit === 'usd');
  const fitsLater =
    settled.every((each) => fitsIn(each, amounts)) ||
    affordableIn(settled, state.ask) !== undefined;
  return toRefusalError(
    verdict === undefined ? refusal : { cause: 'limit', state: asTold(verdict) },
    {
      fitsLater,
      nowMs: place.hold.reservedAtMs,
      fraction: state.ports.random.fraction(),
      inFlightMax: place.inFlightMax,
      per: place.per,
      seesKeyFigures: isBareServerKey(state.ask.grant),
    },
  );
}

/** A budget once all that others hold came back, or, when not all was seen, all that there is. */
export const atBest = ({ state, isWhole }: Verdict): LimitState =>
  isWhole ? withoutHolds(state) : { ...state, used: 0n, reserved: 0n };

/** What was drawn and lies idle counts as reserved. */
export const asTold = ({ state, ownLeft }: Verdict): LimitState => ({
  ...state,
  used: state.used + ownLeft,
  reserved: state.reserved + ownLeft,
});
