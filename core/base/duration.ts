/**
 * Durations and instants as people write them. Flow: command > **time** > claim or record.
 */

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3_600,
  d: 86_400,
  w: 604_800,
};

/** `90s`, `30m`, `24h`, `7d`, `2w` in seconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,8})([smhdw])$/.exec(text) ?? [];
  const seconds = UNIT_SECONDS[unit];
  return seconds === undefined ? undefined : Number(digits) * seconds;
}

/** RFC 3339 with its zone; seconds may be left out. A bare day would be another instant elsewhere. */
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

/** `2026-12-01T12:00Z` in milliseconds since 1970; undefined for anything else, and for days that no month has. */
export function parseInstant(text: string): number | undefined {
  if (!INSTANT.test(text)) return undefined;
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) return undefined;
  const day = Number(text.slice(8, 10));
  // Date.parse takes the 31st of a short month for the first of the next.
  return new Date(Date.parse(`${text.slice(0, 10)}T00:00Z`)).getUTCDate() === day
    ? atMs
    : undefined;
}

/** Seconds in the largest units that say them to about a tenth: `24 hours`, `6 days`, `90 seconds`. */
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
