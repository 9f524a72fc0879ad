/** A small price table, with a model for each form of a price. */
import type { TokenUsage } from '../../core/base/token-usage.ts';
import { makePriceBook, type Price, type PriceTable } from '../../core/models/pricing.ts';

/** Two dollars in and ten out; the same with a tier; and a fraction of a nano-dollar a token. */
export const TABLE: PriceTable = {
  version: 'v1',
  asOf: '2026-11-20',
  models: { lab: { plain: 0, tiered: 1, cheap: 2 } },
  rows: [
    [2_000_000_000, 10_000_000_000, 200_000_000, 2_500_000_000, 128_000],
    [
      3_000_000_000,
      15_000_000_000,
      300_000_000,
      3_750_000_000,
      0,
      64_000,
      [[200_000, 6_000_000_000, 22_500_000_000, 600_000_000, 7_500_000_000]],
    ],
    [1, 1, 1, 1],
  ],
};

/** Tokens as a provider reports them. */
export const used = (
  input: number,
  output: number,
  more: Partial<TokenUsage> = {},
): TokenUsage => ({
  input,
  output,
  cachedInput: 0,
  cacheWrite: 0,
  reasoning: 0,
  ...more,
});

/** The price of a model of the table. */
export function priceOf(model: string): Price {
  const price = makePriceBook(TABLE, {}).find('lab', model);
  if (price === undefined) throw new Error(`no price of ${model}`);
  return price;
}
