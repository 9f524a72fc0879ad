import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMIT_UNITS, LIMIT_WINDOWS } from '../../../core/base/limits.ts';
import {
  decodeOwnLimits,
  encodeOwnLimits,
  OWN_LIMITS_BYTES_MAX,
  type OwnLimit,
} from '../../../core/wallet/person.ts';

const WEEK: OwnLimit = {
  per: 'user',
  unit: 'usd',
  window: 'week',
  amount: 10_000_000_000n,
  untilMs: 1_795_176_000_000,
};

describe('own limits', () => {
  test('are a short text, five of them within 96 bytes', () => {
    expect(encodeOwnLimits([WEEK])).toBe('234ldqpds@tosuo0');
    const five = encodeOwnLimits([WEEK, WEEK, WEEK, WEEK, WEEK]);
    expect(five.length).toBeLessThanOrEqual(OWN_LIMITS_BYTES_MAX);
  });

  test('are read back as they were written', () => {
    const limit = fc.record(
      {
        per: fc.constant('user' as const),
        unit: fc.constantFrom(...LIMIT_UNITS),
        window: fc.constantFrom(...LIMIT_WINDOWS),
        amount: fc.bigInt({ min: 0n, max: 10n ** 20n }),
        untilMs: fc.nat(2_000_000_000).map((seconds) => seconds * 1_000),
      },
      { requiredKeys: ['per', 'unit', 'window', 'amount'] },
    );
    fc.assert(
      fc.property(fc.array(limit), (limits) => {
        expect(decodeOwnLimits(encodeOwnLimits(limits))).toEqual(limits);
      }),
    );
  });

  test.each(['x', '0', '36', '261', '001@', '001,', '001@x y'])('are not read from %j', (text) => {
    expect(() => decodeOwnLimits(text)).toThrow('own limits of a person cannot be read');
  });
});
