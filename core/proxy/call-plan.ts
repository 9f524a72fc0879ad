/**
 * The plan of a call, made before anything is held: the model, the provider, the price, the most it can cost.
 * Flow: grant > **policy > price > request** > reserve. Invariant: nothing here has an effect; a refusal costs nothing.
 */

import { type Grant, isBareServerKey } from '../access/grant.ts';
import type { GatewayError } from '../base/errors.ts';
import type { Headers } from '../base/http.ts';
import type { JsonObject } from '../base/json.ts';
import type { Limit } from '../base/limits.ts';
import { ZERO_USD } from '../base/money.ts';
import type { Config } from '../config.ts';
import { vocabularyOf } from '../dialects/bound/text-bound.ts';
import type { Dialect, ParsedRequest } from '../dialects/dialect.ts';
import { type BoundRules, inputTokensMax } from '../dialects/input-bound.ts';
import { notBounded, thinkingTooLarge } from '../dialects/refusals.ts';
import type { RequestInput } from '../dialects/request-input.ts';
import { OUTPUT_CAP_MIN, outputTokensMax } from '../dialects/request-output.ts';
import type { Route } from '../dialects/routes.ts';
import { maxPriceOf } from '../models/max-price.ts';
import { modelNotFound, requireAllowedModel, resolveModel } from '../models/policy.ts';
import {
  holdCostOf,
  type Price,
  type PriceBook,
  priceUnknown,
  windowBoundOf,
} from '../models/pricing.ts';
import { DEMO_MODELS } from '../providers/demo/demo.ts';
import {
  type Endpoint,
  findProvider,
  isConfigured,
  isDemo,
  type ModelTarget,
  type Provider,
  type ProviderUrls,
  requireEndpoint,
} from '../providers/provider.ts';
import type { Amounts } from '../wallet/hold.ts';
import { isCapped, limitsOf } from '../wallet/payer.ts';
import type { AmountsLeft, NeededAmounts } from '../wallet/reserve-plan.ts';
import type { ModelFacts } from './model-facts.ts';
import { readModelId } from './request-body.ts';

/** The settings of the proxy: the configuration, the prices, and other base URLs for providers. */
export interface ProxySettings {
  readonly config: Config;
  readonly prices: PriceBook;
  readonly providerUrls: ProviderUrls;
}

/** The settings of one call, with the facts of models that the process learned. */
export interface PlanSettings extends ProxySettings {
  /** @default none */
  readonly modelFacts?: ModelFacts | undefined;
}

export interface CallPlan {
  readonly target: ModelTarget;
  readonly provider: Provider;
  /** The URL that this dialect is posted to, and how to authenticate there. */
  readonly endpoint: Endpoint;
  readonly dialect: Dialect;
  /** Undefined: not known. Then no USD limit applies. */
  readonly price: Price | undefined;
  readonly priceVersion: string;
  readonly request: ParsedRequest;
  /** The bound of the input. */
  readonly boundRules: BoundRules;
  /** The most input tokens that the provider can count. */
  readonly inputTokensMax: number;
  /** The part of these that is held at the price of a cache read. @default 0 */
  readonly cachedTokens?: number;
  /** The configuration lets a prompt be held at that price (`holdAtCachePrice`). */
  readonly mayHoldAtCachePrice: boolean;
  /** A USD or token limit applies: the output cap is enforced. */
  readonly isBounded: boolean;
  /** The output cap to begin with: the request's own, or what of it one answer can hold. */
  readonly cap: number;
}

/** A client's request, parsed as JSON. */
export interface ClientRequest {
  readonly route: Route;
  readonly body: JsonObject;
  readonly headers: Headers;
}

/**
 * @throws invalid_request, model_not_found, model_not_allowed, or model_price_unknown when a USD limit applies
 */
