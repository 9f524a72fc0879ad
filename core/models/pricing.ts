/**
 * Prices: what a request costs, and the most it can cost before it is sent.
 * Flow: policy > **reserve** (the most) > forward > **meter** (what it was) > settle.
 * Invariant: an id is priced only if it is listed letter for letter; an unknown price is unknown, never zero.
 */
import { asNanoUsd, ceilDivide, type NanoUsd, nanoUsdFromUsd } from '../base/money.ts';
import type { TokenUsage } from '../base/token-usage.ts';
import type { PricedAs, PriceOverride } from '../config.ts';
import priceTable from '../price-table.json' with { type: 'json' };

/** Prices of a request in nano-dollars per million tokens. */
interface PriceRates {
  readonly inputNanoPerMillion: bigint;
  readonly outputNanoPerMillion: bigint;
  readonly cachedInputNanoPerMillion: bigint;
  readonly cacheWriteNanoPerMillion: bigint;
}

/** Rates for the whole of a request whose input is larger than `aboveInputTokens`. */
export interface PriceTier extends PriceRates {
  readonly aboveInputTokens: number;
}

/** What a model costs: rates, and dearer ones for large inputs, smallest input first. */
export interface Price extends PriceRates {
  readonly tiers?: readonly PriceTier[];
  /** In tokens; absent: not known. */
  readonly contextWindow?: number;
}

/** Input, output, cached input, cache write: nano-dollars per million tokens. */
export type PriceLevel = readonly [number, number, number, number];

/** A level, the context window (0: not known) and the tiers, each behind the input tokens it begins above. */
export type PriceRow =
  | PriceLevel
  | readonly [...PriceLevel, number]
  | readonly [...PriceLevel, number, readonly (readonly [number, ...PriceLevel])[]];

/**
 * The generated table: for each provider the row of each exact model id. `bedrock@us` is a part of its own: prices that
 * hold for it in the United States alone.
 */
export interface PriceTable {
  /** Stamped on every usage row. */
  readonly version: string;
  readonly asOf: string;
  readonly models: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly rows: readonly PriceRow[];
}

const parsePriceTable = (table: unknown): PriceTable => table as PriceTable;

/** The table that `npm run prices:update` wrote. */
export const PRICE_TABLE: PriceTable = parsePriceTable(priceTable);

export interface PriceBook {
  readonly version: string;
  /** The price of exactly this model of a provider; undefined: not known. */
  find(provider: string, model: string): Price | undefined;
}

const USD = 1_000_000_000n;

/** Prices of what is built in. `demo/echo` costs money so that limits can be tried without an account. */
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

/** Provider name to the parts of the table that hold for it, first come first served. */
export type PriceParts = ReadonlyMap<string, readonly string[]>;

/**
 * The prices in force: overrides by `provider/model`, then the table.
 * @param overrides the operator's word: replaces a whole price, and may be zero
 * @param parts of providers with other parts than the one of their name. @default none
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
      if (typeof override !== 'string') return [id, fromOverride(override)];
      const slash = override.indexOf('/');
      return [id, findListed(override.slice(0, slash), override.slice(slash + 1))];
    }),
  );
  return {
    version: table.version,
    find(provider, model) {
      const id = `${provider}/${model}`;
      // What the operator says holds, also where it comes to nothing.
      return own.has(id) ? own.get(id) : (BUILT_IN.get(id) ?? findListed(provider, model));
    },
  };
}

function findInTable(table: PriceTable, part: string, model: string): Price | undefined {
  const models = Object.hasOwn(table.models, part) ? table.models[part] : undefined;
  const index = models?.[model];
  const row = index === undefined ? undefined : table.rows[index];
  return row && fromRow(row);
}

function fromRow([input, output, cached, write, contextWindow, tiers]: PriceRow): Price {
  return {
    ...toRates([input, output, cached, write]),
    ...(contextWindow ? { contextWindow } : {}),
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
  const { contextWindow } = override;
  return {
    inputNanoPerMillion: toNano(input),
    outputNanoPerMillion: toNano(override.outputUsdPerMillion),
    cachedInputNanoPerMillion: toNano(override.cachedInputUsdPerMillion ?? input),
    cacheWriteNanoPerMillion: toNano(override.cacheWriteUsdPerMillion ?? input),
    ...(contextWindow === undefined ? {} : { contextWindow }),
  };
}

/** Zero is free by the operator's word; what is less than a nano-dollar, but not zero, counts as one. */
const toNano = (usdPerMillion: number): bigint =>
  usdPerMillion === 0 ? 0n : (nanoUsdFromUsd(usdPerMillion) ?? 1n);

const PER_MILLION = 1_000_000n;

/** Anthropic's: a write to a cache that lasts an hour costs twice the input. */
const LONG_CACHE_INPUTS = 2n;

/**
 * What a request cost, rounded up once. Input counts cached tokens and cache writes; each has its own rate.
 * @param longCacheWrite of the cache writes, those that last an hour
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
  return asNanoUsd(ceilDivide(total, PER_MILLION));
}

/**
 * The most a request can cost: all its input at the dearest of plain, cached and written to a cache, in the dearest
 * tier that its input can reach.
 * @param inputTokensMax never less than the provider will count
 * @param outputTokensMax the cap that is sent upstream
 */
export function holdCostOf(price: Price, inputTokensMax: number, outputTokensMax: number): NanoUsd {
  const reachable = price.tiers?.filter((tier) => inputTokensMax > tier.aboveInputTokens) ?? [];
  const costs = [price, ...reachable].map(
    (rates) =>
      BigInt(inputTokensMax) * dearestInput(rates) +
      BigInt(outputTokensMax) * rates.outputNanoPerMillion,
  );
  return asNanoUsd(ceilDivide(largest(costs), PER_MILLION));
}

const dearestInput = (rates: PriceRates): bigint =>
  largest([
    rates.inputNanoPerMillion,
    rates.cachedInputNanoPerMillion,
    rates.cacheWriteNanoPerMillion,
  ]);

const largest = (amounts: readonly bigint[]): bigint =>
  amounts.reduce((most, amount) => (amount > most ? amount : most), 0n);
