/**
 * A map of bounded size for caches, and a way to share one read between callers.
 * Invariant: a map never holds more than `entriesMax` entries.
 */

export interface BoundedMap<Key, Value> {
  get(key: Key): Value | undefined;
  /** Makes the entry the newest. */
  set(key: Key, value: Value): void;
  delete(key: Key): void;
}

/**
 * Makes an empty map. When it is full, a new entry removes the oldest one.
 * @param entriesMax from 1
 */
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

/** True if what was read at an instant is not too old. A clock that was set back makes nothing young again. */
export const isYoung = (sinceMs: number | undefined, ageMaxMs: number, nowMs: number): boolean =>
  sinceMs !== undefined && nowMs >= sinceMs && nowMs - sinceMs < ageMaxMs;

/** Makes a function that runs one read per key at a time. Calls for the same key meanwhile share its result. */
export function makeSingleFlight<Value>(): (
  key: string,
  read: () => Promise<Value>,
) => Promise<Value> {
  const running = new Map<string, Promise<Value>>();
  return (key, read) => {
    const known = running.get(key);
    if (known !== undefined) return known;
    const started = read().finally(() => running.delete(key));
    running.set(key, started);
    return started;
  };
}
