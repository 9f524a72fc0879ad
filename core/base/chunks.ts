/**
 * Lists in parts, for calls that take so many at once.
 */

/** Splits a list into parts of a size; the last one may be shorter. @param size from 1 */
export const chunksOf = <Item>(items: readonly Item[], size: number): readonly Item[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );

/**
 * Does the work of each item, for some items at the same time, and returns the results in the order of the items.
 * @param atOnce from 1
 */
export async function mapSome<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const some of chunksOf(items, atOnce)) {
    results.push(...(await Promise.all(some.map((item) => work(item)))));
  }
  return results;
}
