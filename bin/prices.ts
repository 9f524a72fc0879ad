/**
 * `npm run prices:update`: writes core/price-table.json from the price library and prints the changes. The file is
 * committed, so that nothing is built at start.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { PRICE_TABLE } from '../core/models/pricing.ts';
import { KNOWN_PROVIDERS } from '../core/providers/known.ts';
import { BEDROCK_IDS } from './bedrock-ids.ts';
import { differenceOf } from './price-difference.ts';
import { findPriceSource } from './price-sources.ts';
import { makePriceTable } from './price-table.ts';

const TABLE_URL = new URL('../core/price-table.json', import.meta.url);

const { devDependencies } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { devDependencies: Record<string, string> };

// Azure's ids are names of deployments, which tell nothing about prices.
const WITHOUT_MODEL_IDS = 'azure';
const names = [...new Set([...KNOWN_PROVIDERS.keys(), ...BEDROCK_IDS.keys()])].filter(
  (name) => name !== WITHOUT_MODEL_IDS,
);
const providers = names.flatMap((name) => findPriceSource(name) ?? []);
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
const unpriced = [...BEDROCK_IDS].flatMap(([part, ids]) =>
  ids.filter((id) => table.models[part]?.[id] === undefined).map((id) => `${part}/${id}`),
);
if (unpriced.length > 0) console.log(`ids of Bedrock without a price: ${unpriced.join(', ')}`);
