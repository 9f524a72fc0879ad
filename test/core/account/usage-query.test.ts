import { describe, expect, test } from 'vitest';
import { readGroupBy, readSpan } from '../../../core/account/usage.ts';

/** 2026-11-20T12:00:00Z */
const NOW_MS = 1_795_176_000_000;
const spanOf = (from?: string, to?: string) => {
  const { fromMs, toMs } = readSpan({ from, to }, NOW_MS);
  return [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
};
const faultOf = (read: () => unknown) => {
  try {
    return read();
  } catch (error) {
    return error;
  }
};

describe('the span of a report', () => {
  test.each([
    [
      'this month until today',
      undefined,
      undefined,
      '2026-11-01T00:00:00.000Z',
      '2026-11-21T00:00:00.000Z',
    ],
    [
      'whole days, both',
      '2026-11-02',
      '2026-11-03',
      '2026-11-02T00:00:00.000Z',
      '2026-11-04T00:00:00.000Z',
    ],
    ['one day', '2026-11-02', '2026-11-02', '2026-11-02T00:00:00.000Z', '2026-11-03T00:00:00.000Z'],
    [
      'until today at most',
      '2026-11-19',
      '2027-01-01',
      '2026-11-19T00:00:00.000Z',
      '2026-11-21T00:00:00.000Z',
    ],
    [
      'the month of its end',
      undefined,
      '2026-10-31',
      '2026-10-01T00:00:00.000Z',
      '2026-11-01T00:00:00.000Z',
    ],
    [
      'instants as they are',
      '2026-11-02T10:00:00+02:00',
      '2026-11-02T09:30Z',
      '2026-11-02T08:00:00.000Z',
      '2026-11-02T09:30:00.000Z',
    ],
    [
      '366 days',
      '2025-11-20',
      '2026-11-20',
      '2025-11-20T00:00:00.000Z',
      '2026-11-21T00:00:00.000Z',
    ],
    [
      'empty for days to come',
      '2027-01-01',
      '2027-01-31',
      '2027-01-01T00:00:00.000Z',
      '2027-01-01T00:00:00.000Z',
    ],
  ])('is %s', (_, from, to, fromIso, toIso) => {
    expect(spanOf(from, to)).toEqual([fromIso, toIso]);
  });

  const time = 'must be a date (2026-11-20) or an instant with its zone (2026-11-20T12:00:00Z)';
  test.each([
    ['yesterday', undefined, 'from', time],
    ['2026-02-30', undefined, 'from', time],
    ['2026-11-20T12:00:00', undefined, 'from', time],
    ['', undefined, 'from', time],
    [undefined, '1795176000', 'to', time],
    ['2026-11-03', '2026-11-02', 'from', 'must be before "to"'],
    ['2026-11-20T12:00Z', '2026-11-20T12:00Z', 'from', 'must be before "to"'],
    ['2025-11-19', '2026-11-20', 'from', 'must be at most 366 days before "to"'],
  ])('is refused from %s to %s', (from, to, param, fault) => {
    expect(faultOf(() => spanOf(from, to))).toMatchObject({
      code: 'invalid_request',
      message: `"${param}" ${fault}`,
      facts: { param },
    });
  });
});

describe('the groups of a report', () => {
  test('are by day by default', () => expect(readGroupBy(undefined)).toEqual(['day']));

  test('keep the requested order', () => {
    expect(readGroupBy('model,user,day')).toEqual(['model', 'user', 'day']);
  });

  test.each(['', 'users', 'user,', 'user,user', 'user, day', 'tag:', 'tag:Project', 'tag:a,tag:a'])(
    'is refused as "%s"',
    (text) => {
      expect(faultOf(() => readGroupBy(text))).toMatchObject({
        code: 'invalid_request',
        message:
          '"group_by" must be one or more of user, token, key, model, day, conversation and tag:<name>, each once, with commas',
      });
    },
  );
});
