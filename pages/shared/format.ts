/**
 * Numbers, money and times as people read them. Times are in the reader's zone.
 */
import { DAY_MS, HOUR_MS, isoDay, MINUTE_MS } from '../../core/base/limits.ts';
import { asNanoUsd, type NanoUsd, nanoUsdFromUsd, toUsdText } from '../../core/base/money.ts';

const WEEK_MS = 7 * DAY_MS;
const YEAR_MS = 365 * DAY_MS;
const NANO_PER_CENT = 10_000_000n;
const NANO_PER_USD = 1_000_000_000n;

/** Converts dollars of an answer to nano-dollars; amounts are added as these alone. */
export function toNano(usd: number): NanoUsd {
  const amount = nanoUsdFromUsd(Math.abs(usd)) ?? 0n;
  return asNanoUsd(usd < 0 ? -amount : amount);
}

const whole = new Intl.NumberFormat('en-US');

/**
 * Formats money: cents from one dollar, else as many digits as it takes to see something. Digits are cut off, never
 * rounded up: what is left is not overstated.
 */
export function formatUsd(amount: NanoUsd): string {
  const sign = amount < 0n ? '-' : '';
  const magnitude = amount < 0n ? -amount : amount;
  if (magnitude >= NANO_PER_USD || magnitude === 0n) {
    const cents = String((magnitude / NANO_PER_CENT) % 100n).padStart(2, '0');
    return `${sign}$${whole.format(magnitude / NANO_PER_USD)}.${cents}`;
  }
  const [, fraction = ''] = toUsdText(asNanoUsd(magnitude)).split('.');
  const digits = fraction.search(/[1-9]/) + 2;
  const shown = fraction.slice(0, Math.max(4, digits)).replace(/0+$/, '').padEnd(2, '0');
  return `${sign}$0.${shown}`;
}

export const formatCount = (count: number): string => whole.format(count);

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });

/** Formats an instant: `today, 14:00`, `Friday, 14:00`, `4 December 2026, 14:00`. */
export function formatInstant(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const isToday = at.toDateString() === new Date(nowMs).toDateString();
  const isNear = Math.abs(atMs - nowMs) < WEEK_MS;
  const day = isToday ? 'today' : isNear ? weekday.format(at) : date.format(at);
  return `${day}, ${clock.format(at)}`;
}

const UNITS = [
  [YEAR_MS, 'year'],
  [DAY_MS, 'day'],
  [HOUR_MS, 'hour'],
  [MINUTE_MS, 'minute'],
  [1_000, 'second'],
] as const;

/** Formats a duration by its largest unit: `4 days`, `34 seconds`. */
export function formatDuration(ms: number): string {
  const [unitMs, name] = UNITS.find(([eachMs]) => eachMs <= ms) ?? [];
  if (unitMs === undefined) return 'a moment';
  const count = Math.floor(ms / unitMs);
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

/** Formats when a window begins anew: `new in 34 seconds`, `new Monday, 01:00`. */
export const formatReset = (atMs: number, nowMs: number): string =>
  atMs - nowMs < HOUR_MS
    ? `new in ${formatDuration(atMs - nowMs)}`
    : `new ${formatInstant(atMs, nowMs)}`;

/** Formats how long ago a day of a report was: `today`, `yesterday`, `3 days ago`. Days are in UTC. */
export function formatDayAgo(day: string, nowMs: number): string {
  const days = Math.round((Date.parse(isoDay(nowMs)) - Date.parse(day)) / DAY_MS);
  return days <= 1 ? (days < 1 ? 'today' : 'yesterday') : `${days} days ago`;
}

const shortDay = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  timeZone: 'UTC',
});

/** Formats a day of a report, `2026-11-20`. */
export const formatDay = (day: string): string => shortDay.format(new Date(`${day}T00:00:00Z`));

/** Splits `a, b` into its parts. */
export const toList = (text: string): readonly string[] =>
  text.split(/[\s,]+/).filter((part) => part !== '');

/** The spans of a report that the consoles offer, in days. */
export const DAYS = { '7': '7 days', '30': '30 days', '90': '90 days' } as const;

/** Returns the last days in UTC, oldest first: reports count by them. */
export const lastDays = (count: number, nowMs: number): readonly string[] =>
  Array.from({ length: count }, (_, ago) => isoDay(nowMs - ago * DAY_MS)).reverse();
