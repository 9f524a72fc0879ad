import { expect, test } from 'vitest';
import { makeOwnPrices, OWN_PRICES } from '../../bin/own-price-rows.ts';

const OPENAI = { litellm_provider: 'openai', mode: 'chat', source: 'https://x.example' };
const PRICED = { input_cost_per_token: 2e-6, output_cost_per_token: 1e-5 };

const ABOUT = { list: 'LiteLLM 1', date: '2026-11-29', elsewhere: {} };
const rowsOf = (list: Record<string, object>, known: readonly string[] = []) =>
  makeOwnPrices(list as never, { openai: known }, ABOUT).rows.openai;

test('a row has cache prices, tiers, the window, the output maximum and the page of its figures', () => {
  const entry = {
    ...{ ...OPENAI, ...PRICED, max_input_tokens: 900, max_output_tokens: 100 },
    cache_read_input_token_cost: 1e-7,
    cache_creation_input_token_cost: 2.5e-6,
    output_cost_per_reasoning_token: 1.2e-5,
    input_cost_per_token_above_272k_tokens: 4e-6,
    output_cost_per_token_above_272k_tokens: 1.5e-5,
    input_cost_per_token_above_272k_tokens_flex: 1e-6,
    cache_creation_input_token_cost_above_272k_tokens: 5e-6,
  };
  expect(rowsOf({ m: entry })).toEqual({
    m: {
      usdPerMillion: [2, 12, 0.1, 2.5],
      contextWindow: 1_000,
      maxOutputTokens: 100,
      tiers: [[272_000, 4, 15, 0.1, 5]],
      source: 'https://x.example',
    },
  });
});

test.each([
  ['the library has', 'known', PRICED],
  ['another provider serves', 'm', { ...PRICED, litellm_provider: 'azure' }],
  ['has no price of its output', 'm', { input_cost_per_token: 1e-6 }],
  ['is free', 'm', { input_cost_per_token: 0, output_cost_per_token: 0 }],
  ['answers with sound', 'm', { ...PRICED, output_cost_per_audio_token: 1e-5 }],
  ['answers with images', 'm', { ...PRICED, output_cost_per_image: 0.1 }],
  ['is no text model', 'm', { ...PRICED, mode: 'image_generation' }],
  ['searches', 'gpt-search-api', PRICED],
  ['changes over time', 'm-latest', PRICED],
  ['is tuned', 'ft:m', PRICED],
])('a model that %s has no row of ours', (_what, id, more) => {
  expect(rowsOf({ [id]: { ...OPENAI, ...more } }, ['known'])).toEqual({});
});

test('the output maximum of a model that the library has is taken alone', () => {
  const entry = { ...OPENAI, ...PRICED, max_output_tokens: 100 };
  const { maxOutputTokens } = makeOwnPrices({ m: entry }, { openai: ['m'] }, ABOUT);
  expect(maxOutputTokens.openai).toEqual({ m: 100 });
});

test('a row that was read elsewhere stands until the list has the model', () => {
  const row = { usdPerMillion: [1, 2, 0.1, 1], source: 'https://y.example' } as const;
  const about = { ...ABOUT, elsewhere: { openai: { m: row, n: row } } };
  const { rows } = makeOwnPrices({ m: { ...OPENAI, ...PRICED } }, {}, about);
  expect(rows.openai?.m?.usdPerMillion).toEqual([2, 10, 2, 2]);
  expect(rows.openai?.n).toEqual(row);
});

test('a Bedrock model without a profile costs what its profile of the United States costs', () => {
  const us = { ...PRICED, mode: 'chat', input_cost_per_token: 2.2e-6 };
  const list = {
    'us.anthropic.claude-sonnet-5-5': us,
    'anthropic.claude-sonnet-5-5': { ...us, input_cost_per_token: 2e-6 },
    'global.anthropic.claude-sonnet-5-5': { ...us, input_cost_per_token: 2e-6 },
  };
  const { rows } = makeOwnPrices(list, {}, ABOUT);
  const sonnets = Object.entries({ ...rows.bedrock }).filter(([id]) => id.includes('sonnet'));
  const inputs = sonnets.map(([id, row]) => [id, row.usdPerMillion[0]]);
  expect(Object.fromEntries(inputs)).toEqual({
    'anthropic.claude-sonnet-5-5': 2.2,
    'us.anthropic.claude-sonnet-5-5': 2.2,
    'global.anthropic.claude-sonnet-5-5': 2,
  });
});

test('each committed row says where and when its figures were read', () => {
  expect(OWN_PRICES.list).toMatch(/^LiteLLM \d/);
  expect(OWN_PRICES.date).toMatch(/^2026-\d\d-\d\d$/);
  const sources = Object.values(OWN_PRICES.rows).flatMap((rows) =>
    Object.values(rows).map(({ source }) => source),
  );
  expect(sources.length).toBeGreaterThan(250);
  expect(sources.filter((source) => !/^(?:https:|LiteLLM,)/.test(source))).toEqual([]);
});
