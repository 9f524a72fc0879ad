/**
 * Usage rows, summed into cells: one for each payer, token and model. Rollups are made of them, and so are reports.
 * Invariant: a row counts in one cell, and cells of the same name add up to the nano-dollar.
 */
import type { Identity } from '../access/grant.ts';
import type { TokenId, WalletId } from '../base/ids.ts';
import { asNanoUsd, type NanoUsd, ZERO_USD } from '../base/money.ts';
import type { UsageRow } from '../wallet/usage-row.ts';

/** What was used: sums over rows. */
export interface UsageSums {
  /** Requests as limits count them: those that were given back whole are not. */
  readonly requests: number;
  /** All input tokens, with cached ones, as providers reported them. */
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly outputTokens: number;
  /** As counted against limits: input and output, and all that was held where a function died. */
  readonly tokens: number;
  readonly costNanoUsd: NanoUsd;
}

export const NO_USAGE: UsageSums = {
  requests: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  tokens: 0,
  costNanoUsd: ZERO_USD,
};

/** Sums with the names they are of. */
export interface UsageCell extends UsageSums {
  readonly walletId: WalletId;
  readonly tokenId?: TokenId;
  /** `provider/model`. */
  readonly model?: string;
  /** The payer, where a row said who it is: rows of requests that died do not. */
  readonly identity?: Identity;
}

/** What one row adds. */
export const sumsOfRow = ({ status, tokens, cost }: UsageRow): UsageSums => ({
  requests: status === 'released' ? 0 : 1,
  inputTokens: tokens.input,
  cachedInputTokens: tokens.cachedInput,
  outputTokens: tokens.output,
  tokens: Number(cost.tokens),
  costNanoUsd: cost.usd,
});

export const addSums = (a: UsageSums, b: UsageSums): UsageSums => ({
  requests: a.requests + b.requests,
  inputTokens: a.inputTokens + b.inputTokens,
  cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  tokens: a.tokens + b.tokens,
  costNanoUsd: asNanoUsd(a.costNanoUsd + b.costNanoUsd),
});

/** The sums of a stretch of a day's rows. A day's rollup is a chain of them, each beginning where another ended. */
export interface RollupSegment {
  readonly day: string;
  /** Rollups of a day that are made anew, for rows that came late, are of a later generation. */
  readonly generation: number;
  /** Where in the order of rows it begins (exclusive; empty: at the first) and ends (inclusive). */
  readonly after: string;
  readonly until: string;
  /** No row followed when it was made. */
  readonly isLast: boolean;
  readonly rows: number;
  readonly cells: readonly UsageCell[];
  /** Its rows that bore the mark by which the sweep finds days, by their place. */
  readonly marked: readonly string[];
}

/** A day whose rollup is whole: its segments of this generation, so many, say all there is. */
export interface SealedDay {
  readonly day: string;
  readonly generation: number;
  readonly segments: number;
}

/** Where a row stands in the order of its day: by the instant at which its request began. */
export const placeOf = ({ reservedAtMs, requestId }: UsageRow): string =>
  `${String(reservedAtMs).padStart(TIME_DIGITS, '0')}#${requestId}`;

const TIME_DIGITS = 13;

/** A segment stays well below the 400 kB of an item. */
const CELL_BYTES_MAX = 200_000;
const MARKED_MAX = 1_000;

/** A segment that is cut for its rows alone has more of them than a page. */
const SEGMENT_ROWS_MAX = 50_000;

/** The sums of a cell, written out. */
const SUMS_BYTES = 100;

type CellName = Omit<UsageCell, keyof UsageSums>;

const nameOfRow = ({ walletId, tokenId, model, identity }: UsageRow): CellName => ({
  walletId,
  ...(tokenId === undefined ? {} : { tokenId }),
  ...(model === undefined ? {} : { model }),
  ...(identity === undefined ? {} : { identity }),
});

/** Sums rows, one by one in their order, until a segment is full. */
export interface SegmentBuilder {
  /** False: it is full, and the row is not in it. */
  add(row: UsageRow, isMarked: boolean): boolean;
  build(isLast: boolean): RollupSegment;
}

export function startSegment(
  start: Pick<RollupSegment, 'day' | 'generation' | 'after'>,
): SegmentBuilder {
  const cells = new Map<string, UsageCell>();
  const marked: string[] = [];
  let until = start.after;
  let rows = 0;
  let bytes = 0;
  return {
    add(row, isMarked) {
      const name = nameOfRow(row);
      const text = JSON.stringify(name);
      const cell = cells.get(text);
      const grownBytes = cell === undefined ? bytes + Buffer.byteLength(text) + SUMS_BYTES : bytes;
      if (rows === SEGMENT_ROWS_MAX || marked.length === MARKED_MAX || grownBytes > CELL_BYTES_MAX)
        return false;
      bytes = grownBytes;
      rows += 1;
      until = placeOf(row);
      if (isMarked) marked.push(until);
      cells.set(text, { ...name, ...addSums(cell ?? NO_USAGE, sumsOfRow(row)) });
      return true;
    },
    build: (isLast) => ({ ...start, until, isLast, rows, cells: [...cells.values()], marked }),
  };
}
