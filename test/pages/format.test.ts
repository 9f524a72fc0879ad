import { expect, test } from 'vitest';
import { formatDayAgo } from '../../pages/shared/format.ts';

test.each([
  ['2026-11-20', '2026-11-20T00:00:00Z', 'today'],
  ['2026-11-20', '2026-11-20T23:59:59Z', 'today'],
  ['2026-11-20', '2026-11-21T00:00:00Z', 'yesterday'],
  ['2026-11-20', '2026-11-21T23:59:59Z', 'yesterday'],
  ['2026-11-20', '2026-11-22T00:00:00Z', '2 days ago'],
  ['2026-11-20', '2027-11-20T12:00:00Z', '365 days ago'],
])('the day %s is told at %s as %s', (day, now, told) => {
  expect(formatDayAgo(day, Date.parse(now))).toBe(told);
});
