import { describe, expect, test } from 'vitest';
import {
  costOf,
  isBilledPerCall,
  makePriceBook,
  PRICE_TABLE,
  priceUnknown,
  windowBoundOf,
} from '../../../core/models/pricing.ts';
import { priceOf, TABLE, used } from '../../support/price-fixtures.ts';

const book = makePriceBook(PRICE_TABLE, {});

describe('the generated table', () => {
  test.each([
    ['openai', 'gpt-5', 1_250_000_000n, 10_000_000_000n],
    ['openai', 'gpt-5-mini', 250_000_000n, 2_000_000_000n],
    ['openai', 'gpt-4o', 2_500_000_000n, 10_000_000_000n],
    ['openai', 'gpt-4o-2024-08-06', 2_500_000_000n, 10_000_000_000n],
    ['openai', 'gpt-4o-mini', 150_000_000n, 600_000_000n],
    ['openai', 'o3', 2_000_000_000n, 8_000_000_000n],
    ['openai', 'text-embedding-3-small', 20_000_000n, 0n],
    ['anthropic', 'claude-sonnet-4-5', 3_000_000_000n, 15_000_000_000n],
    ['anthropic', 'claude-sonnet-4-5-20250929', 3_000_000_000n, 15_000_000_000n],
    ['anthropic', 'claude-opus-4-1', 15_000_000_000n, 75_000_000_000n],
    ['anthropic', 'claude-haiku-4-5', 1_000_000_000n, 5_000_000_000n],
    ['anthropic', 'claude-haiku-4-5-20251001', 1_000_000_000n, 5_000_000_000n],
    ['google', 'gemini-2.5-flash', 300_000_000n, 2_500_000_000n],
    ['google', 'gemini-2.5-pro', 1_250_000_000n, 10_000_000_000n],
    ['openrouter', 'deepseek/deepseek-chat', 380_000_000n, 890_000_000n],
    ['xai', 'grok-4.3', 1_250_000_000n, 2_500_000_000n],
    ['groq', 'llama-3.3-70b-versatile', 590_000_000n, 790_000_000n],
    ['mistral', 'mistral-large-latest', 2_000_000_000n, 6_000_000_000n],
    ['together', 'meta-llama/Llama-3.3-70B-Instruct-Turbo', 880_000_000n, 880_000_000n],
    ['anthropic', 'claude-sonnet-5-5', 2_000_000_000n, 10_000_000_000n],
    ['openai', 'gpt-6.1-sol', 2_000_000_000n, 10_000_000_000n],
    ['bedrock', 'eu.anthropic.claude-sonnet-5-5', 2_200_000_000n, 11_000_000_000n],
    ['bedrock', 'anthropic.claude-sonnet-5-5', 2_200_000_000n, 11_000_000_000n],
    ['deepinfra', 'meta-llama/Llama-3.3-70B-Instruct', 230_000_000n, 400_000_000n],

    ['demo', 'echo', 1_000_000_000n, 4_000_000_000n],
  ])('has a price for %s/%s', (provider, model, inputNanoPerMillion, outputNanoPerMillion) => {
    expect(book.find(provider, model)).toMatchObject({ inputNanoPerMillion, outputNanoPerMillion });
  });

  test.each([
    ['anthropic', 'claude-sonnet-5-9'],
    ['anthropic', 'claude-sonnet-4-5-'],
    ['anthropic', 'claude-sonnet-4-5-turbo'],
    ['anthropic', 'claude-sonnet'],
    ['openai', 'gpt-5-nonexistent'],
    ['openai', 'GPT-5'],
    ['openai', ' gpt-5'],
    ['openai', 'gpt-4o-2024-08-06-x'],
    ['openai', ''],
    ['openai', 'toString'],
    ['openai', '__proto__'],
    ['__proto__', 'toString'],
    ['constructor', 'length'],
    ['google', 'models/gemini-2.5-pro'],
    ['google', 'gemini-2.5-flash-image'],
    ['groq', 'gpt-5'],
    ['openai', 'gpt-4o-search-preview'],
    ['openai', 'o3-deep-research'],
    ['openai', 'gpt-image-1'],
    ['openai', 'gpt-4o-audio-preview'],
    ['openrouter', 'perplexity/sonar-pro'],
    ['openrouter', 'openai/gpt-5-image'],
    ['openrouter', 'perplexity/llama-3.1-sonar-large-128k-online'],
    ['xai', 'grok-4.30'],
    ['openrouter', 'deepseek/deepseek-chat:free'],
    ['demo', 'echo2'],
  ])('has no price for %s/%s', (provider, model) => {
    expect(book.find(provider, model)).toBeUndefined();
  });

  // guarantee: no-price-no-request
  test('has no price of zero except for the output of embeddings', () => {
    for (const [provider, models] of Object.entries(PRICE_TABLE.models)) {
      for (const model of Object.keys(models)) {
        const price = book.find(provider, model);
        expect(price?.inputNanoPerMillion, model).toBeGreaterThan(0n);
        expect(price?.cachedInputNanoPerMillion, model).toBeGreaterThan(0n);
        expect(price?.cacheWriteNanoPerMillion, model).toBeGreaterThan(0n);
        if (!/embed|bge/.test(model))
          expect(price?.outputNanoPerMillion, model).toBeGreaterThan(0n);
      }
    }
  });

  test('names the library and its content, and has windows and tiers', () => {
    expect(book.version).toMatch(/^genai-prices 0\.1\.8 [0-9a-f]{8}$/);
    expect(book.find('anthropic', 'claude-sonnet-4-5')).toEqual({
      inputNanoPerMillion: 3_000_000_000n,
      outputNanoPerMillion: 15_000_000_000n,
      cachedInputNanoPerMillion: 300_000_000n,
      cacheWriteNanoPerMillion: 3_750_000_000n,
      contextWindow: 200_000,
      maxOutputTokens: 64_000,
      cacheWriteNeedsMark: true,
      tiers: [
        {
          aboveInputTokens: 200_000,
          inputNanoPerMillion: 6_000_000_000n,
          outputNanoPerMillion: 22_500_000_000n,
          cachedInputNanoPerMillion: 600_000_000n,
          cacheWriteNanoPerMillion: 7_500_000_000n,
        },
      ],
    });
    expect(JSON.stringify(PRICE_TABLE).length).toBeLessThan(95_000);
  });
});

