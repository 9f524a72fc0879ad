/**
 * Headers of a proxied answer about the limits that apply: the state after this request's hold.
 * Invariant: of several limits of one unit, the headers show the one with the least left; never a limit of the whole
 * key.
 */

import type { LimitUnit } from '../base/limits.ts';
import { asNanoUsd, toUsdText } from '../base/money.ts';
import type { LimitState } from './hold.ts';

/** Headers of requests and tokens in OpenAI's forms, of dollars in our own. */
export function limitHeaders(
  limits: readonly LimitState[],
  nowMs: number,
): Readonly<Record<string, string>> {
  const own = limits.filter(({ limit }) => limit.per !== 'key');
  return {
    ...rateHeaders('requests', own, nowMs),
    ...rateHeaders('tokens', own, nowMs),
    ...budgetHeaders(own),
  };
}

function rateHeaders(
  unit: 'requests' | 'tokens',
  limits: readonly LimitState[],
  nowMs: number,
): Record<string, string> {
  const state = tightest(unit, limits);
  if (state === undefined) return {};
  const headers: Record<string, string> = {
    [`x-ratelimit-limit-${unit}`]: String(state.limit.amount),
    [`x-ratelimit-remaining-${unit}`]: String(leftOf(state)),
  };
  if (state.resetsAtMs !== null) {
    headers[`x-ratelimit-reset-${unit}`] = toDurationText(state.resetsAtMs - nowMs);
  }
  return headers;
}

function budgetHeaders(limits: readonly LimitState[]): Record<string, string> {
  const state = tightest('usd', limits);
  if (state === undefined) return {};
  const headers: Record<string, string> = {
    'x-hallpass-budget-limit-usd': toUsdText(asNanoUsd(state.limit.amount)),
    'x-hallpass-budget-remaining-usd': toUsdText(asNanoUsd(leftOf(state))),
  };
  if (state.resetsAtMs !== null) {
    headers['x-hallpass-budget-resets-at'] = new Date(state.resetsAtMs).toISOString();
  }
  return headers;
}

function tightest(unit: LimitUnit, limits: readonly LimitState[]): LimitState | undefined {
  let least: LimitState | undefined;
  for (const state of limits) {
    if (state.limit.unit !== unit) continue;
    if (least === undefined || leftOf(state) < leftOf(least)) least = state;
  }
  return least;
}

/** Never below zero: an overrun is not a debt to be shown. */
function leftOf({ limit, used }: LimitState): bigint {
  const left = limit.amount - used;
  return left > 0n ? left : 0n;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** A duration as OpenAI's rate headers write it: `12ms`, `6s`, `6m0s`, `1h30m0s`. */
function toDurationText(durationMs: number): string {
  const ms = Math.max(0, durationMs);
  if (ms < SECOND_MS) return `${ms}ms`;
  const seconds = `${Math.floor((ms % MINUTE_MS) / SECOND_MS)}s`;
  if (ms < MINUTE_MS) return seconds;
  const minutes = `${Math.floor((ms % HOUR_MS) / MINUTE_MS)}m${seconds}`;
  return ms < HOUR_MS ? minutes : `${Math.floor(ms / HOUR_MS)}h${minutes}`;
}
