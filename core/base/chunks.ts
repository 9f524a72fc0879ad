/**
 * Lists in parts, for calls that take so many at once.
 */

/** Splits a list into parts of a size; the last one may be shorter. @param size from 1 */
export const chunksOf = <Item>(items: readonly Item[], size: number): readonly Item[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