export function planCall(
  { route, body, headers }: ClientRequest,
  grant: Grant,
  { config, prices, providerUrls, modelFacts }: PlanSettings,
): CallPlan {
  const limits = limitsOf(grant);
  const { dialect, isStreamRoute } = route;
  const id = route.modelId ?? readModelId(body);
  const fallback = fallbackOf(dialect, config, providerUrls);
  const target = resolveModel(id, config, providerUrls, fallback);
  requireAllowedModel(grant, target.id, { config, providerUrls });
  const provider = findProvider(config, providerUrls, target.provider);
  if (provider === undefined) throw modelNotFound(id);
  const endpoint = requireEndpoint(provider, dialect.name, target, isStreamRoute);
  if (isDemo(provider) && !DEMO_MODELS.includes(target.model)) throw modelNotFound(id);
  const price = prices.find(target.provider, target.model);
  if (price === undefined && dialect.isBilled && isCapped(limits)) {
    throw priceUnknown(target);
  }
  const isBounded = limits.some(({ unit }) => unit !== 'requests');
  const isWindowPassed = modelFacts?.passedWindows.get(target.id) === true;
  const contextWindow = isWindowPassed ? undefined : windowBoundOf(price, provider.row);
  const request = dialect.parse(body, {
    row: provider.row,
    model: target.model,
    pathModel: route.modelId,
    isCapped: isCapped(limits),
    isBounded,
    isServerKey: isBareServerKey(grant),
    defaultMaxOutputTokens: config.defaults.defaultMaxOutputTokens,
    contextWindow,
    maxOutputTokens: price?.maxOutputTokens,
    maxPrice: provider.row.reportsCost && isCapped(limits) ? maxPriceOf(price) : undefined,
    isStreamRoute,
    headers,
  });
  const boundRules = {
    imageTokensMax: provider.row.imageTokensMax,
    contextWindow,
    vocabulary: vocabularyOf(target.model, dialect.name),
  };
  return {
    target,
    provider,
    endpoint,
    dialect,
    price,
    priceVersion: prices.version,
    request,
    isBounded,
    cap: isBounded ? readableCap(request, body) : request.output.cap,
    boundRules,
    mayHoldAtCachePrice: config.defaults.holdAtCachePrice && mayPass(limits, provider),
    inputTokensMax: boundInput(request.input, boundRules, isBounded),
  };
}

/** Bytes of an answer that is no stream, held in memory: some 2 million tokens of text. */
export const ANSWER_BYTES_MAX = 10 * 1024 * 1024;

/** The name, probability and bytes of one token in a list of log probabilities. */
const LOG_PROBABILITY_BYTES = 200;
const TOKEN_BYTES = 64;
const TOP_LOG_PROBABILITIES_MAX = 20;

/**
 * The output cap under which an answer with log probabilities can be read: they take kilobytes a token, and an answer that
 * is too long to read costs its whole hold.
 * @throws invalid_request if not even the lowest useful cap can be read
 */
function readableCap({ output, isStream }: ParsedRequest, body: JsonObject): number {
  const { logprobs, top_logprobs: top } = body;
  if (isStream || output.choices === 0 || (!logprobs && !top)) return output.cap;
  const asked = typeof top === 'number' ? Math.min(top, TOP_LOG_PROBABILITIES_MAX) : 0;
  const tokenBytes = TOKEN_BYTES + LOG_PROBABILITY_BYTES * (1 + asked);
  const readable = Math.floor(ANSWER_BYTES_MAX / (output.choices * tokenBytes));
  if (readable < output.capMin) throw notBounded('top_logprobs', 'a stream, or fewer choices');
  return Math.min(output.cap, readable);
}

/** False for a token with an allowance of its own, which nothing passes, and where the price is the provider's own. */
const mayPass = (limits: readonly Limit[], { row }: Provider): boolean =>
  !row.reportsCost &&
  !limits.some(({ per, unit, window }) => per === 'token' && unit === 'usd' && window === 'total');

/** @throws invalid_request when a limit applies and nothing bounds the input */
function boundInput(input: RequestInput, rules: BoundRules, isBounded: boolean): number {
  const tokens = inputTokensMax(input, rules);
  const { contextWindow } = rules;
  // The provider refuses what its model cannot take.
  if (tokens !== undefined) return Math.min(tokens, contextWindow ?? tokens);
  if (isBounded) throw notBounded(input.reference ?? 'input', 'input in the request itself');
  // Nothing is held by it; an answer without usage is booked with what the request itself holds.
  return inputTokensMax({ ...input, reference: undefined }, rules) ?? 0;
}

