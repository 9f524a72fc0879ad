/**
 * Reads the rollups of a span day by day, newest first, and no further than somebody wants to know.
 * Invariant: a day counts only if all segments of its seal were read.
 */
import type { KeyId } from '../base/ids.ts';
import type { RollupSegment, SealedDay, UsageCell } from './cells.ts';
import type { UsageReader } from './ports.ts';

export interface RollupSpan {
  readonly keyId: KeyId;
  /** `2026-11-01`, both inclusive. */
  readonly fromDay: string;
  readonly toDay: string;
}

export interface RollupStream {
  /** Returns the cells of a day, each earlier than the day before; undefined: it has no complete rollup. */
  cellsOf(day: string): Promise<readonly UsageCell[] | undefined>;
}

/** @param mayRead false ends the stream: what was not read by then has no rollup */
export function makeRollupStream(
  { keyId, fromDay, toDay }: RollupSpan,
  usage: Pick<UsageReader, 'readRollups'>,
  mayRead: () => boolean,
): RollupStream {
  const queue: (SealedDay | RollupSegment)[] = [];
  let after: string | undefined;
  let isOver = fromDay > toDay;

  /** The next entry, which stays in the queue; undefined at the end. */
  async function peek(): Promise<SealedDay | RollupSegment | undefined> {
    while (queue.length === 0 && !isOver) {
      if (!mayRead()) {
        isOver = true;
        break;
      }
      const page = await usage.readRollups(keyId, fromDay, toDay, after);
      queue.push(...page.entries);
      after = page.next;
      isOver = after === undefined;
    }
    return queue[0];
  }

  return {
    async cellsOf(day) {
      const segments: RollupSegment[] = [];
      for (let entry = await peek(); entry !== undefined; entry = await peek()) {
        if (entry.day < day) return undefined;
        queue.shift();
        if (entry.day > day) continue;
        if ('cells' in entry) {
          segments.push(entry);
          continue;
        }
        const { generation, segments: count } = entry;
        const parts = segments.filter((segment) => segment.generation === generation);
        return parts.length === count ? parts.flatMap(({ cells }) => cells) : undefined;
      }
      return undefined;
    },
  };
}
