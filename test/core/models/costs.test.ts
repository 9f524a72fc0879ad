import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  costOf,
  type HoldBounds,
  holdCostOf,
  makePriceBook,
  PRICE_TABLE,
} from '../../../core/models/pricing.ts';
import { priceOf, TABLE, used } from '../../support/price-fixtures.ts';

const book = makePriceBook(PRICE_TABLE, {});

test('each kind of token has its own rate, and a write to a one-hour cache costs twice the input', () => {
  const usage = used(1_000, 50, { cachedInput: 100, cacheWrite: 400 });
  // 500 plain, 100 read, 400 written; then 300 of these for an hour. At 2, 0.2, 2.5 and 10 USD a million.
  expect(costOf(priceOf('plain'), usage)).toBe(1_000_000n + 20_000n + 1_000_000n + 500_000n);
  expect(costOf(priceOf('plain'), usage, 300)).toBe(
    1_000_000n + 20_000n + 250_000n + 1_200_000n + 500_000n,
  );
});

describe('costOf', () => {
  test.each([
    ['input and output', 'plain', used(1_000, 500), 7_000_000n],
    ['cached input at its own price', 'plain', used(1_000, 0, { cachedInput: 400 }), 1_280_000n],
    ['cache writes at theirs', 'plain', used(1_000, 0, { cacheWrite: 400 }), 2_200_000n],
    [
      'more cached than there is input as it was reported',
      'plain',
      used(100, 0, { cachedInput: 400, cacheWrite: 10 }),
      105_000n,
    ],
    ['nothing', 'plain', used(0, 0), 0n],
    ['a fraction of a nano-dollar as a whole one', 'cheap', used(1, 0), 1n],
    ['a million fractions as one', 'cheap', used(999_999, 1), 1n],
    ['one fraction more as two', 'cheap', used(1_000_000, 1), 2n],
    ['the lower tier at its very end', 'tiered', used(200_000, 1_000), 615_000_000n],
    [
      'the whole request in the upper tier one token later',
      'tiered',
      used(200_001, 1_000),
      1_222_506_000n,
    ],
    [
      'cached tokens of the upper tier',
      'tiered',
      used(200_001, 0, { cachedInput: 200_000 }),
      120_006_000n,
    ],
  ])('charges %s', (_what, model, usage, costNanoUsd) => {
    expect(costOf(priceOf(model), usage)).toBe(costNanoUsd);
  });
});

/** Bounds of a request without a mark for the cache. */
const bounds = (inputTokensMax: number, outputTokensMax = 0): HoldBounds => ({
  inputTokensMax,
  outputTokensMax,
  cacheMark: 'none',
});

describe('holdCostOf', () => {
  test.each([
    ['at the price of a cache write if that is higher', 'plain', 1_000, 500, 7_500_000n],
    [
      'in the lower tier when the input is far below the upper one',
      'tiered',
      198_000,
      0,
      742_500_000n,
    ],
    ['in the upper tier 2,000 tokens below it', 'tiered', 198_001, 0, 1_485_007_500n],
    ['in the upper tier above it', 'tiered', 200_001, 10, 1_500_232_500n],
    ['rounded up', 'cheap', 1, 0, 1n],
  ])('holds %s', (_how, model, input, output, costNanoUsd) => {
    expect(holdCostOf(priceOf(model), bounds(input, output))).toBe(costNanoUsd);
  });

  test.each([
    [
      'plain input',
      { inputUsdPerMillion: 5, cachedInputUsdPerMillion: 1, cacheWriteUsdPerMillion: 2 },
    ],
    [
      'cached input',
      { inputUsdPerMillion: 1, cachedInputUsdPerMillion: 5, cacheWriteUsdPerMillion: 2 },
    ],
    [
      'a cache write',
      { inputUsdPerMillion: 1, cachedInputUsdPerMillion: 2, cacheWriteUsdPerMillion: 5 },
    ],
  ])('holds at the price of %s if that is the highest', (_which, rates) => {
    const prices = makePriceBook(TABLE, { 'lab/own': { ...rates, outputUsdPerMillion: 0 } });
    const price = prices.find('lab', 'own');
    expect(price && holdCostOf(price, bounds(1_000))).toBe(5_000_000n);
  });

  // guarantee: cache-price-by-mark
  test.each([
    ['anthropic/claude-own', 'none', 1_000_000n],
    ['openrouter/anthropic/claude-own', 'none', 1_000_000n],
    ['anthropic/claude-own', '5m', 1_250_000n],
    ['anthropic/claude-own', '1h', 2_000_000n],
    ['openai/gpt-own', 'none', 1_250_000n],
    ['openai/gpt-own', '5m', 1_250_000n],
  ] as const)(
    'holds %s with the cache mark %s at what the cache can cost',
    (id, cacheMark, cost) => {
      const rates = {
        inputUsdPerMillion: 1,
        cachedInputUsdPerMillion: 0.1,
        outputUsdPerMillion: 0,
      };
      const prices = makePriceBook(TABLE, { [id]: { ...rates, cacheWriteUsdPerMillion: 1.25 } });
      const slash = id.indexOf('/');
      const price = prices.find(id.slice(0, slash), id.slice(slash + 1));
      expect(price && holdCostOf(price, { ...bounds(1_000), cacheMark })).toBe(cost);
    },
  );

  test.each([
    ['anthropic', 'claude-opus-5', true],
    ['bedrock', 'anthropic.claude-haiku-4-5-20251001-v1:0', true],
    ['openai', 'gpt-5.6-sol', undefined],
    ['google', 'gemini-2.5-flash', undefined],
  ])('knows if %s writes %s to the cache only at a mark', (provider, model, needsMark) => {
    const price = book.find(provider, model);
    expect(price).toBeDefined();
    expect(price?.cacheWriteNeedsMark).toBe(needsMark);
  });

  test('holds at the lower tier if that costs more', () => {
    const tier = { ...priceOf('cheap'), aboveInputTokens: 10 };
    expect(holdCostOf({ ...priceOf('plain'), tiers: [tier] }, bounds(1_000))).toBe(2_500_000n);
  });

  test('is never less than the cost of a request within its bounds', () => {
    const tokens = fc.nat(400_000);
    fc.assert(
      fc.property(
        fc.constantFrom('plain', 'tiered', 'cheap'),
        fc.tuple(tokens, tokens, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(100_000)),
        (model, [input, more, share, output]) => {
          const cachedInput = Math.floor(input * share);
          const usage = used(input, output, { cachedInput, cacheWrite: input - cachedInput });
          const price = priceOf(model);
          expect(holdCostOf(price, bounds(input + more, output)) >= costOf(price, usage)).toBe(
            true,
          );
        },
      ),
      { seed: 20261129 },
    );
  });
});

describe('a model that is billed per call', () => {
  const rates = { inputUsdPerMillion: 1, outputUsdPerMillion: 2 };
  const prices = makePriceBook(TABLE, { 'lab/sonar': { ...rates, usdPerCall: 0.014 } });
  const price = prices.find('lab', 'sonar');

  test('is held and billed at the price of the call beside its tokens, once the operator gave it', () => {
    expect(price && holdCostOf(price, bounds(1_000, 500))).toBe(
      1_000_000n + 1_000_000n + 14_000_000n,
    );
    expect(price && costOf(price, used(10, 5))).toBe(10_000n + 10_000n + 14_000_000n);
  });
});
