/**
 * Limits as values: what a limit counts, which calendar window an instant lies in, and the name of its counter.
 * Invariant: a counter's name says everything about it, so a new window starts at zero by itself.
 */

export const LIMIT_PERS = ['user', 'token', 'key'] as const;
export const LIMIT_UNITS = ['requests', 'tokens', 'usd'] as const;
export const LIMIT_WINDOWS = ['minute', 'hour', 'day', 'week', 'month', 'total'] as const;
export type LimitPer = (typeof LIMIT_PERS)[number];
export type LimitUnit = (typeof LIMIT_UNITS)[number];
export type LimitWindow = (typeof LIMIT_WINDOWS)[number];

/**
 * The kind of a counter. `user` counters belong to the payer, `token` ones to one scoped token. `key` ones count all
 * requests of a key: minute and hour in the key's own wallet, longer windows in slices.
 */
export interface CounterKind {
  readonly per: LimitPer;
  readonly unit: LimitUnit;
  readonly window: LimitWindow;
}

/** One limit. `amount` is in requests, tokens (input + output) or nano-dollars. */
export interface Limit extends CounterKind {
  readonly amount: bigint;
}

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** A calendar window in UTC: its name within its kind, and the instant it ends (null: never). */
interface WindowSpan {
  readonly name: string;
  readonly endsAtMs: number | null;
}

/** Thursday 1 January 1970 lies in the week that began on Monday 29 December 1969. */
const EPOCH_WEEKDAY_OFFSET_DAYS = 3;

/** Returns the window that an instant lies in. Weeks start on Monday (ISO 8601) and are named by that day. */
export function windowAt(window: LimitWindow, atMs: number): WindowSpan {
  switch (window) {
    case 'minute':
      return numberedWindow(MINUTE_MS, atMs);
    case 'hour':
      return numberedWindow(HOUR_MS, atMs);
    case 'day': {
      const startMs = Math.floor(atMs / DAY_MS) * DAY_MS;
      return { name: isoDay(startMs), endsAtMs: startMs + DAY_MS };
    }
    case 'week': {
      const day = Math.floor(atMs / DAY_MS);
      const startMs = (day - ((day + EPOCH_WEEKDAY_OFFSET_DAYS) % 7)) * DAY_MS;
      return { name: isoDay(startMs), endsAtMs: startMs + 7 * DAY_MS };
    }
    case 'month': {
      const at = new Date(atMs);
      const endsAtMs = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1);
      return { name: isoDay(atMs).slice(0, 7), endsAtMs };
    }
    case 'total':
      return { name: '', endsAtMs: null };
  }
}

/** Minutes and hours are numbered from 1970. */
function numberedWindow(lengthMs: number, atMs: number): WindowSpan {
  const index = Math.floor(atMs / lengthMs);
  return { name: String(index), endsAtMs: (index + 1) * lengthMs };
}

/** Returns when the window of this kind and name ends; null for `total`. For counters that already exist. */
export function windowEndMs(window: LimitWindow, name: string): number | null {
  switch (window) {
    case 'minute':
      return (Number(name) + 1) * MINUTE_MS;
    case 'hour':
      return (Number(name) + 1) * HOUR_MS;
    case 'total':
      return null;
    case 'month':
      return windowAt('month', Date.parse(`${name}-01T00:00:00Z`)).endsAtMs;
    default:
      return windowAt(window, Date.parse(`${name}T00:00:00Z`)).endsAtMs;
  }
}

/**
 * Returns the attribute that counts: `usd:month:2026-11`, `requests:minute:29384756` or `usd:total` for the payer
 * and for the key; the same behind `t:<token>:` for one token.
 */
export function counterName(kind: CounterKind, tokenId: string | undefined, atMs: number): string {
  const { name } = windowAt(kind.window, atMs);
  const own = `${kind.unit}:${kind.window}${name === '' ? '' : `:${name}`}`;
  return kind.per === 'token' ? `t:${tokenId}:${own}` : own;
}

/** Formats the day of an instant in UTC: `2026-11-20`. */
export const isoDay = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/** Returns true for minute and hour, whose counters are rates. Longer windows are budgets and are exact. */
export const isShortWindow = (window: LimitWindow): boolean =>
  window === 'minute' || window === 'hour';
