/** How the processor time of a pass grows with its input, for tests that a pass is linear. */

/** Four times the input: four times the work, and twice that for the noise of a busy machine. Squared it is 16. */
const TIMES_LARGER = 4;
const GROWTH_MAX = 8;
/** Less than this is not measured well. */
const LEAST_MS = 5;
const TRIES = 2;

/** Processor time, which other processes do not add to. */
function measureMs(run: () => unknown): number {
  const begun = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1_000;
}

const leastMs = (run: () => unknown): number =>
  Math.min(...Array.from({ length: TRIES }, () => measureMs(run)));

/** How many times longer the run may and did take for a four times larger input. */
export interface Growth {
  readonly largeMs: number;
  readonly largeMsMax: number;
}

/**
 * Measures a pass at two sizes.
 * @param make the input of a size, and the pass over it
 */
export function measureGrowth(make: (size: number) => () => unknown, size: number): Growth {
  const smallMs = leastMs(make(size));
  const largeMs = leastMs(make(size * TIMES_LARGER));
  return { largeMs, largeMsMax: GROWTH_MAX * Math.max(smallMs, LEAST_MS) };
}
