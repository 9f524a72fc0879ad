/**
 * Usage rows, summed into cells: one for each payer, token and model. Rollups are made of them, and so are reports.
 * Invariant: a row counts in one cell, and cells of the same name add up to the nano-dollar.
 */
import type { Identity } from './grant.ts';
import type { UsageRow } from './hold.ts';
import type { TokenId, WalletId } from './ids.ts';
import { asNanoUsd, type NanoUsd, ZERO_USD } from './money.ts';

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
