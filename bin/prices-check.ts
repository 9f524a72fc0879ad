/**
 * `npm run prices:check`: lists the models that the official SDKs or the pinned coding agents name and the table has no
 * price for. Under a spending limit they are refused. Exits with 1 if there is one whose price is per token.
 */
import { isBilledPerCall, makePriceBook, PRICE_TABLE } from '../core/models/pricing.ts';
import { join, modelsOfAgents, modelsOfSdks } from './named-models.ts';

const book = makePriceBook(PRICE_TABLE, {});
const unpriced = Object.entries(join([modelsOfSdks(), modelsOfAgents()])).flatMap(
  ([provider, ids]) =>
    ids
      .filter((id) => book.find(provider, id) === undefined)
      .map((id) => ({ provider, id, isPerCall: isBilledPerCall(id) })),
);
const perToken = unpriced.filter(({ isPerCall }) => !isPerCall);

for (const { provider, id } of perToken) console.log(`${provider}/${id}`);
console.log(
  `${PRICE_TABLE.version}: ${perToken.length} named models without a price; ${unpriced.length - perToken.length} more are billed per call`,
);
if (perToken.length > 0) process.exitCode = 1;
