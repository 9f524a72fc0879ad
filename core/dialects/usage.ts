/**
 * The usage that a provider reports, in the one form that is priced. Flow: forward > **meter** > settle.
 * Invariant: the output is the largest that the report can mean (providers differ in whether `completion_tokens` include
 * reasoning), and an impossible report counts as none.
 */

import type { JsonObject } from '../base/json.ts';
import { asNanoUsd, type NanoUsd, nanoUsdFromUsd, ZERO_USD } from '../base/money.ts';
import type { TokenUsage } from '../base/token-usage.ts';

export interface ReportedUsage {
  readonly tokens: TokenUsage;
  /** The cost that the provider reports (OpenRouter's `usage.cost`); undefined if it reports none. */
  readonly costNanoUsd?: NanoUsd;
  /** The part of `tokens.cacheWrite` that went to a cache of an hour (Anthropic's). */
  readonly longCacheWrite?: number;
  /** The cost of the provider's own tools beside tokens. */
  readonly toolsNanoUsd?: NanoUsd;
}

/** More than any context window; a larger count is garbage. */
const TOKENS_MAX = 1_000_000_000;

/** A number of tokens; undefined: it is none. */
export const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= TOKENS_MAX
    ? value
    : undefined;

/**
 * Reads the `usage` of a chat completion, of whatever provider.
 * Output is the largest of `completion_tokens`, `total_tokens − prompt_tokens`, and completion + reasoning where
 * reasoning alone exceeds completion (xAI, Gemini and DeepInfra count it outside).
 * @returns undefined if the report lacks input or output, or both are zero
 */
export function readUsage(usage: unknown): ReportedUsage | undefined {
  const report = Object(usage);
  const completion = count(report.completion_tokens);
  const total = count(report.total_tokens);
  const input = count(report.prompt_tokens) ?? difference(total, completion);
  if (input === undefined || (completion === undefined && total === undefined)) return undefined;
  const reasoning = count(Object(report.completion_tokens_details).reasoning_tokens) ?? 0;
  const output = Math.max(
    completion ?? 0,
    (total ?? 0) - input,
    reasoning > (completion ?? 0) ? (completion ?? 0) + reasoning : 0,
  );
  if (input + output === 0) return undefined;
  const details = Object(report.prompt_tokens_details);
  const cached =
    count(details.cached_tokens) ??
    count(report.prompt_cache_hit_tokens) ??
    count(report.num_cached_tokens) ??
    0;
  const cachedInput = Math.min(cached, input);
  const cacheWrite = Math.min(count(details.cache_write_tokens) ?? 0, input - cachedInput);
  const costNanoUsd = readCost(report);
  return {
    tokens: { input, cachedInput, cacheWrite, output, reasoning },
    ...(costNanoUsd === undefined ? {} : { costNanoUsd }),
  };
}

const difference = (total: number | undefined, part: number | undefined): number | undefined =>
  total === undefined || part === undefined || part > total ? undefined : total - part;

/** https://openrouter.ai/docs/use-cases/usage-accounting. With the operator's own key there: the fee and the inference. */
function readCost({ cost, is_byok, cost_details }: JsonObject): NanoUsd | undefined {
  const fee = readUsd(cost);
  if (fee === undefined || is_byok !== true) return fee;
  const inference = readUsd(Object(cost_details).upstream_inference_cost);
  return inference === undefined ? undefined : asNanoUsd(fee + inference);
}

const readUsd = (value: unknown): NanoUsd | undefined =>
  value === 0 ? ZERO_USD : typeof value === 'number' ? nanoUsdFromUsd(value) : undefined;
