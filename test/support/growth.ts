/** Measures the growth of a pass's processor time with its input, for tests that a pass is linear. */

/** Four times the input: four times the work, and twice that for the noise of a busy machine. Squared it is 16. */
const TIMES_LARGER = 4;
const GROWTH_MAX = 8;
/** Less than this is not measured well. */
const LEAST_MS = 5;
/** The first try of a pass may be slow because its code is new. More are made only while the growth is too large. */
const TRIES_MIN = 2;
const TRIES_MAX = 8;

/** Processor time, which other processes do not add to. */
function measureMs(run: () => unknown): number {
  const begun = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1_000;
}

/** The time of a run with a four times larger input, and the most that it may be. */
export interface Growth {
  readonly largeMs: number;
  readonly largeMsMax: number;
}

/**
 * Measures a pass at two sizes, in turns. The least time of each counts: other work can only add to it. A pass that is
 * not linear is too slow in every try.
 * @param make the input of a size, and the pass over it
 */
export function measureGrowth(make: (size: number) => () => unknown, size: number): Growth {
  const [small, large] = [make(size), make(size * TIMES_LARGER)];
  let smallMs = Number.POSITIVE_INFINITY;
  let largeMs = Number.POSITIVE_INFINITY;
  const largeMsMax = () => GROWTH_MAX * Math.max(smallMs, LEAST_MS);
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    if (tries >= TRIES_MIN && largeMs < largeMsMax()) break;
    smallMs = Math.min(smallMs, measureMs(small));
    largeMs = Math.min(largeMs, measureMs(large));
  }
  return { largeMs, largeMsMax: largeMsMax() };
}
