/**
 * Prices: the most that a request can cost before it is sent, and its cost afterwards.
 * Flow: policy > **reserve** (the most) > forward > **meter** (the cost) > settle.
 * Invariant: a price is found only for the exact id; an unknown price is unknown, never zero.
 */
import { GatewayError } from '../base/errors.ts';
import { asNanoUsd, ceilDivide, type NanoUsd, nanoUsdFromUsd } from '../base/money.ts';
import type { TokenUsage } from '../base/token-usage.ts';
import type { PricedAs, PriceOverride } from '../config.ts';
import priceTable from '../price-table.json' with { type: 'json' };
import type { ProviderRow } from '../providers/known.ts';
import type { ModelTarget } from '../providers/provider.ts';

/** Prices in nano-dollars per million tokens. */
interface PriceRates {
  readonly inputNanoPerMillion: bigint;
  readonly outputNanoPerMillion: bigint;
  readonly cachedInputNanoPerMillion: bigint;
  readonly cacheWriteNanoPerMillion: bigint;
}

/** Rates for all tokens of a request whose input is larger than `aboveInputTokens`. */
export interface PriceTier extends PriceRates {
  readonly aboveInputTokens: number;
}

/** The price of a model: rates, and higher rates for large inputs, smallest input first. */
export interface Price extends PriceRates {
  readonly tiers?: readonly PriceTier[];
  /** In tokens; absent if unknown. */
  readonly contextWindow?: number;
  /** The price of the call itself, in nano-dollars. @default 0 */
  readonly callNano?: bigint;
  /** True if the operator gave the window. @default false */
  readonly isWindowConfigured?: boolean;
  /** The most output of one answer, in tokens; absent: not known. */
  readonly maxOutputTokens?: number;
  /**
   * True if the provider writes to its cache only where the request has a mark. False: it may write any input, at the
   * price of a write. @default false
   */
  readonly cacheWriteNeedsMark?: boolean;
}

/** Claude, whoever serves it. OpenAI and others write to the cache by themselves. */
const NEEDS_CACHE_MARK = /claude/i;

/** Input, output, cached input, cache write, in nano-dollars per million tokens. */
export type PriceLevel = readonly [number, number, number, number];

/** A price level after the input tokens it begins above. */
type TierRow = readonly [number, ...PriceLevel];

/** A price level, the context window (0 if unknown), the most output tokens (0 if unknown), and the tiers. */
export type PriceRow =
  | PriceLevel
  | readonly [...PriceLevel, number]
  | readonly [...PriceLevel, number, number]
  | readonly [...PriceLevel, number, number, readonly TierRow[]];

/**
 * The generated table: per provider, the row number of each exact model id. The part `bedrock@us` has prices that hold
 * only in the United States.
 */
export interface PriceTable {
  /** Written in every usage row. */
  readonly version: string;
  readonly asOf: string;
  readonly models: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly rows: readonly PriceRow[];
}

const parsePriceTable = (table: unknown): PriceTable => table as PriceTable;

/** The table that `npm run prices:update` writes. */
export const PRICE_TABLE: PriceTable = parsePriceTable(priceTable);

/** The prices in force. */
export interface PriceBook {
  readonly version: string;
  /** Returns the price of exactly this model; undefined if unknown. */
  find(provider: string, model: string): Price | undefined;
}

/**
 * Search, deep research, and models that answer with images or sound: each call, search, image or second has a price of
 * its own, which a price per token does not bound. "research" alone is none of them.
 */
const BILLED_PER_CALL =
  /(?<!re)search|deep-research|sonar|[:-]online\b|audio|image|imagen|nano-banana|realtime|transcribe|tts|omni|lyria|video/i;

/** Returns true for a model whose provider bills more than its tokens. The table has no price for it. */
export const isBilledPerCall = (model: string): boolean => BILLED_PER_CALL.test(model);

/** Returns the refusal of a model without a price under a spending limit. It has the line that sets the price. */
export function priceUnknown({ id, model }: ModelTarget): GatewayError {
  const line = isBilledPerCall(model)
    ? `'${id}': { inputUsdPerMillion: …, outputUsdPerMillion: …, usdPerCall: … }`
    : `'${id}': { inputUsdPerMillion: …, outputUsdPerMillion: … }`;
  return new GatewayError('model_price_unknown', {
    message: `the price of the model "${id}" is not known, and a spending limit applies: add this line to "prices" in hallpass.config.ts, with the provider's prices: ${line}`,
    param: 'model',
  });
}

