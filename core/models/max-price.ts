/**
 * The highest price that a server may have, for providers that choose among servers of different prices.
 * Flow: policy > **price** > reserve.
 */
import { asNanoUsd, usdFromNano } from '../base/money.ts';
import type { Price } from './pricing.ts';

/** The highest rates of a price, by which a request is held, in dollars a million tokens. Undefined: no price. */
export function maxPriceOf(
  price: Price | undefined,
): { readonly prompt: number; readonly completion: number } | undefined {
  if (price === undefined) return undefined;
  const levels = [price, ...(price.tiers ?? [])];
  return {
    prompt: largestUsd(levels.map(({ inputNanoPerMillion }) => inputNanoPerMillion)),
    completion: largestUsd(levels.map(({ outputNanoPerMillion }) => outputNanoPerMillion)),
  };
}

const largestUsd = (rates: readonly bigint[]): number =>
  usdFromNano(asNanoUsd(rates.reduce((most, rate) => (rate > most ? rate : most), 0n)));
