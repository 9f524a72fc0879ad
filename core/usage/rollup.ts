/**
 * Rollups: sums of a key's rows per day, so that a report of months does not read every row. The sweep makes them.
 * Invariant: a row's mark is removed only after a sealed rollup counts the row, so that no late row is missed.
 */
import type { KeyId } from '../base/ids.ts';
import { DAY_MS, HOUR_MS, isoDay } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import { type RollupSegment, type SealedDay, startSegment } from './cells.ts';
import type { OpenDay, Rollups, UsageReader } from './ports.ts';

/**
 * The delay after the end of a day before its rollup is made. A request of its last moment holds for a quarter of an
 * hour, and the sweep closes it minutes later. The sweep finds even later rows by their mark.
 */
const ROLLUP_DELAY_MS = HOUR_MS;

const PAGES_MAX = 1_000;
const READS_PER_SEGMENT_MAX = 50;

/** The most segments of a day. They sum up gigabytes of rows. */
const SEGMENTS_MAX = 500;

export interface RollupPorts {
  readonly usage: Pick<UsageReader, 'readRows'>;
  readonly rollups: Rollups;
  readonly clock: Clock;
}

export interface RollupOutcome {
  /** Sealed rollups, one per key and day. */
  readonly days: number;
  /** Summed rows. */
  readonly rows: number;
  /** Days that could not be read or written, or that another run works on. The next run tries again. */
  readonly failed: number;
  /** False if the deadline passed or there were more pages than one run reads. */
  readonly finished: boolean;
}

/**
 * Rolls up all days that ended at least an hour ago and have rows that no rollup counts. It may stop at any point, run
 * twice at once, and start again: the next run continues after the last segment. Never throws.
 */
export async function rollUp(
  { usage, rollups, clock }: RollupPorts,
  { deadlineAtMs }: { readonly deadlineAtMs: number },
): Promise<RollupOutcome> {
  const lastDay = isoDay(clock.nowMs() - ROLLUP_DELAY_MS - DAY_MS);
  const total = { days: 0, rows: 0, failed: 0 };
  const seen = new Set<string>();
  const isLate = () => clock.nowMs() >= deadlineAtMs;
  let after: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const found = await rollups.findOpenDays(lastDay, after).catch(() => undefined);
    if (found === undefined) return { ...total, failed: total.failed + 1, finished: false };
    for (const open of found.days) {
      const name = `${open.keyId}#${open.day}`;
      if (seen.has(name)) continue; // The next run handles the day's remaining marks.
      if (isLate()) return { ...total, finished: false };
      seen.add(name);
      const outcome = await rollUpDay(open, { usage, rollups }, isLate);
      total.days += outcome.isSealed ? 1 : 0;
      total.rows += outcome.rows;
      total.failed += outcome.isSealed || isLate() ? 0 : 1;
    }
    after = found.next;
    if (after === undefined) return { ...total, finished: !isLate() };
  }
  return { ...total, finished: false };
}

interface DayOutcome {
  readonly isSealed: boolean;
  readonly rows: number;
}

type DayPorts = Pick<RollupPorts, 'usage' | 'rollups'>;

/** Rolls up one day. Never throws, so that one failing day does not stop the others. */
async function rollUpDay(
  open: OpenDay,
  ports: DayPorts,
  isLate: () => boolean,
): Promise<DayOutcome> {
  let rows = 0;
  try {
    const { keyId, day } = open;
    const { sealed, segments } = await ports.rollups.findDay(keyId, day);
    const sealedSegments = segments.filter(({ generation }) => generation === sealed?.generation);
    if (sealed !== undefined && isCounted(open.marked, sealedSegments)) {
      await unmark(keyId, day, sealedSegments, ports.rollups);
      return { isSealed: true, rows };
    }
    const generation = (sealed?.generation ?? 0) + 1;
    const chain = chainOf(segments.filter((segment) => segment.generation === generation));
    while (chain.at(-1)?.isLast !== true) {
      if (isLate() || chain.length === SEGMENTS_MAX) return { isSealed: false, rows };
      const start = { day, generation, after: chain.at(-1)?.until ?? '' };
      const segment = await sumSegment(keyId, start, ports.usage);
      if (!(await ports.rollups.addSegment(keyId, segment))) return { isSealed: false, rows };
      chain.push(segment);
      rows += segment.rows;
    }
    const seal: SealedDay = { day, generation, segments: chain.length };
    if (!(await ports.rollups.seal(keyId, seal))) return { isSealed: false, rows };
    await unmark(keyId, day, chain, ports.rollups);
    for (const segment of sealedSegments) await ports.rollups.expireSegment(keyId, segment);
    return { isSealed: true, rows };
  } catch {
    return { isSealed: false, rows }; // Counted as failed. The marks remain for the next run.
  }
}

const isCounted = (marked: readonly string[], segments: readonly RollupSegment[]): boolean => {
  const counted = new Set(segments.flatMap((segment) => segment.marked));
  return marked.every((place) => counted.has(place));
};

/** Orders segments so that each begins where the previous one ended. */
function chainOf(segments: readonly RollupSegment[]): RollupSegment[] {
  const byStart = new Map(segments.map((segment) => [segment.after, segment]));
  const chain: RollupSegment[] = [];
  let next = byStart.get('');
  while (next !== undefined && chain.length < byStart.size) {
    chain.push(next);
    next = next.isLast ? undefined : byStart.get(next.until);
  }
  return chain;
}

async function sumSegment(
  keyId: KeyId,
  start: Pick<RollupSegment, 'day' | 'generation' | 'after'>,
  usage: RollupPorts['usage'],
): Promise<RollupSegment> {
  const builder = startSegment(start);
  let after = start.after === '' ? undefined : start.after;
  for (let read = 0; read < READS_PER_SEGMENT_MAX; read += 1) {
    const page = await usage.readRows({ keyId, day: start.day, ...(after && { after }) });
    for (const { row, isMarked } of page.rows) {
      if (!builder.add(row, isMarked)) return builder.build(false);
    }
    after = page.next;
    if (after === undefined) return builder.build(true);
  }
  return builder.build(false);
}

/** Removes the marks of rows that a sealed rollup counts. Without a mark, the sweep cannot find a row. */
async function unmark(
  keyId: KeyId,
  day: string,
  segments: readonly RollupSegment[],
  rollups: Rollups,
): Promise<void> {
  for (const place of segments.flatMap(({ marked }) => marked)) {
    await rollups.unmark(keyId, day, place);
  }
}
