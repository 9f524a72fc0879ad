/**
 * The difference of two price tables, a line per model: `+` new, `-` gone, `~` changed. Prices are in nano-dollars per
 * million tokens.
 */
import type { PriceTable } from '../core/models/pricing.ts';

/** Returns the lines, sorted by id; none if only the version or the order of rows differs. */
export function differenceOf(before: PriceTable, after: PriceTable): readonly string[] {
  const old = pricesOf(before);
  const now = pricesOf(after);
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((id) => {
    const [was, is] = [old.get(id), now.get(id)];
    if (was === is) return [];
    if (was === undefined) return [`+ ${id} ${is}`];
    return is === undefined ? [`- ${id} ${was}`] : [`~ ${id} ${was} > ${is}`];
  });
}

/** Returns the prices as text, by `provider/model`. */
function pricesOf({ models, rows }: PriceTable): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(models).flatMap(([provider, rowOf]) =>
      Object.entries(rowOf).map(([model, row]): [string, string] => [
        `${provider}/${model}`,
        JSON.stringify(rows[row]),
      ]),
    ),
  );
}
