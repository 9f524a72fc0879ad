/**
 * A user of a key, as `GET /v1/users` describes them, and their own limits as a form has them.
 */
import type { LimitInfo, UserView } from '../../core/account/views.ts';

/** A limit as it is typed. */
export interface LimitRow {
  readonly unit: LimitInfo['unit'];
  readonly window: LimitInfo['window'];
  readonly amount: string;
  /** A date or an instant; empty: without an end. */
  readonly until: string;
}

/** Returns the person's own limits as rows of a form. */
export const toLimitRows = ({ limits }: UserView): readonly LimitRow[] =>
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
