/**
 * A user of a key, as `GET /v1/users` describes them, and their own limits as a form has them.
 */
import type { LimitInfo } from './api.ts';

export interface LimitOfPerson extends LimitInfo {
  /** The person's own, in place of the key's. */
  readonly own: boolean;
  readonly until: string | null;
}

/** One of `data` of `GET /v1/users`. */
export interface Person {
  readonly id: string;
  readonly user: string;
  readonly email: string | null;
  readonly usage_usd: number;
  readonly reserved_usd: number;
  readonly limits: readonly LimitOfPerson[];
  readonly nearest: {
    readonly unit: string;
    readonly window: string;
    readonly percent: number;
  } | null;
  readonly last_seen: string | null;
  readonly minutes_refused: number;
  /** The reason of the block. */
  readonly blocked: string | null;
  readonly note: string | null;
}

/** A limit as it is typed. */
export interface LimitRow {
  readonly unit: LimitInfo['unit'];
  readonly window: LimitInfo['window'];
  readonly amount: string;
  /** A date or an instant; empty: without an end. */
  readonly until: string;
}

/** Returns the person's own limits as rows of a form. */
export const toLimitRows = ({ limits }: Person): readonly LimitRow[] =>
  limits
    .filter(({ own }) => own)
    .map(({ unit, window, limit, until }) => ({
      unit,
      window,
      amount: String(limit),
      until: until ?? '',
    }));

/** Returns the rows as `PATCH /v1/users/{user}` reads them. */
export const toOwnLimits = (rows: readonly LimitRow[]) =>
  rows.map(({ unit, window, amount, until }) => ({
    per: 'user',
    unit,
    window,
    limit: Number(amount),
    ...(until.trim() !== '' && { until: until.trim() }),
  }));
