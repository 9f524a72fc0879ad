/**
 * Rollups: a day's rows of a key, summed, so that a report of months does not read every row. Made by the sweep.
 * Invariant: a mark leaves a row only after a sealed rollup counts that row; so no row, however late, is missed.
 */
import type { KeyId } from '../base/ids.ts';
import { DAY_MS, HOUR_MS, isoDay } from '../base/limits.ts';
import type { Clock } from '../base/ports.ts';
import { type RollupSegment, type SealedDay, startSegment } from './cells.ts';
import type { OpenDay, Rollups, UsageReader } from './ports.ts';

/**
 * How long after its end a day is rolled up: a request that began in its last moment holds for a quarter of an hour,
 * and the sweep that closes it comes minutes later. A row that is later still is found by its mark.
 */
export const ROLLUP_DELAY_MS = HOUR_MS;

const PAGES_MAX = 1_000;
const READS_PER_SEGMENT_MAX = 50;

/** Segments of a day in one run: some gigabytes of rows. */
const SEGMENTS_MAX = 500;

export interface RollupPorts {
  readonly usage: Pick<UsageReader, 'readRows'>;
  readonly rollups: Rollups;
  readonly clock: Clock;
}

export interface RollupOutcome {
  /** Days of a key whose rollup was sealed. */
  readonly days: number;
  /** Rows that were summed. */
  readonly rows: number;
  /** Days that could not be read or written, or that another run was at; the next one tries again. */
  readonly failed: number;
  /** False: the deadline came, or there was more than a run takes. */
  readonly finished: boolean;
}

/**
 * Rolls up all days that ended an hour ago or earlier and have rows that no rollup counts. May stop at any point, run
 * twice at once, and begin again: what it wrote stands, and the next run goes on behind it. Never throws.
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
      if (seen.has(name)) continue; // What a page more says of it, the index of the next run will.
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

/** One day that fails keeps none of the others from being rolled up. */
async function rollUpDay(
  open: OpenDay,
  ports: DayPorts,
  isLate: () => boolean,
): Promise<DayOutcome> {
  let rows = 0;
  try {
    const { keyId, day } = open;
    const { sealed, segments } = await ports.rollups.findDay(keyId, day);
    const standing = segments.filter(({ generation }) => generation === sealed?.generation);
    if (sealed !== undefined && isCounted(open.marked, standing)) {
      await unmark(keyId, day, standing, ports.rollups);
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
    for (const segment of standing) await ports.rollups.letGo(keyId, segment);
    return { isSealed: true, rows };
  } catch {
    return { isSealed: false, rows }; // Counted as failed; the marks are still there.
  }
}

const isCounted = (marked: readonly string[], segments: readonly RollupSegment[]): boolean => {
  const counted = new Set(segments.flatMap((segment) => segment.marked));
  return marked.every((place) => counted.has(place));
};

/** Segments in their order, each beginning where the one before ended. */
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

/** Only now that a sealed rollup counts these rows: the marks are all that leads to them. */
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
