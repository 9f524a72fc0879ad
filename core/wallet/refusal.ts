/**
 * A wallet's refusal in the words of the contract (contract.md, "Refusals").
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: money gone is 402, which no SDK retries; money held by others, rates and crowds are 429.
 */
import { GatewayError, type LimitFacts, type LimitFigures } from '../base/errors.ts';
import { asNanoUsd, usdFromNano } from '../base/money.ts';
import type { LimitState } from './hold.ts';
import type { Refusal } from './wallet.ts';

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
