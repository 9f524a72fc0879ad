/**
 * Ports for reading usage rows and writing rollups: for reports, the sweep and the audit. No model request waits for them.
 */
import type { KeyId, WalletId } from '../base/ids.ts';
import type { UsageRow } from '../wallet/usage-row.ts';
import type { RollupSegment, SealedDay, UsageCell } from './cells.ts';

/** Reads usage. Fails closed. */
export interface UsageReader {
  /**
   * Reads a page of a key's rows of one day, in the order in which their requests began, strongly consistent.
   */
  readRows(ask: RowsAsk): Promise<RowsPage>;
  /**
   * Reads a page of rolled-up days, both ends inclusive, the newest first. Each day comes after its segments, of any
   * generation, the last one first.
   */
  readRollups(keyId: KeyId, fromDay: string, toDay: string, after?: string): Promise<RollupsPage>;
}

export interface RollupsPage {
  readonly entries: readonly (SealedDay | RollupSegment)[];
  readonly next?: string;
  /** Read units that it took. @default those of a megabyte */
  readonly readUnits?: number;
}

/** A consistent read of a megabyte, in read units. */
export const READ_UNITS_A_PAGE = 256;

export interface RowsAsk {
  readonly keyId: KeyId;
  /** `2026-11-20`. */
  readonly day: string;
  readonly after?: string;
  /** Rows of this wallet only. */
  readonly walletId?: WalletId;
}

export interface RowsPage {
  /** `isMarked`: the row has the mark by which the sweep finds days to roll up. */
  readonly rows: readonly { readonly row: UsageRow; readonly isMarked: boolean }[];
  /** The start of the next page; absent on the last page. */
  readonly next?: string;
  /** Read units that it took, also for rows of other wallets. @default those of a megabyte */
  readonly readUnits?: number;
}

/** A key's day with marked rows, and the places of those that were found. */
export interface OpenDay {
  readonly keyId: KeyId;
  readonly day: string;
  readonly marked: readonly string[];
}

/** Names of payers in rows and rollups. Fails closed; each write may be repeated. */
export interface UsageNames {
  /** Removes the payer's name from a row. */
  forgetRow(keyId: KeyId, day: string, place: string): Promise<void>;
  /** Removes the names of these payers from a segment. Returns in how many cells they were. */
  forgetCells(
    keyId: KeyId,
    segment: RollupSegment,
    isForgotten: (cell: UsageCell) => boolean,
  ): Promise<number>;
}

/** Reads and writes rollups, for the sweep. Fails closed; each write may be repeated. */
export interface Rollups {
  /** Reads a page of days with marked rows, oldest first, up to the last day. May lag behind the rows. */
  findOpenDays(
    lastDay: string,
    after?: string,
  ): Promise<{ readonly days: readonly OpenDay[]; readonly next?: string }>;
  /** Reads all segments of a day, of any generation. */
  findDay(
    keyId: KeyId,
    day: string,
  ): Promise<{
    readonly sealed: SealedDay | undefined;
    readonly segments: readonly RollupSegment[];
  }>;
  /** Returns false if this generation has a segment that begins at the same place. */
  addSegment(keyId: KeyId, segment: RollupSegment): Promise<boolean>;
  /** Returns false if a rollup of this or a later generation is sealed. */
  seal(keyId: KeyId, sealed: SealedDay): Promise<boolean>;
  /** Removes the mark from a row. */
  unmark(keyId: KeyId, day: string, place: string): Promise<void>;
  /** Lets a segment of an earlier generation expire, late enough for current readers. */
  expireSegment(keyId: KeyId, segment: RollupSegment): Promise<void>;
}
