/**
 * `hallpass prices`: the price of each model, and its source.
 */
import type { Command } from 'commander';
import { config } from '#config';
import { GatewayError } from '../core/base/errors.ts';
import { asNanoUsd, toUsdText } from '../core/base/money.ts';
import { makeCatalogue } from '../core/models/catalogue.ts';
import { makeGatewayPrices } from '../core/models/gateway-prices.ts';
import { resolveModel } from '../core/models/policy.ts';
import { PRICE_TABLE, type Price, type PriceTier } from '../core/models/pricing.ts';
import { DEMO_PROVIDER } from '../core/providers/demo/demo.ts';
import type { ModelTarget } from '../core/providers/provider.ts';
import { CommandError } from './failure.ts';
import { withJson } from './flags.ts';
import { printResult, type Terminal, toLines, toTable } from './output.ts';

const NEAR_MAX = 5;

/** Adds the command to the program. */
export function addPriceCommand(program: Command, terminal: Terminal): void {
  withJson(program.command('prices'))
    .summary('show the price of a model, and its source')
    .description(
      'Shows prices in USD per million tokens, from hallpass.config.ts or from the table that comes with Hallpass. Under a spending limit a model without a price is refused.',
    )
    .argument('[model]', 'provider/model, or an alias (default: all models with a price)')
    .action((model: string | undefined, flags: { json?: true }) =>
      model === undefined ? listPrices(flags, terminal) : showPrice(model, flags, terminal),
    );
}

const book = makeGatewayPrices(config);
const catalogue = () =>
  makeCatalogue({ config, providerUrls: {}, prices: book, table: PRICE_TABLE });

/** Returns the rates of a price or tier, in USD per million tokens. */
const ratesOf = (price: Price | PriceTier) => ({
  input: usd(price.inputNanoPerMillion),
  output: usd(price.outputNanoPerMillion),
  cached_input: usd(price.cachedInputNanoPerMillion),
  cache_write: usd(price.cacheWriteNanoPerMillion),
});

const usd = (nanoPerMillion: bigint): string => toUsdText(asNanoUsd(nanoPerMillion));

/** Returns the source of a model's price. */
function sourceOf(id: string): string {
  if (Object.hasOwn(config.prices, id)) return 'hallpass.config.ts';
  return id.startsWith(`${DEMO_PROVIDER}/`) ? 'built in' : `table ${PRICE_TABLE.version}`;
}

const toPriceJson = (model: string, id: string, price: Price) => ({
  model,
  id,
  usd_per_million_tokens: ratesOf(price),
  tiers: (price.tiers ?? []).map((tier) => ({
    above_input_tokens: tier.aboveInputTokens,
    usd_per_million_tokens: ratesOf(tier),
  })),
  context_window: price.contextWindow ?? null,
  source: sourceOf(id),
});

function showPrice(model: string, flags: { json?: true }, terminal: Terminal): void {
  const target = requireTarget(model);
  const price = book.find(target.provider, target.model);
  if (price === undefined) throw new CommandError(noPrice(model, target.id));
  const json = toPriceJson(model, target.id, price);
  printResult(flags, terminal, { json, text: () => toLines(priceLines(json)) });
}

const priceLines = (shown: ReturnType<typeof toPriceJson>) =>
  [
    ['model', shown.id],
    ['input', `${shown.usd_per_million_tokens.input} USD per million tokens`],
    ['output', `${shown.usd_per_million_tokens.output} USD`],
    ['cached input', `${shown.usd_per_million_tokens.cached_input} USD`],
    ['cache write', `${shown.usd_per_million_tokens.cache_write} USD`],
    ...shown.tiers.map(
      ({ above_input_tokens: tokens, usd_per_million_tokens: tier }) =>
        [`above ${tokens}`, `input ${tier.input} USD, output ${tier.output} USD`] as const,
    ),
    ['context', shown.context_window === null ? 'not known' : `${shown.context_window} tokens`],
    ['source', shown.source],
  ] as const;

function requireTarget(model: string): ModelTarget {
  try {
    return resolveModel(model, config);
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'model_not_found') throw error;
    const names = Object.keys(config.providers).join(', ');
    throw new CommandError(`${error.message}: the providers of hallpass.config.ts are ${names}`);
  }
}

function noPrice(model: string, id: string): string {
  const near = catalogue()
    .map((listed) => listed.id)
    .filter((other) => other.startsWith(id) || id.startsWith(other))
    .slice(0, NEAR_MAX);
  const more = near.length === 0 ? '' : ` (similar ids: ${near.join(', ')})`;
  return `no price is known for "${model}"${more}: under a spending limit it is refused; set one in "prices" of hallpass.config.ts`;
}

function listPrices(flags: { json?: true }, terminal: Terminal): void {
  const json = catalogue().map(({ id, target, price }) => toPriceJson(id, target, price));
  const rows = json.map(({ model, usd_per_million_tokens: rates, source }) => [
    model,
    rates.input,
    rates.output,
    rates.cached_input,
    source,
  ]);
  const text = () => toTable(['MODEL', 'INPUT', 'OUTPUT', 'CACHED', 'SOURCE'], rows);
  printResult(flags, terminal, { json, text });
}
