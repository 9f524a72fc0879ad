import { expect, test } from 'vitest';
import { type ConfigInput, defineConfig } from '../../../core/config.ts';
import { makeCatalogue, unmatchedEntries } from '../../../core/models/catalogue.ts';
import { makePriceBook, type PriceTable } from '../../../core/models/pricing.ts';
import { pricePartsOf } from '../../../core/providers/provider.ts';

const TABLE: PriceTable = {
  version: 'test',
  asOf: '2026-11-20',
  models: {
    openai: { 'gpt-5': 0, 'gpt-5-mini': 1, 'not an id': 0 },
    anthropic: { 'claude-sonnet-4': 0 },
  },
  rows: [
    [2_000_000_000, 8_000_000_000, 500_000_000, 2_000_000_000, 400_000],
    [1_000_000_000, 4_000_000_000, 1_000_000_000, 1_000_000_000],
  ],
};

function idsOf(input: Partial<ConfigInput>, providerUrls: Record<string, string> = {}) {
  const config = defineConfig({ providers: { openai: {} }, ...input });
  const prices = makePriceBook(TABLE, config.prices);
  const catalogue = makeCatalogue({ config, providerUrls, prices, table: TABLE });
  return catalogue.map(({ id, target }) => (id === target ? id : `${id} -> ${target}`));
}

test('lists the priced models of configured providers, and the built-in one', () => {
  expect(idsOf({})).toEqual(['demo/echo', 'openai/gpt-5', 'openai/gpt-5-mini']);
  expect(idsOf({ demo: false })).toEqual(['openai/gpt-5', 'openai/gpt-5-mini']);
});

test('lists models that only the configuration prices', () => {
  const prices = {
    'ollama/llama': { inputUsdPerMillion: 0, outputUsdPerMillion: 0 },
    'vllm/none': { inputUsdPerMillion: 1, outputUsdPerMillion: 1 },
  };
  const providers = { ollama: {} };
  expect(idsOf({ providers, prices, demo: false })).toEqual(['ollama/llama']);
  expect(idsOf({ providers, prices, demo: false }, { vllm: 'http://127.0.0.1:1/v1' })).toEqual([
    'ollama/llama',
    'vllm/none',
  ]);
});

test('lists aliases of priced models only', () => {
  const aliases = {
    fast: 'openai/gpt-5-mini',
    'openai/gpt-5': 'openai/gpt-5-mini',
    bare: 'gpt-5',
    unpriced: 'openai/gpt-1',
    nowhere: 'anthropic/claude-sonnet-4',
  };
  expect(idsOf({ aliases, demo: false })).toEqual([
    'fast -> openai/gpt-5-mini',
    'openai/gpt-5 -> openai/gpt-5-mini',
    'openai/gpt-5-mini',
  ]);
  expect(idsOf({ aliases, demo: false, defaultProvider: 'openai' })).toContain(
    'bare -> openai/gpt-5',
  );
});

test('lists no model of an unknown provider, with any default provider', () => {
  expect(idsOf({ demo: false, defaultProvider: 'openai' })).toEqual([
    'openai/gpt-5',
    'openai/gpt-5-mini',
  ]);
});

test('marks the models with Anthropic’s dialect', () => {
  const config = defineConfig({
    providers: { openai: {}, anthropic: {}, mine: { baseUrl: 'http://m/v1', like: 'anthropic' } },
    aliases: { quick: 'anthropic/claude-sonnet-4' },
    prices: { 'mine/claude': { inputUsdPerMillion: 0, outputUsdPerMillion: 0 } },
    demo: false,
  });
  const prices = makePriceBook(TABLE, config.prices);
  const catalogue = makeCatalogue({ config, providerUrls: {}, prices, table: TABLE });
  expect(catalogue.filter((model) => model.speaksMessages).map(({ id }) => id)).toEqual([
    'anthropic/claude-sonnet-4',
    'mine/claude',
    'quick',
  ]);
});

test('lists models of Bedrock under their configured names, by region', () => {
  const bedrockTable: PriceTable = {
    ...TABLE,
    models: { bedrock: { everywhere: 0 }, 'bedrock@us': { here: 1 }, openai: { 'gpt-5': 0 } },
  };
  const config = defineConfig({
    providers: {
      bedrock: { region: 'us-east-1', auth: 'aws-role' },
      europe: { like: 'bedrock', region: 'eu-west-1', auth: 'aws-role' },
    },
    demo: false,
  });
  const prices = makePriceBook(bedrockTable, {}, pricePartsOf(config));
  const catalogue = makeCatalogue({ config, providerUrls: {}, prices, table: bedrockTable });
  expect(catalogue.map(({ id }) => id)).toEqual([
    'bedrock/everywhere',
    'bedrock/here',
    'europe/everywhere',
  ]);
});

test('names the entries of a list that can match no model', () => {
  const config = defineConfig({
    providers: { openai: {}, vllm: {} },
    aliases: { fast: 'openai/gpt-5-mini', gone: 'anthropic/claude' },
  });
  const prices = makePriceBook(TABLE, {});
  const names = { config, providerUrls: {} };
  const catalogue = makeCatalogue({ ...names, prices, table: TABLE });
  const good = [
    'openai/*',
    'openai/gpt-5',
    'openai/newest',
    'gpt-5',
    'fast',
    'vllm/any',
    'demo/echo',
    'demo/*',
  ];
  const bad = ['nobody/*', 'nobody/m', 'gpt-99', 'gone', 'demo/other'];
  expect(unmatchedEntries([...good, ...bad], { catalogue, names })).toEqual(bad);
});
