/**
 * Writes core/price-table.json from the price library and shows what changed (npm run prices:update). The file is committed: nothing is built at start.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { findProvider } from '@pydantic/genai-prices';
import { PRICE_TABLE } from '../core/pricing.ts';
import { config } from '../hallpass.config.ts';
import { differenceOf } from './price-difference.ts';
import { makePriceTable } from './price-table.ts';

const TABLE_URL = new URL('../core/price-table.json', import.meta.url);

const { devDependencies } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { devDependencies: Record<string, string> };

const names = Object.keys(config.providers);
const providers = names.flatMap((name) => {
  const provider = findProvider({ providerId: name });
  return provider?.id === name ? [provider] : [];
});
const table = makePriceTable(providers, {
  libraryVersion: devDependencies['@pydantic/genai-prices'] ?? '',
  asOf: new Date().toISOString().slice(0, 10),
});
const text = `${JSON.stringify(table)}\n`;
writeFileSync(TABLE_URL, text);

for (const line of differenceOf(PRICE_TABLE, table)) console.log(line);
const counts = Object.entries(table.models).map(
  ([name, models]) => `${name} ${Object.keys(models).length}`,
);
console.log(`${table.version}: ${counts.join(', ')}; ${Math.ceil(text.length / 1_000)} kB`);
const unknown = names.filter((name) => !(name in table.models));
if (unknown.length > 0) console.log(`without prices: ${unknown.join(', ')}`);
