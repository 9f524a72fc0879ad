/**
 * The memory of caches: a map of bounded size whose oldest entry gives way.
 * Invariant: never more than `entriesMax` entries, whatever callers send.
 */

export interface BoundedMap<Key, Value> {
  get(key: Key): Value | undefined;
  /** Makes the entry the newest. */
  set(key: Key, value: Value): void;
  delete(key: Key): void;
}

/** @param entriesMax from 1 */
export function makeBoundedMap<Key, Value>(entriesMax: number): BoundedMap<Key, Value> {
  const entries = new Map<Key, Value>();
  return {
    get: (key) => entries.get(key),
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      const [oldest] = entries.keys();
      if (entries.size > entriesMax && oldest !== undefined) entries.delete(oldest);
    },
    delete(key) {
      entries.delete(key);
    },
  };
}

/** Runs a read once for all who ask for the same key while it is under way. Holds an entry only that long. */
export function makeSingleFlight<Value>(): (
  key: string,
  read: () => Promise<Value>,
) => Promise<Value> {
  const underWay = new Map<string, Promise<Value>>();
  return (key, read) => {
    const other = underWay.get(key);
    if (other !== undefined) return other;
    const mine = read().finally(() => underWay.delete(key));
    underWay.set(key, mine);
    return mine;
  };
}
