/**
 * `hallpass prices`: what models cost here, and where each price comes from.
 */
import type { Command } from 'commander';
import { GatewayError } from '../core/base/errors.ts';
import { asNanoUsd, toUsdText } from '../core/base/money.ts';
import { makeCatalogue } from '../core/models/catalogue.ts';
import { resolveModel } from '../core/models/policy.ts';
import { makePriceBook, PRICE_TABLE, type Price, type PriceTier } from '../core/models/pricing.ts';
import { DEMO_PROVIDER } from '../core/providers/demo/demo.ts';
import { type ModelTarget, pricePartsOf } from '../core/providers/provider.ts';
import { config } from '../hallpass.config.ts';
import { CommandError } from './failure.ts';
import { withJson } from './flags.ts';
import { type Terminal, toJson, toLines, toTable } from './output.ts';

const NEAR_MAX = 5;

/** Adds the command to the program. */
export function addPriceCommand(program: Command, terminal: Terminal): void {
  withJson(program.command('prices'))
    .summary('what a model costs, and who says so')
    .description(
      'Prices in USD per million tokens, of hallpass.config.ts or of the table that comes with Hallpass. Under a spending limit a model without one is refused.',
    )
    .argument('[model]', 'provider/model, or an alias; without it, all that have a price')
    .action((model: string | undefined, flags: { json?: true }) =>
      model === undefined ? listPrices(flags, terminal) : showPrice(model, flags, terminal),
    );
}

const book = makePriceBook(PRICE_TABLE, config.prices, pricePartsOf(config));
const catalogue = () =>
  makeCatalogue({ config, providerUrls: {}, prices: book, table: PRICE_TABLE });

/** The rates of a price or of one of its tiers, in USD per million tokens. */
const ratesOf = (price: Price | PriceTier) => ({
  input: usd(price.inputNanoPerMillion),
  output: usd(price.outputNanoPerMillion),
  cached_input: usd(price.cachedInputNanoPerMillion),
  cache_write: usd(price.cacheWriteNanoPerMillion),
});

const usd = (nanoPerMillion: bigint): string => toUsdText(asNanoUsd(nanoPerMillion));

/** Where the price of a model comes from. */
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

function showPrice(model: string, { json }: { json?: true }, terminal: Terminal): void {
  const target = requireTarget(model);
  const price = book.find(target.provider, target.model);
  if (price === undefined) throw new CommandError(noPrice(model, target.id));
  const shown = toPriceJson(model, target.id, price);
  if (json) {
    terminal.print(toJson(shown));
    return;
  }
  const rates = shown.usd_per_million_tokens;
  terminal.print(
    toLines([
      ['model', target.id],
      ['input', `${rates.input} USD per million tokens`],
      ['output', `${rates.output} USD`],
      ['cached input', `${rates.cached_input} USD`],
      ['cache write', `${rates.cache_write} USD`],
      ...shown.tiers.map(
        ({ above_input_tokens: tokens, usd_per_million_tokens: tier }) =>
          [`above ${tokens}`, `input ${tier.input} USD, output ${tier.output} USD`] as const,
      ),
      [
        'context',
        price.contextWindow === undefined ? 'not known' : `${price.contextWindow} tokens`,
      ],
      ['source', shown.source],
    ]),
  );
}

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
  const more = near.length === 0 ? '' : ` (it is none of ${near.join(', ')})`;
  return `no price is known for "${model}"${more}: under a spending limit it is refused; set one in "prices" of hallpass.config.ts`;
}

function listPrices({ json }: { json?: true }, terminal: Terminal): void {
  const listed = catalogue().map(({ id, target, price }) => toPriceJson(id, target, price));
  if (json) {
    terminal.print(toJson(listed));
    return;
  }
  const rows = listed.map(({ model, usd_per_million_tokens: rates, source }) => [
    model,
    rates.input,
    rates.output,
    rates.cached_input,
    source,
  ]);
  terminal.print(toTable(['MODEL', 'INPUT', 'OUTPUT', 'CACHED', 'SOURCE'], rows));
}
