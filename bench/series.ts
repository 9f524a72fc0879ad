/**
 * One round of measurements of one target, the same for the provider, the bare pipe and the gateway.
 */
import type { Measured } from './child.ts';
import { BURST_CHUNKS, load, median, percentile, type RequestTimes, type Target } from './load.ts';

/** Figures of one target, in microseconds unless named otherwise. */
export interface Figures {
  readonly p50: number;
  readonly p99: number;
  readonly cpuPerRequest: number;
  readonly requestsPerSecond32: number;
  readonly cpuPerRequest32: number;
  readonly firstByte: number;
  readonly transitP50: number;
  readonly transitP99: number;
  readonly firstByte40: number;
  readonly transitP50With40: number;
  readonly transitP99With40: number;
  readonly cpuPerChunk: number;
  readonly peakRssMb: number;
}

export interface Effort {
  readonly warmUp: number;
  readonly single: number;
  readonly parallel: number;
  readonly paced: number;
  readonly bursts: number;
}

const micros = (ns: number): number => ns / 1000;
const totals = (requests: readonly RequestTimes[]): number[] =>
  requests.map((each) => each.totalNs);
const firsts = (requests: readonly RequestTimes[]): number[] =>
  requests.map((each) => each.firstByteNs);
const transits = (requests: readonly RequestTimes[]): number[] =>
  requests.flatMap((each) => each.transitsNs);

/** Measures the processor time of a process while something runs, in microseconds. */
async function cpuOf<T>(child: Measured, run: () => Promise<T>): Promise<[T, number]> {
  const before = await child.usage();
  const result = await run();
  const after = await child.usage();
  return [result, after.cpuMicros - before.cpuMicros];
}

/** Measures a target that `child` serves. */
export async function measure(child: Measured, target: Target, effort: Effort): Promise<Figures> {
  await load(target, 'plain', effort.warmUp, 1);
  await load(target, 'plain', effort.warmUp, 32);
  const [single, singleCpu] = await cpuOf(child, () => load(target, 'plain', effort.single, 1));
  const [parallel, parallelCpu] = await cpuOf(child, () =>
    load(target, 'plain', effort.parallel, 32),
  );
  const paced = await load(target, 'paced', effort.paced, 1);
  const forty = await load(target, 'paced', 2 * 40, 40);
  await load(target, 'burst', 2, 1);
  const [, burstCpu] = await cpuOf(child, () => load(target, 'burst', effort.bursts, 1));
  const { peakRssBytes } = await child.usage();
  return {
    p50: micros(percentile(totals(single.requests), 0.5)),
    p99: micros(percentile(totals(single.requests), 0.99)),
    cpuPerRequest: singleCpu / effort.single,
    requestsPerSecond32: (effort.parallel / parallel.elapsedMs) * 1000,
    cpuPerRequest32: parallelCpu / effort.parallel,
    firstByte: micros(percentile(firsts(paced.requests), 0.5)),
    transitP50: micros(percentile(transits(paced.requests), 0.5)),
    transitP99: micros(percentile(transits(paced.requests), 0.99)),
    firstByte40: micros(percentile(firsts(forty.requests), 0.5)),
    transitP50With40: micros(percentile(transits(forty.requests), 0.5)),
    transitP99With40: micros(percentile(transits(forty.requests), 0.99)),
    cpuPerChunk: burstCpu / (effort.bursts * BURST_CHUNKS),
    peakRssMb: peakRssBytes / 1024 / 1024,
  };
}

/** Returns the median of each figure. */
export function mediansOf(all: readonly Figures[]): Figures {
  const [first] = all;
  if (first === undefined) throw new TypeError('there are no figures');
  const names = Object.keys(first) as (keyof Figures)[];
  return Object.fromEntries(
    names.map((name) => [name, median(all.map((each) => each[name]))]),
  ) as unknown as Figures;
}
