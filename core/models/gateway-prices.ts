/**
 * The prices of a gateway: those of its configuration, then the table.
 */
import type { Config } from '../config.ts';
import { pricePartsOf } from '../providers/provider.ts';
import { makePriceBook, PRICE_TABLE, type PriceBook } from './pricing.ts';

export const makeGatewayPrices = (config: Config): PriceBook =>
  makePriceBook(PRICE_TABLE, config.prices, pricePartsOf(config));
