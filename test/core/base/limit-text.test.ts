import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatLimit, parseLimit, sayLimit } from '../../../core/base/limit-text.ts';
import {
  counterName,
  LIMIT_UNITS,
  LIMIT_WINDOWS,
  windowAt,
  windowEndMs,
} from '../../../core/base/limits.ts';

const FRIDAY_NOON_MS = 1_795_176_000_000; // 2026-11-20T12:00:00Z

describe('parseLimit', () => {
  test.each([
    ['user:requests:minute=20', { per: 'user', unit: 'requests', window: 'minute', amount: 20n }],
    ['user:usd:week=5', { per: 'user', unit: 'usd', window: 'week', amount: 5_000_000_000n }],
    ['key:usd:month=500', { per: 'key', unit: 'usd', window: 'month', amount: 500_000_000_000n }],
    ['key:requests:hour=9', { per: 'key', unit: 'requests', window: 'hour', amount: 9n }],
    ['token:usd:total=0.5', { per: 'token', unit: 'usd', window: 'total', amount: 500_000_000n }],
  ])('reads %s', (text, limit) => {
    expect(parseLimit(text)).toEqual(limit);
  });

  test.each([
    ['users:usd:month=5', '"per" must be one of user, token, key, got "users"'],
    ['user:eur:month=5', '"unit" must be one of requests, tokens, usd, got "eur"'],
    [
      'user:usd:year=5',
      '"window" must be one of minute, hour, day, week, month, total, got "year"',
    ],
    ['user:usd:month=0', 'its value must be dollars from 0.000000001 to 1000000000, got "0"'],
    ['user:usd:month=-1', 'got "-1"'],
    ['user:usd:month=1e3', 'got "1e3"'],
    ['user:usd:month', 'got ""'],
    [
      'user:requests:minute=1.5',
      'its value must be a whole number from 1 to 9007199254740991, got "1.5"',
    ],
    ['user:requests:minute=0', 'got "0"'],
    ['user:requests:minute=9007199254740992', 'got "9007199254740992"'],
    ['user:requests:minute:x=1', 'its value must be'],
    ['user:requests:minute=1=2', 'its value must be'],
  ])('refuses %s and names what is allowed', (text, words) => {
    expect(() => parseLimit(text)).toThrow(words);
    expect(() => parseLimit(text)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });

  test('parses every limit that it formats', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('user' as const, 'token' as const),
        fc.constantFrom(...LIMIT_UNITS),
        fc.constantFrom(...LIMIT_WINDOWS),
        fc.bigInt(1n, 10n ** 15n),
        (per, unit, window, amount) => {
          const limit = { per, unit, window, amount };
          expect(parseLimit(formatLimit(limit))).toEqual(limit);
        },
      ),
    );
  });
});

describe('windowAt', () => {
  test.each([
    ['minute', '29919600', '2026-11-20T12:01:00.000Z'],
    ['hour', '498660', '2026-11-20T13:00:00.000Z'],
    ['day', '2026-11-20', '2026-11-21T00:00:00.000Z'],
    ['week', '2026-11-16', '2026-11-23T00:00:00.000Z'],
    ['month', '2026-11', '2026-12-01T00:00:00.000Z'],
  ] as const)('names the %s and its end', (window, name, end) => {
    expect(windowAt(window, FRIDAY_NOON_MS)).toEqual({ name, endsAtMs: Date.parse(end) });
  });

  test('never ends for total', () => {
    expect(windowAt('total', FRIDAY_NOON_MS)).toEqual({ name: '', endsAtMs: null });
  });

  test.each([
    ['the last millisecond of Sunday', '2026-11-22T23:59:59.999Z', '2026-11-16'],
    ['the first of Monday', '2026-11-23T00:00:00.000Z', '2026-11-23'],
    ['a week over New Year', '2027-01-01T00:00:00.000Z', '2026-12-28'],
  ])('starts weeks on Monday: %s', (_name, at, monday) => {
    expect(windowAt('week', Date.parse(at)).name).toBe(monday);
  });

  test('puts December before January', () => {
    expect(windowAt('month', Date.parse('2026-12-31T23:59:59.999Z'))).toEqual({
      name: '2026-12',
      endsAtMs: Date.parse('2027-01-01T00:00:00Z'),
    });
  });

  test('returns a window that ends after the instant, with the same end by its name', () => {
    const instants = fc.integer({ min: 0, max: 4_102_444_800_000 });
    fc.assert(
      fc.property(fc.constantFrom(...LIMIT_WINDOWS), instants, (window, atMs) => {
        const span = windowAt(window, atMs);
        expect(windowEndMs(window, span.name)).toBe(span.endsAtMs);
        if (span.endsAtMs !== null) {
          expect(span.endsAtMs).toBeGreaterThan(atMs);
          expect(windowAt(window, span.endsAtMs).name).not.toBe(span.name);
        }
      }),
    );
  });
});

describe('counterName', () => {
  test.each([
    ['user', 'usd', 'month', 'usd:month:2026-11'],
    ['user', 'usd', 'total', 'usd:total'],
    ['user', 'requests', 'minute', 'requests:minute:29919600'],
    ['token', 'usd', 'total', 't:abc:usd:total'],
    ['token', 'tokens', 'day', 't:abc:tokens:day:2026-11-20'],
  ] as const)('says what %s %s %s counts', (per, unit, window, name) => {
    expect(counterName({ per, unit, window }, 'abc', FRIDAY_NOON_MS)).toBe(name);
  });
});

test.each([
  ['user:usd:week=10', '$10 a week'],
  ['user:usd:total=0.5', '$0.5 in all'],
  ['user:requests:minute=20', '20 requests a minute'],
  ['token:tokens:hour=5000', '5000 tokens an hour'],
])('sayLimit says %s as "%s"', (text, words) => {
  expect(sayLimit(parseLimit(text))).toBe(words);
});
