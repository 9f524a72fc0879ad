import { describe, expect, test } from 'vitest';
import { parseDuration, parseInstant, toWords } from '../../../core/base/duration.ts';

describe('a duration', () => {
  test.each([
    ['1s', 1],
    ['90s', 90],
    ['30m', 1_800],
    ['24h', 86_400],
    ['7d', 604_800],
    ['2w', 1_209_600],
  ])('%s is %i seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  test.each(['', '7', 'd', '0d', '07d', '-7d', '1.5h', '7D', '7 d', '1d12h', '7y', '1234567890s'])(
    '"%s" is none',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  test.each([
    [1, '1 second'],
    [119, '119 seconds'],
    [120, '2 minutes'],
    [7_199, '120 minutes'],
    [7_200, '2 hours'],
    [86_400, '24 hours'],
    [172_800, '2 days'],
    [604_800, '7 days'],
  ])('formats %i seconds as %s', (seconds, words) => {
    expect(toWords(seconds)).toBe(words);
  });
});

describe('an instant', () => {
  test.each([
    ['2026-11-20T12:00Z', 1795176000000],
    ['2026-11-20T12:00:00Z', 1795176000000],
    ['2026-11-20T14:00:00.5+02:00', 1795176000500],
  ])('%s is %i', (text, atMs) => {
    expect(parseInstant(text)).toBe(atMs);
  });

  test.each([
    '2026-11-20',
    '2026-11-20T12:00',
    '2026-11-20 12:00Z',
    '2026-02-30T12:00Z',
    '2026-13-01T12:00Z',
    '2026-11-20T25:00Z',
    'tomorrow',
  ])('"%s" is none', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});
