/**
 * Durations and instants as people write them.
 */

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3_600,
  d: 86_400,
  w: 604_800,
};

/** Reads `90s`, `30m`, `24h`, `7d`, `2w` as seconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,8})([smhdw])$/.exec(text) ?? [];
  const seconds = UNIT_SECONDS[unit];
  return seconds === undefined ? undefined : Number(digits) * seconds;
}

/** RFC 3339, 5.6, with a zone, so that the reader's own zone does not matter. Seconds are optional. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** Reads `2026-12-01T12:00Z` as unix milliseconds; undefined for anything else, and for 30 February. */
export function parseInstant(text: string): number | undefined {
  const atMs = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs) || parseDate(text.slice(0, 10)) === undefined) return undefined;
  return atMs;
}

/** Reads `2026-12-01` as the start of that day in UTC, in unix milliseconds; undefined for anything else. */
export function parseDate(text: string): number | undefined {
  const atMs = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  // Date.parse reads 30 February as 2 March.
  const isDay = !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(text);
  return isDay ? atMs : undefined;
}

/** Formats seconds in the largest unit of which there are two or more: `24 hours`, `6 days`, `90 seconds`. */
export function toWords(seconds: number): string {
  for (const [name, unit] of [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ] as const) {
    if (seconds >= 2 * unit) return count(Math.round(seconds / unit), name);
  }
  return count(Math.round(seconds), 'second');
}

const count = (number: number, name: string): string =>
  `${number} ${name}${number === 1 ? '' : 's'}`;
