/**
 * What changes between two price tables, a line a model: `+` it is new, `-` it is gone, `~` its price is another.
 * Prices are nano-dollars a million tokens, as the table has them.
 */
import type { PriceTable } from '../core/models/pricing.ts';

/** The lines in the order of their ids; none when only the version or the order of rows differs. */
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

/** `provider/model` to its price as text. */
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