/** The provider of ids that name none: the default one if it speaks the dialect, else the one whose dialect it is. */
function fallbackOf(
  { name, ownProvider }: Dialect,
  config: Config,
  providerUrls: ProviderUrls,
): string | undefined {
  const { defaultProvider } = config;
  if (ownProvider === undefined || !isConfigured(ownProvider, config, providerUrls)) {
    return defaultProvider;
  }
  const found = defaultProvider && findProvider(config, providerUrls, defaultProvider);
  return found && found.row.endpoints[name] !== undefined ? defaultProvider : ownProvider;
}

/** A plan with a smaller bound of its input, if it is smaller. */
export const withInputBound = (plan: CallPlan, tokens: number | undefined): CallPlan =>
  tokens === undefined || tokens >= plan.inputTokensMax
    ? plan
    : { ...plan, inputTokensMax: tokens };

/** The most a call can take under an output cap, at the highest price it can meet. */
export function amountsUnder(plan: CallPlan, cap: number): Amounts {
  const { dialect, request, price, inputTokensMax, cachedTokens = 0 } = plan;
  if (!dialect.isBilled) return { usd: ZERO_USD, tokens: 0n };
  const output = outputTokensMax(request.output, cap);
  const { cacheMark } = request.input;
  return {
    usd:
      price === undefined
        ? ZERO_USD
        : holdCostOf(price, { inputTokensMax, outputTokensMax: output, cacheMark, cachedTokens }),
    tokens: BigInt(inputTokensMax) + BigInt(output),
  };
}

/** A small request to any model: if not even this fits, the money is gone. */
const SMALL_REQUEST = {
  inputTokensMax: 1_000,
  outputTokensMax: OUTPUT_CAP_MIN,
  cacheMark: 'none',
} as const;

/** True if amounts fit into what is left. Undefined is no limit. */
export const fitsInto = (left: AmountsLeft, { usd, tokens }: Amounts): boolean =>
  usd <= (left.usd ?? usd) && tokens <= (left.tokens ?? tokens);

/** The amounts by which a refusal for money is judged. */
export function neededAmounts(plan: CallPlan): NeededAmounts {
  const { price, request } = plan;
  return {
    least: amountsUnder(plan, request.output.capMin).usd,
    small: price === undefined ? ZERO_USD : holdCostOf(price, SMALL_REQUEST),
  };
}

/**
 * The largest output cap below a given one that fits into what is left; undefined: not even the lowest useful cap fits.
 * A second call for the same request passes the first result as `below`, so a hold that was written late is never too
 * small.
 */
export function affordableCap(
  plan: CallPlan,
  left: AmountsLeft,
  below: number,
): number | undefined {
  return largestCap(plan, left, { low: plan.request.output.capMin, high: below - 1 });
}

/**
 * The refusal of a budget of thinking that does not fit under the output cap that is affordable. The client can lower it.
 * Undefined: thinking is not why the request does not fit.
 */
export function thinkingRefusal(plan: CallPlan, left: AmountsLeft): GatewayError | undefined {
  const { thinkingBudget, capMin } = plan.request.output;
  if (thinkingBudget === undefined) return undefined;
  const cap = largestCap(plan, left, { low: OUTPUT_CAP_MIN, high: capMin - 1 });
  return cap === undefined ? undefined : thinkingTooLarge(cap);
}

interface Caps {
  readonly low: number;
  readonly high: number;
}

/** The largest output cap of some that fits into what is left; undefined: not even the lowest fits. */
function largestCap(
  plan: CallPlan,
  left: AmountsLeft,
  { low: lowest, high: highest }: Caps,
): number | undefined {
  const fits = (cap: number): boolean => fitsInto(left, amountsUnder(plan, cap));
  let low = lowest;
  let high = highest;
  if (high < low || !fits(low)) return undefined;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
