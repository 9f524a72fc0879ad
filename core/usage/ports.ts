/**
 * What is read and made of usage rows after the fact: reports, rollups, the audit. No request waits for any of it.
 */
import type { KeyId, WalletId } from '../base/ids.ts';
import type { UsageRow } from '../wallet/usage-row.ts';
import type { RollupSegment, SealedDay } from './cells.ts';

/** Usage, read. Fails closed. */
export interface UsageReader {
  /**
   * Rows of a key's day in the order in which their requests began, a page at a time, strongly consistent.
   * @param after where the page before ended
   */
  readRows(ask: RowsAsk): Promise<RowsPage>;
  /**
   * Days that are rolled up, each followed by the segments of its rollup, of whatever generation, in their order, a
   * page at a time; both days inclusive.
   */
  readRollups(
    keyId: KeyId,
    fromDay: string,
    toDay: string,
    after?: string,
  ): Promise<{ readonly entries: readonly (SealedDay | RollupSegment)[]; readonly next?: string }>;
}

export interface RowsAsk {
  readonly keyId: KeyId;
  /** `2026-11-20`. */
  readonly day: string;
  readonly after?: string;
  /** Rows of this wallet only. */
  readonly walletId?: WalletId;
}

export interface RowsPage {
  /** `isMarked`: it bears the mark by which the sweep finds days to roll up. */
  readonly rows: readonly { readonly row: UsageRow; readonly isMarked: boolean }[];
  /** Where the next page begins; absent: this was the last. */
  readonly next?: string;
}

/** A key's day that has rows which bear a mark, and the places of those that were found. */
export interface OpenDay {
  readonly keyId: KeyId;
  readonly day: string;
  readonly marked: readonly string[];
}

/** Rollups of days, for the sweep that makes them. Fails closed; each write may be repeated. */
export interface Rollups {
  /** Days up to the last one that have marked rows, oldest first, a page at a time. May lag behind the rows. */
  findOpenDays(
    lastDay: string,
    after?: string,
  ): Promise<{ readonly days: readonly OpenDay[]; readonly next?: string }>;
  /** All there is of a day's rollup, of whatever generation. */
  findDay(
    keyId: KeyId,
    day: string,
  ): Promise<{
    readonly sealed: SealedDay | undefined;
    readonly segments: readonly RollupSegment[];
  }>;
  /** False: there is one of this generation that begins there. */
  addSegment(keyId: KeyId, segment: RollupSegment): Promise<boolean>;
  /** False: a rollup of this or a later generation is sealed. */
  seal(keyId: KeyId, sealed: SealedDay): Promise<boolean>;
  /** Takes the mark from a row. */
  unmark(keyId: KeyId, day: string, place: string): Promise<void>;
  /** Lets a segment of an earlier generation go, once whoever reads it now is done. */
  letGo(keyId: KeyId, segment: RollupSegment): Promise<void>;
}