test('the built-in model costs 1 USD per million input tokens, cached or not, and 4 USD per million output tokens', () => {
  const echo = book.find('demo', 'echo');
  const million = 1_000_000;
  expect(echo && costOf(echo, used(million, million))).toBe(5_000_000_000n);
  expect(echo && costOf(echo, used(million, 0, { cachedInput: million }))).toBe(1_000_000_000n);
  expect(echo && costOf(echo, used(million, 0, { cacheWrite: million }))).toBe(1_000_000_000n);
});

test.each(['gpt-4o', 'gpt-5', 'o3', 'text-embedding-3-small'])(
  'does not take the name of a deployment on Azure, %s, for a price',
  (deployment) => {
    expect(book.find('azure', deployment)).toBeUndefined();
  },
);

describe('overrides', () => {
  test('give a model the price of another model of the table only', () => {
    const own = makePriceBook(TABLE, {
      'azure/chat': 'lab/tiered',
      'azure/none': 'lab/unheard-of',
      'azure/second': 'azure/chat',
      'lab/plain': 'lab/unheard-of',
    });

    expect(own.find('azure', 'chat')).toEqual(priceOf('tiered'));
    expect(own.find('azure', 'none')).toBeUndefined();
    expect(own.find('azure', 'second')).toBeUndefined();
    expect(own.find('lab', 'plain')).toBeUndefined();
  });

  test('replace a whole price, add models, and can be zero', () => {
    const own = makePriceBook(TABLE, {
      'lab/plain': { inputUsdPerMillion: 0.29, outputUsdPerMillion: 1 },
      'ollama/llama3.2': { inputUsdPerMillion: 0, outputUsdPerMillion: 0, contextWindow: 8_192 },
      'demo/echo': {
        inputUsdPerMillion: 1e-12,
        outputUsdPerMillion: 2,
        cachedInputUsdPerMillion: 0.5,
        cacheWriteUsdPerMillion: 3,
      },
    });

    expect(own.find('lab', 'plain')).toEqual({
      inputNanoPerMillion: 290_000_000n,
      outputNanoPerMillion: 1_000_000_000n,
      cachedInputNanoPerMillion: 290_000_000n,
      cacheWriteNanoPerMillion: 290_000_000n,
    });
    expect(own.find('ollama', 'llama3.2')).toEqual({
      inputNanoPerMillion: 0n,
      outputNanoPerMillion: 0n,
      cachedInputNanoPerMillion: 0n,
      cacheWriteNanoPerMillion: 0n,
      contextWindow: 8_192,
      isWindowConfigured: true,
    });
    expect(own.find('demo', 'echo')).toEqual({
      inputNanoPerMillion: 1n,
      outputNanoPerMillion: 2_000_000_000n,
      cachedInputNanoPerMillion: 500_000_000n,
      cacheWriteNanoPerMillion: 3_000_000_000n,
    });
    expect(own.find('lab', 'tiered')).toBeDefined();
    expect(own.version).toBe('v1');
  });
});

describe('the names of models that are billed per call', () => {
  test.each([
    ['openai/gpt-4o-search-preview', true],
    ['deepinfra/google/gemini-2.5-flash-image', true],
    ['openrouter/anthropic/claude-sonnet-5:online', true],
    ['google/gemini-nano-banana-2.1', true],
    ['openrouter/nousresearch/hermes-4-70b', false],
    ['openai/gpt-5.6-sol', false],
  ])('%s: %s', (id, isPerCall) => {
    expect(isBilledPerCall(id)).toBe(isPerCall);
  });
});

describe('the refusal of a model without a price', () => {
  test.each([
    ['m', "'lab/m': { inputUsdPerMillion: …, outputUsdPerMillion: … }"],
    ['sonar', "'lab/sonar': { inputUsdPerMillion: …, outputUsdPerMillion: …, usdPerCall: … }"],
  ])('has the line of hallpass.config.ts that sets the price of %s', (model, line) => {
    const error = priceUnknown({ provider: 'lab', model, id: `lab/${model}` });
    expect(error.code).toBe('model_price_unknown');
    expect(error.message).toContain(line);
    expect(error.message).toContain('"prices" in hallpass.config.ts');
  });
});

// guarantee: window-of-its-maker
describe('the context window bounds input', () => {
  const price = priceOf('plain');
  const tier = { ...priceOf('cheap'), aboveInputTokens: 128_001 };

  test.each([
    ['where the provider made the model', price, true, 128_000],
    ['not where the provider serves the model of another', price, false, undefined],
    ['where the operator gave it', { ...price, isWindowConfigured: true }, false, 128_000],
    ['not where a tier begins above it', { ...price, tiers: [tier] }, true, undefined],
    ['not where the price is unknown', undefined, true, undefined],
    ['not where it is unknown', priceOf('cheap'), true, undefined],
  ])('%s', (_where, given, isModelsOwn, tokens) => {
    expect(windowBoundOf(given, { isModelsOwn })).toBe(tokens);
  });
});
