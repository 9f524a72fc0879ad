import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  asNanoUsd,
  ceilDivide,
  nanoUsdFromUsd,
  toUsdText,
  usdFromNano,
} from '../../../core/base/money.ts';

describe('nanoUsdFromUsd', () => {
  test.each([
    ['two dollars', 2, 2_000_000_000n],
    ['what a double cannot hold exactly', 0.29, 290_000_000n],
    ['the sum that is famous for its error', 0.1 + 0.2, 300_000_000n],
    ['the smallest amount', 1e-9, 1n],
    ['a small amount with an exponent', 1.5e-7, 150n],
    ['digits beyond the ninth decimal, cut off', 0.1234567899, 123_456_789n],
    ['the largest amount', 1e9, 1_000_000_000_000_000_000n],
  ])('reads %s', (_name, usd, nano) => {
    expect(nanoUsdFromUsd(usd)).toBe(nano);
  });

  test.each([0, -1, 9.9e-10, 1.1e9, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d', (usd) => {
    expect(nanoUsdFromUsd(usd)).toBeUndefined();
  });

  test('never returns more than the written amount, and parses what it formats', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, 10n ** 15n), (amount) => {
        const nano = asNanoUsd(amount);
        expect(nanoUsdFromUsd(usdFromNano(nano))).toBe(amount);
      }),
    );
  });
});

describe('toUsdText', () => {
  test.each([
    [2_000_000_000n, '2'],
    [15_000n, '0.000015'],
    [-500_000_000n, '-0.5'],
    [0n, '0'],
    [1_000_000_001n, '1.000000001'],
  ])('writes %d nano-dollars as %s', (nano, text) => {
    expect(toUsdText(asNanoUsd(nano))).toBe(text);
  });
});

describe('ceilDivide', () => {
  test.each([
    [0n, 3n, 0n],
    [1n, 3n, 1n],
    [3n, 3n, 1n],
    [4n, 3n, 2n],
  ])('gives %d / %d = %d', (amount, divisor, quotient) => {
    expect(ceilDivide(amount, divisor)).toBe(quotient);
  });
});