const USD = 1_000_000_000n;

/** Prices of built-in models. `demo/echo` costs money, so that limits can be tried without an account. */
const BUILT_IN: ReadonlyMap<string, Price> = new Map([
  [
    'demo/echo',
    {
      inputNanoPerMillion: 1n * USD,
      outputNanoPerMillion: 4n * USD,
      cachedInputNanoPerMillion: 1n * USD,
      cacheWriteNanoPerMillion: 1n * USD,
      contextWindow: 1_000_000,
    },
  ],
]);

/** The parts of the table that apply to a provider, by its name, the first match wins. */
export type PriceParts = ReadonlyMap<string, readonly string[]>;

/**
 * Makes the prices in force: overrides by `provider/model`, then the table.
 * @param overrides each replaces a whole price, and may be zero
 * @param parts for providers whose part of the table has another name. @default none
 */
export function makePriceBook(
  table: PriceTable,
  overrides: Readonly<Record<string, PriceOverride | PricedAs>>,
  parts: PriceParts = new Map(),
): PriceBook {
  const findListed = (provider: string, model: string): Price | undefined => {
    for (const part of parts.get(provider) ?? [provider]) {
      const price = findInTable(table, part, model);
      if (price !== undefined) return price;
    }
    return undefined;
  };
  const own = new Map(
    Object.entries(overrides).map(([id, override]) => {
      if (typeof override !== 'string') return [id, withCacheRule(fromOverride(override), id)];
      const slash = override.indexOf('/');
      return [id, findListed(override.slice(0, slash), override.slice(slash + 1))];
    }),
  );
  return {
    version: table.version,
    find(provider, model) {
      const id = `${provider}/${model}`;
      // An override counts even if it refers to a model without a price.
      return own.has(id) ? own.get(id) : (BUILT_IN.get(id) ?? findListed(provider, model));
    },
  };
}

function findInTable(table: PriceTable, part: string, model: string): Price | undefined {
  const models = Object.hasOwn(table.models, part) ? table.models[part] : undefined;
  const index = models?.[model];
  const row = index === undefined ? undefined : table.rows[index];
  return row && withCacheRule(fromRow(row), model);
}

/** Adds the rule of cache writes that the name of a model implies. */
const withCacheRule = (price: Price, model: string): Price =>
  NEEDS_CACHE_MARK.test(model) ? { ...price, cacheWriteNeedsMark: true } : price;

function fromRow(row: PriceRow): Price {
  const [input, output, cached, write, contextWindow, maxOutputTokens, tiers] = row;
  return {
    ...toRates([input, output, cached, write]),
    ...(contextWindow ? { contextWindow } : {}),
    ...(maxOutputTokens ? { maxOutputTokens } : {}),
    ...(tiers && {
      tiers: tiers.map(([aboveInputTokens, ...level]) => ({ aboveInputTokens, ...toRates(level) })),
    }),
  };
}

const toRates = ([input, output, cached, write]: PriceLevel): PriceRates => ({
  inputNanoPerMillion: BigInt(input),
  outputNanoPerMillion: BigInt(output),
  cachedInputNanoPerMillion: BigInt(cached),
  cacheWriteNanoPerMillion: BigInt(write),
});

