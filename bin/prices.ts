/**
 * `npm run prices:update`: writes core/price-table.json from the price library and our own rows, and prints the changes. The file is
 * committed, so that nothing is built at start.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { PRICE_TABLE } from '../core/models/pricing.ts';
import { BEDROCK_IDS } from './bedrock-ids.ts';
import { OWN_PRICES } from './own-price-rows.ts';
import { differenceOf } from './price-difference.ts';
import { PRICE_PARTS, readLibrary } from './price-sources.ts';
import { makePriceTable } from './price-table.ts';

const TABLE_URL = new URL('../core/price-table.json', import.meta.url);

const { devDependencies } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { devDependencies: Record<string, string> };

const table = makePriceTable(readLibrary(), {
  libraryVersion: devDependencies['@pydantic/genai-prices'] ?? '',
  asOf: new Date().toISOString().slice(0, 10),
  own: OWN_PRICES,
});

const text = `${JSON.stringify(table)}\n`;
writeFileSync(TABLE_URL, text);

for (const line of differenceOf(PRICE_TABLE, table)) console.log(line);
const counts = Object.entries(table.models).map(
  ([name, models]) => `${name} ${Object.keys(models).length}`,
);
console.log(`${table.version}: ${counts.join(', ')}; ${Math.ceil(text.length / 1_000)} kB`);
const unknown = PRICE_PARTS.filter((name) => !(name in table.models));
if (unknown.length > 0) console.log(`without prices: ${unknown.join(', ')}`);
const unpriced = [...BEDROCK_IDS].flatMap(([part, ids]) =>
  ids.filter((id) => table.models[part]?.[id] === undefined).map((id) => `${part}/${id}`),
);
if (unpriced.length > 0) console.log(`ids of Bedrock without a price: ${unpriced.join(', ')}`);
