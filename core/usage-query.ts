/**
 * What a report is asked for in words: a span of days or instants, and what to group by. Flow: request > **read** > report.
 * Invariant: what cannot be read in one way is refused.
 */
import { GatewayError } from './base/errors.ts';
import { DAY_MS, windowAt } from './base/limit-text.ts';
import { GROUP_BYS, type GroupBy } from './usage/report.ts';

/** A report covers this many days at most. */
export const REPORT_DAYS_MAX = 366;

/**
 * The span of a report. A date stands for its whole day, UTC, `to` too; an instant `to` is exclusive.
 * Without `from` the month of `to`, or this one, from its start; without `to` until now.
 * @returns a span that ends no later than today does; an empty one for days to come
 * @throws invalid_request naming the parameter
 */
export function readSpan(
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  nowMs: number,
): { readonly fromMs: number; readonly toMs: number } {
  const endOfTodayMs = (Math.floor(nowMs / DAY_MS) + 1) * DAY_MS;
  const askedToMs = to === undefined ? endOfTodayMs : parseTime('to', to, DAY_MS);
  const fromMs =
    from === undefined
      ? startOfMonth(Math.min(askedToMs, endOfTodayMs) - 1)
      : parseTime('from', from, 0);
  if (fromMs >= askedToMs) throw badParameter('from', 'must be before "to"');
  if (askedToMs - fromMs > REPORT_DAYS_MAX * DAY_MS) {
    throw badParameter('from', `must be at most ${REPORT_DAYS_MAX} days before "to"`);
  }
  return { fromMs, toMs: Math.max(fromMs, Math.min(askedToMs, endOfTodayMs)) };
}

const startOfMonth = (atMs: number): number =>
  Date.parse(`${windowAt('month', atMs).name}-01T00:00:00Z`);

const DATE = /^\d{4}-\d\d-\d\d$/;
/** RFC 3339, 5.6: with a zone, so that no reader's own zone decides. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

function parseTime(name: 'from' | 'to', text: string, dayMs: number): number {
  const isDate = DATE.test(text);
  const atMs = isDate || INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  // Date.parse takes 30 February for 2 March.
  const isReal = isDate
    ? !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(text)
    : true;
  if (Number.isNaN(atMs) || atMs < 0 || !isReal) {
    throw badParameter(
      name,
      'must be a date (2026-11-20) or an instant with its zone (2026-11-20T12:00:00Z)',
    );
  }
  return isDate ? atMs + dayMs : atMs;
}

/**
 * What to group by: names with commas between them, each once; absent: by day.
 * @throws invalid_request
 */
export function readGroupBy(text: string | undefined): readonly GroupBy[] {
  if (text === undefined) return ['day'];
  const names = text.split(',');
  const known = GROUP_BYS.filter((name) => names.includes(name));
  if (known.length !== names.length) {
    throw badParameter(
      'group_by',
      `must be one or more of ${GROUP_BYS.join(', ')}, each once, with commas`,
    );
  }
  return GROUP_BYS.filter((name) => known.includes(name)).sort(
    (a, b) => names.indexOf(a) - names.indexOf(b),
  );
}

const badParameter = (param: string, fault: string): GatewayError =>
  new GatewayError('invalid_request', { message: `"${param}" ${fault}`, param });
