import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asRequestId, asTokenId, asWalletId } from '../../../core/base/ids.ts';
import { LIMIT_UNITS, LIMIT_WINDOWS } from '../../../core/base/limits.ts';
import { asNanoUsd } from '../../../core/base/money.ts';
import { decodeFormerHold } from '../../../core/wallet/former-hold.ts';
import type { Hold } from '../../../core/wallet/hold.ts';
import {
  decodeHold,
  decodeRequestId,
  encodeHold,
  encodeRequestId,
} from '../../../core/wallet/hold-codec.ts';
import { makeHold, usd, WALLET_ID } from '../../support/wallet-fixtures.ts';

const REQUEST_ID = asRequestId('r1');

const IDS = { walletId: WALLET_ID, requestId: REQUEST_ID };
const numbers = '0102030405';
const bytesOf = (text: string) => Buffer.concat([Buffer.from(numbers, 'hex'), Buffer.from(text)]);

describe('the bytes of a hold', () => {
  test('are few and have every part', () => {
    const hold = makeHold({ attempt: 2 });

    const bytes = encodeHold(hold);

    expect(bytes.toString('hex', 0, 16)).toBe('0280d4cfc69f34c0ee6d80c2d72f6474');
    expect(bytes.toString('utf8', 15)).toBe('tokenA|hz');
    expect(decodeHold(IDS, bytes, [])).toEqual(hold);
  });

  // guarantee: hold-names-one-token
  test('have six characters of a token that has a mark in the wallet', () => {
    const tokenId = asTokenId('0123456789abcdefABCDEF');
    const bytes = encodeHold(makeHold({ tokenId }));
    const tokenIn = (...marked: string[]) => decodeHold(IDS, bytes, marked.map(asTokenId)).tokenId;

    expect(bytes.toString('utf8', 15)).toBe('012345|hz');
    expect(tokenIn('fedcba', tokenId)).toBe(tokenId);
    expect(tokenIn()).toBe('012345');
    expect(tokenIn(tokenId, '012345-another-token--')).toBe('012345');
  });

  test("have the whole token in the key's wallet, where no token has a mark", () => {
    const tokenId = asTokenId('0123456789abcdefABCDEF');
    const bytes = encodeHold(makeHold({ tokenId, payerId: asWalletId('k#ubo') }));

    expect(decodeHold(IDS, bytes, []).tokenId).toBe(tokenId);
  });

  // guarantee: later-parts-passed-over
  test.each([
    ['|h~k=key1', { keyId: 'key1' }],
    ['|h|uada~k=key1', { keyId: 'key1', payerId: 'k#uada' }],
    ['|h~z=what comes later~y', { unread: '~z=what comes later~y' }],
    ['|h|uada~z', { payerId: 'k#uada', unread: '~z' }],
    ['|h~k=key1~z', { keyId: 'key1', unread: '~z' }],
  ])('%s keeps what a later version wrote, to the letter', (text, parts) => {
    const hold = decodeHold(IDS, bytesOf(text), []);

    expect(hold).toMatchObject({
      ...{ attempt: 1, reservedAtMs: 2, leaseEndsAtMs: 0 },
      amounts: { usd: 4n, tokens: 5n },
      counted: [{ per: 'user', unit: 'usd', window: 'total' }],
      ...parts,
    });
    expect(encodeHold(hold)).toEqual(bytesOf(text));
  });

  test('read back as the hold they were made of', () => {
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
          const tokenId = token === undefined ? undefined : asTokenId(token);
          const hold: Hold = { ...parts, ...IDS, ...(tokenId && { tokenId }) };
          expect(decodeHold(IDS, encodeHold(hold), tokenId ? [tokenId] : [])).toEqual(hold);
        },
      ),
    );
  });

  test.each([
    ['nothing', ''],
    ['four numbers', '01020304'],
    ['a number without an end', '01020304ff'],
    ['no attempt', '00020304057c68'],
    ['no text', '0102030405'],
    ['an unknown counter', '01020304057c21'],
  ])('are not read from %s', (_what, hex) => {
    expect(() => decodeHold(IDS, Buffer.from(hex, 'hex'), [])).toThrow(
      new TypeError('a hold of the wallet cannot be read'),
    );
  });

  test('are never made of a negative amount', () => {
    expect(() => encodeHold(makeHold({ amounts: usd(-1) }))).toThrow('a hold cannot be negative');
    expect(() => encodeHold(makeHold({ amounts: usd(1, -1n) }))).toThrow();
    expect(() => encodeHold(makeHold({ leaseEndsAtMs: Number.NaN }))).toThrow();
    expect(() => encodeHold(makeHold({ reservedAtMs: 0.5 }))).toThrow();
  });
});

describe("a request's id in the name of a hold", () => {
  test('is 22 characters', () => {
    const id = asRequestId('0f8fad5b-d9cb-469f-a165-70867728950e');

    expect(encodeRequestId(id)).toBe('D4-tW9nLRp-hZXCGdyiVDg');
    expect(decodeRequestId('D4-tW9nLRp-hZXCGdyiVDg')).toBe(id);
  });

  test('reads back as any UUID, and as an id that is none', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uuid(), fc.constant('r1')), (id) => {
        expect(decodeRequestId(encodeRequestId(asRequestId(id)))).toBe(id);
      }),
    );
  });
});

describe('a hold of version 0.1', () => {
  test('is read from its text', () => {
    const formerText = '2|mwoxfuo0|mwoxz540|1njchs|2s|tokenA|hz';

    expect(decodeFormerHold(IDS, formerText)).toEqual({ ...makeHold({ attempt: 2 }), formerText });
  });

  test.each(['', 'x', '0|1|1|1|1||', '1|1|1|1|1|', '1|1|1|-1|1||', '1|1|1|1|1||!', '1|A|1|1|1||'])(
    'is not read from %j',
    (text) => {
      expect(() => decodeFormerHold(IDS, text)).toThrow('a hold of the wallet cannot be read');
    },
  );
});