function fromOverride(override: PriceOverride): Price {
  const input = override.inputUsdPerMillion;
  const { contextWindow, maxOutputTokens, usdPerCall } = override;
  return {
    inputNanoPerMillion: toNano(input),
    outputNanoPerMillion: toNano(override.outputUsdPerMillion),
    cachedInputNanoPerMillion: toNano(override.cachedInputUsdPerMillion ?? input),
    cacheWriteNanoPerMillion: toNano(override.cacheWriteUsdPerMillion ?? input),
    ...(contextWindow === undefined ? {} : { contextWindow, isWindowConfigured: true }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    ...(usdPerCall === undefined ? {} : { callNano: toNano(usdPerCall) }),
  };
}

/** Zero means free. Anything between zero and a nano-dollar counts as one. */
const toNano = (usdPerMillion: number): bigint =>
  usdPerMillion === 0 ? 0n : (nanoUsdFromUsd(usdPerMillion) ?? 1n);

/**
 * Returns the most input that a provider takes for a model, in tokens; undefined: nothing bounds it. The window bounds
 * the input only where the operator gave it or the provider made the model, and only if it covers all tiers.
 */
export function windowBoundOf(
  price: Price | undefined,
  { isModelsOwn }: Pick<ProviderRow, 'isModelsOwn'>,
): number | undefined {
  if (price?.contextWindow === undefined) return undefined;
  const { contextWindow, isWindowConfigured = false, tiers = [] } = price;
  const isReliable = isWindowConfigured || isModelsOwn;
  const coversTiers = tiers.every(({ aboveInputTokens }) => contextWindow >= aboveInputTokens);
  return isReliable && coversTiers ? contextWindow : undefined;
}

const PER_MILLION = 1_000_000n;

/** At Anthropic, a write to the one-hour cache costs twice the input. */
const LONG_CACHE_INPUTS = 2n;

/**
 * Returns the cost of a request, rounded up once, with the price of the call itself. Input includes cached tokens and cache writes, each at its own rate.
 * @param longCacheWrite the cache writes that last an hour
 */
export function costOf(price: Price, usage: TokenUsage, longCacheWrite = 0): NanoUsd {
  const rates =
    price.tiers?.findLast(({ aboveInputTokens }) => usage.input > aboveInputTokens) ?? price;
  const plain = Math.max(0, usage.input - usage.cachedInput - usage.cacheWrite);
  const total =
    BigInt(plain) * rates.inputNanoPerMillion +
    BigInt(usage.cachedInput) * rates.cachedInputNanoPerMillion +
    BigInt(usage.cacheWrite - longCacheWrite) * rates.cacheWriteNanoPerMillion +
    BigInt(longCacheWrite) * LONG_CACHE_INPUTS * rates.inputNanoPerMillion +
    BigInt(usage.output) * rates.outputNanoPerMillion;
  return asNanoUsd(ceilDivide(total, PER_MILLION) + (price.callNano ?? 0n));
}

/**
 * The most expensive cache that a request marks its input for. `none`: it has no mark.
 * `5m`: five minutes, at the row's price of a write. `1h`: an hour, at twice the input.
 */
export type CacheLifetime = 'none' | '5m' | '1h';

/** The most that a request can be billed for. */
export interface HoldBounds {
  /** Never less than the provider will count. */
  readonly inputTokensMax: number;
  /** The sum over all choices, under the cap that is sent upstream. */
  readonly outputTokensMax: number;
  readonly cacheMark: CacheLifetime;
  /** Input that is held at the price of a cache read. @default 0 */
  readonly cachedTokens?: number;
}

/** A bound this close below a tier is held at the tier's rates: a count may differ by a few tokens from the bill. */
const TIER_EDGE_TOKENS = 2_000;

/**
 * Returns the most that a request can cost: all input at the highest input rate of its cache mark, in the most
 * expensive tier that its input can reach.
 */
export function holdCostOf(price: Price, bounds: HoldBounds): NanoUsd {
  const { inputTokensMax, outputTokensMax, cacheMark } = bounds;
  const cached = Math.min(bounds.cachedTokens ?? 0, inputTokensMax);
  const reachable =
    price.tiers?.filter((tier) => inputTokensMax + TIER_EDGE_TOKENS > tier.aboveInputTokens) ?? [];
  const costs = [price, ...reachable].map(
    (rates) =>
      BigInt(cached) * rates.cachedInputNanoPerMillion +
      BigInt(inputTokensMax - cached) * largest(inputRatesOf(rates, price, cacheMark)) +
      BigInt(outputTokensMax) * rates.outputNanoPerMillion,
  );
  return asNanoUsd(ceilDivide(largest(costs), PER_MILLION) + (price.callNano ?? 0n));
}

/** Returns the rates that a token of the input can be billed at. */
function inputRatesOf(
  rates: PriceRates,
  { cacheWriteNeedsMark }: Price,
  cacheMark: CacheLifetime,
): readonly bigint[] {
  const isWritten = cacheMark !== 'none' || !cacheWriteNeedsMark;
  return [
    rates.inputNanoPerMillion,
    rates.cachedInputNanoPerMillion,
    ...(isWritten ? [rates.cacheWriteNanoPerMillion] : []),
    ...(cacheMark === '1h' ? [LONG_CACHE_INPUTS * rates.inputNanoPerMillion] : []),
  ];
}

const largest = (amounts: readonly bigint[]): bigint =>
  amounts.reduce((most, amount) => (amount > most ? amount : most), 0n);
