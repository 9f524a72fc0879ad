/**
 * `npm run prices:own -- FILE VERSION`: writes bin/own-price-rows.json from LiteLLM's price list. Its Python package has
 * the list: `pip download litellm --no-deps`, then unzip `litellm/model_prices_and_context_window_backup.json`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { type LiteLlmList, makeOwnPrices } from './own-price-rows.ts';
import { readLibrary } from './price-sources.ts';
import { makePriceTable } from './price-table.ts';
import { READ_ELSEWHERE } from './prices-read-elsewhere.ts';

const [file, version] = process.argv.slice(2);
if (file === undefined || version === undefined) {
  console.error('npm run prices:own -- FILE VERSION: the price list of LiteLLM, and its version');
  process.exit(2);
}

const list = JSON.parse(readFileSync(file, 'utf8')) as LiteLlmList;
const date = new Date().toISOString().slice(0, 10);
const library = makePriceTable(readLibrary(), { libraryVersion: '', asOf: date });
const known = Object.fromEntries(
  Object.entries(library.models).map(([part, ids]) => [part, Object.keys(ids)]),
);
const about = { list: `LiteLLM ${version}`, date, elsewhere: READ_ELSEWHERE };
const own = makeOwnPrices(list, known, about);
writeFileSync(
  new URL('own-price-rows.json', import.meta.url),
  `${JSON.stringify(own, undefined, 1)}\n`,
);
for (const [part, rows] of Object.entries(own.rows)) {
  console.log(`${part}: ${Object.keys(rows).length} rows of our own`);
}
