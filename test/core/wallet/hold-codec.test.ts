import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asRequestId, asTokenId } from '../../../core/base/ids.ts';
import { LIMIT_UNITS, LIMIT_WINDOWS } from '../../../core/base/limits.ts';
import { asNanoUsd } from '../../../core/base/money.ts';
import type { Hold } from '../../../core/wallet/hold.ts';
import { decodeHold, encodeHold } from '../../../core/wallet/hold-codec.ts';
import { makeHold, usd, WALLET_ID } from '../../support/wallet-fixtures.ts';

const REQUEST_ID = asRequestId('r1');

describe('the text of a hold', () => {
  test('is short and has every part', () => {
    const text = encodeHold(makeHold({ attempt: 2 }));

    expect(text).toBe('2|mwoxfuo0|mwoxz540|1njchs|2s|tokenA|hz');
    expect(decodeHold(WALLET_ID, REQUEST_ID, text)).toEqual(makeHold({ attempt: 2 }));
  });

  // guarantee: later-parts-passed-over
  test.each([
    ['1|1|1|1|1||h~k=key1', { keyId: 'key1' }],
    ['1|1|1|1|1||h|uada~k=key1', { keyId: 'key1', payerId: 'k#uada' }],
    ['1|1|1|1|1||h~z=what comes later~y', { unread: '~z=what comes later~y' }],
    ['1|1|1|1|1||h|uada~z', { payerId: 'k#uada', unread: '~z' }],
    ['1|1|1|1|1||h~k=key1~z', { keyId: 'key1', unread: '~z' }],
  ])('%s keeps what a later version wrote, to the letter', (text, parts) => {
    const hold = decodeHold(WALLET_ID, REQUEST_ID, text);

    expect(hold).toMatchObject({
      counted: [{ per: 'user', unit: 'usd', window: 'total' }],
      ...parts,
    });
    expect(encodeHold(hold)).toBe(text);
  });

  test('reads back as the hold it was made of', () => {
    const kind = fc.record({
      per: fc.constantFrom('user' as const, 'token' as const),
      unit: fc.constantFrom(...LIMIT_UNITS),
      window: fc.constantFrom(...LIMIT_WINDOWS),
    });
    const instant = fc.nat(Number.MAX_SAFE_INTEGER);
    const amount = fc.bigInt({ min: 0n, max: 10n ** 30n });
    fc.assert(
      fc.property(
        fc.record({
          attempt: fc.integer({ min: 1, max: 1_000 }),
          reservedAtMs: instant,
          leaseEndsAtMs: instant,
          amounts: fc.record({ usd: amount.map(asNanoUsd), tokens: amount }),
          counted: fc.array(kind, { maxLength: 8 }),
        }),
        fc.option(fc.stringMatching(/^[\w-]{22}$/), { nil: undefined }),
        (parts, token) => {
          const hold: Hold = {
            ...parts,
            walletId: WALLET_ID,
            requestId: REQUEST_ID,
            ...(token === undefined ? {} : { tokenId: asTokenId(token) }),
          };
          expect(decodeHold(WALLET_ID, REQUEST_ID, encodeHold(hold))).toEqual(hold);
        },
      ),
    );
  });

  test.each(['', 'x', '0|1|1|1|1||', '1|1|1|1|1|', '1|1|1|-1|1||', '1|1|1|1|1||!', '1|A|1|1|1||'])(
    'is not read from %j',
    (text) => {
      expect(() => decodeHold(WALLET_ID, REQUEST_ID, text)).toThrow(
        new TypeError('a hold of the wallet cannot be read'),
      );
    },
  );

  test('is never written for a negative amount', () => {
    expect(() => encodeHold(makeHold({ amounts: usd(-1) }))).toThrow('a hold cannot be negative');
    expect(() => encodeHold(makeHold({ amounts: usd(1, -1n) }))).toThrow();
    expect(() => encodeHold(makeHold({ leaseEndsAtMs: Number.NaN }))).toThrow();
    expect(() => encodeHold(makeHold({ reservedAtMs: 0.5 }))).toThrow();
  });
});
