/**
 * Sums of usage rows: one cell per payer, token, model and tags. Rollups and reports consist of cells.
 * Invariant: a row counts in exactly one cell, and sums are exact to the nano-dollar.
 */
import type { Identity } from '../access/grant.ts';
import type { TokenId, WalletId } from '../base/ids.ts';
import { asNanoUsd, type NanoUsd, ZERO_USD } from '../base/money.ts';
import type { Tags } from '../base/tags.ts';
import type { UsageRow } from '../wallet/usage-row.ts';

/** Sums over usage rows. */
export interface UsageSums {
  /** Requests as limits count them, without released ones. */
  readonly requests: number;
  /** All input tokens, including cached ones, as providers reported them. */
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly outputTokens: number;
  /** Tokens as limits count them: input and output, and the held ones of a request that died. */
  readonly tokens: number;
  readonly costNanoUsd: NanoUsd;
  /** The part of the cost beyond what requests held. Only this part can pass a limit. */
  readonly overrunNanoUsd: NanoUsd;
}

export const NO_USAGE: UsageSums = {
  requests: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  tokens: 0,
  costNanoUsd: ZERO_USD,
  overrunNanoUsd: ZERO_USD,
};

/** Sums with the payer, token and model that they belong to. */
export interface UsageCell extends UsageSums {
  readonly walletId: WalletId;
  readonly tokenId?: TokenId;
  /** `provider/model`. */
  readonly model?: string;
  /** The payer; absent in rows of requests that died. */
  readonly identity?: Identity;
  readonly tags?: Tags;
}

/** Returns the sums of one row. */
export const sumsOfRow = ({ status, tokens, cost, overrunNanoUsd }: UsageRow): UsageSums => ({
  requests: status === 'released' ? 0 : 1,
  inputTokens: tokens.input,
  cachedInputTokens: tokens.cachedInput,
  outputTokens: tokens.output,
  tokens: Number(cost.tokens),
  costNanoUsd: cost.usd,
  overrunNanoUsd,
});

export const addSums = (a: UsageSums, b: UsageSums): UsageSums => ({
  requests: a.requests + b.requests,
  inputTokens: a.inputTokens + b.inputTokens,
  cachedInputTokens: a.cachedInputTokens + b.cachedInputTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  tokens: a.tokens + b.tokens,
  costNanoUsd: asNanoUsd(a.costNanoUsd + b.costNanoUsd),
  overrunNanoUsd: asNanoUsd(a.overrunNanoUsd + b.overrunNanoUsd),
});

/** The sums of consecutive rows of a day. A day's rollup is a chain of segments. */
export interface RollupSegment {
  readonly day: string;
  /** A rollup that is made again, because rows came late, has the next generation. */
  readonly generation: number;
  /** The places of the rows where it begins (exclusive; empty for the first segment) and ends (inclusive). */
  readonly after: string;
  readonly until: string;
  /** True if no row followed when it was made. */
  readonly isLast: boolean;
  readonly rows: number;
  readonly cells: readonly UsageCell[];
  /** The places of its rows that had the mark by which the sweep finds days. */
  readonly marked: readonly string[];
}

/** A day whose rollup is complete, with its generation and number of segments. */
export interface SealedDay {
  readonly day: string;
  readonly generation: number;
  readonly segments: number;
}

/** Returns a row's place in the order of its day, by the instant at which its request began. */
export const placeOf = ({ reservedAtMs, requestId }: UsageRow): string =>
  `${String(reservedAtMs).padStart(TIME_DIGITS, '0')}#${requestId}`;

const TIME_DIGITS = 13;

/**
 * Keeps a segment, with its marks, below DynamoDB's 409,600 bytes per item. A day of 1,000 payers fits: if it did not, each
 * segment would name most of them again.
 */
const CELL_BYTES_MAX = 350_000;
const MARKED_MAX = 1_000;

/** More than one page of rows, so that each segment makes progress. */
const SEGMENT_ROWS_MAX = 50_000;

/** Bytes of a cell's sums as text. */
const SUMS_BYTES = 100;

type CellName = Omit<UsageCell, keyof UsageSums>;

const nameOfRow = ({ walletId, tokenId, model, identity, tags }: UsageRow): CellName => ({
  walletId,
  ...(tokenId === undefined ? {} : { tokenId }),
  ...(model === undefined ? {} : { model }),
  ...(identity === undefined ? {} : { identity }),
  ...(tags && { tags }),
});

/** Sums rows one by one, in order, until a segment is full. */
interface SegmentBuilder {
  /** Returns false if the segment is full; then the row is not in it. */
  add(row: UsageRow, isMarked: boolean): boolean;
  build(isLast: boolean): RollupSegment;
}

/** Starts an empty segment. */
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
