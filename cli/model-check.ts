/**
 * Refuses a list of allowed models with an entry that no model of the gateway can match.
 */

import type { KeySettings } from '../core/keys/key-settings.ts';
import { type CatalogueSource, makeCatalogue, unmatchedEntries } from '../core/models/catalogue.ts';
import type { ModelNames } from '../core/models/policy.ts';
import { CommandError } from './failure.ts';

/** @throws CommandError that names the entries */
export async function requireMatchingModels(
  { models = [], tiers = [] }: Partial<Pick<KeySettings, 'models' | 'tiers'>>,
  names: ModelNames,
): Promise<void> {
  const entries = [...models, ...tiers.flatMap((tier) => tier.models ?? [])];
  if (entries.length === 0) return;
  const catalogue = makeCatalogue(await makeSource(names));
  const unmatched = unmatchedEntries(entries, { catalogue, names });
  if (unmatched.length === 0) return;
  const providers = Object.keys(names.config.providers).join(', ');
  throw new CommandError(
    `no model of this gateway matches ${unmatched.join(', ')}: its providers are ${providers}`,
  );
}

/** Loads the price table, which most commands do not need. */
async function makeSource(names: ModelNames): Promise<CatalogueSource> {
  const { makeGatewayPrices } = await import('../core/models/gateway-prices.ts');
  const { PRICE_TABLE } = await import('../core/models/pricing.ts');
  const prices = makeGatewayPrices(names.config);
  return { ...names, prices, table: PRICE_TABLE };
}
