import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asRequestId, asTokenId, type TokenId } from '../../../core/base/ids.ts';
import { LIMIT_UNITS, LIMIT_WINDOWS, type Limit } from '../../../core/base/limits.ts';
import { asNanoUsd } from '../../../core/base/money.ts';
import type { Hold, LimitState } from '../../../core/wallet/hold.ts';
import { decodeHold, encodeHold, holdPrefix } from '../../../core/wallet/hold-codec.ts';
import type { Wallet } from '../../../core/wallet/ports.ts';
import {
  countersToReserve,
  decideRefusal,
  expiredHolds,
  hasNothingLeft,
  limitStatesOf,
  parseCounterName,
  settlementOf,
  staleOf,
} from '../../../core/wallet/wallet.ts';
import {
  makeHold,
  makeRow,
  NOW_MS,
  TOKEN_ID,
  usd,
  WALLET_ID,
} from '../../support/wallet-fixtures.ts';

const OTHER = asTokenId('tokenB');
const REQUEST_ID = asRequestId('r1');
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const makeWallet = (overrides: Partial<Wallet> = {}): Wallet => ({
  id: WALLET_ID,
  counters: new Map(),
  holds: new Map(),
  slices: new Map(),
  draws: 0,
  inFlight: 0,
  revokedTokens: new Set(),
  tokenKeepUntilMs: new Map(),
  ...overrides,
});

const holdsOf = (...holds: Hold[]) => new Map(holds.map((hold) => [hold.requestId, hold]));

describe('the text of a hold', () => {
  test('is short and says all there is', () => {
    const text = encodeHold(makeHold({ attempt: 2 }));

    expect(text).toBe('2|mwoxfuo0|mwoxz540|1njchs|2s|tokenA|hz');
    expect(decodeHold(WALLET_ID, REQUEST_ID, text)).toEqual(makeHold({ attempt: 2 }));
  });

  test('begins with its attempt, so that a settle of 1 does not take 12 for its own', () => {
    expect([holdPrefix(1), holdPrefix(12)]).toEqual(['1|', '12|']);
    expect(encodeHold(makeHold({ attempt: 12 })).startsWith(holdPrefix(1))).toBe(false);
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

  test('is never written for less than nothing', () => {
    expect(() => encodeHold(makeHold({ amounts: usd(-1) }))).toThrow('a hold cannot be negative');
    expect(() => encodeHold(makeHold({ amounts: usd(1, -1n) }))).toThrow();
    expect(() => encodeHold(makeHold({ leaseEndsAtMs: Number.NaN }))).toThrow();
    expect(() => encodeHold(makeHold({ reservedAtMs: 0.5 }))).toThrow();
  });
});

describe('countersToReserve', () => {
  test('names each counter of the instant, with its limit where there is one', () => {
    const hold = makeHold({
      counted: [
        { per: 'user', unit: 'usd', window: 'total' },
        { per: 'token', unit: 'usd', window: 'total' },
        { per: 'user', unit: 'requests', window: 'minute' },
        { per: 'user', unit: 'tokens', window: 'month' },
      ],
    });
    const limits: Limit[] = [
      { per: 'token', unit: 'usd', window: 'total', amount: 2_000_000_000n },
      { per: 'user', unit: 'requests', window: 'minute', amount: 20n },
    ];

    expect(countersToReserve(hold, limits)).toEqual([
      { name: 'usd:total', add: 100_000_000n },
      { name: 't:tokenA:usd:total', add: 100_000_000n, max: 2_000_000_000n },
      { name: 'requests:minute:29919600', add: 1n, max: 20n },
      { name: 'tokens:month:2026-11', add: 100n },
    ]);
  });
});

test.each(['usd', 'tokens'] as const)(
  'countersToReserve holds each counter to the limit of its own unit and window, %s first',
  (first) => {
    const limits: Limit[] = [
      { per: 'user', unit: 'usd', window: 'day', amount: 1n },
      { per: 'user', unit: 'usd', window: 'month', amount: 2n },
      { per: 'user', unit: 'tokens', window: 'day', amount: 3n },
    ];
    const ordered = first === 'usd' ? limits : limits.toReversed();
    const hold = makeHold({ counted: ordered, amounts: usd(10, 20n) });

    const counters = countersToReserve(hold, ordered).map(({ name, add, max }) => [
      name,
      [add, max],
    ]);

    expect(Object.fromEntries(counters)).toEqual({
      'usd:day:2026-11-20': [10n, 1n],
      'usd:month:2026-11': [10n, 2n],
      'tokens:day:2026-11-20': [20n, 3n],
    });
  },
);

describe('limitStatesOf', () => {
  const monthly: Limit = { per: 'user', unit: 'usd', window: 'month', amount: 10n };
  const own: Limit = { per: 'token', unit: 'tokens', window: 'total', amount: 500n };
  const counted = [monthly, own];
  const payer = { tokenId: TOKEN_ID, atMs: NOW_MS };

  test('tells what is used, and of that what requests in flight hold', () => {
    const wallet = makeWallet({
      counters: new Map([
        ['usd:month:2026-11', 7n],
        ['t:tokenA:tokens:total', 120n],
      ]),
      holds: holdsOf(
        makeHold({ requestId: asRequestId('a'), amounts: usd(3, 20n), counted }),
        makeHold({
          requestId: asRequestId('of another token'),
          amounts: usd(2, 50n),
          counted,
          tokenId: OTHER,
        }),
        makeHold({
          requestId: asRequestId('of last month'),
          amounts: usd(9, 9n),
          counted: [monthly],
          reservedAtMs: NOW_MS - 30 * DAY_MS,
        }),
        makeHold({ requestId: asRequestId('not counted'), amounts: usd(9, 9n), counted: [] }),
      ),
    });

    expect(limitStatesOf(wallet, counted, payer)).toEqual([
      { limit: monthly, used: 7n, reserved: 5n, resetsAtMs: 1_796_083_200_000 },
      { limit: own, used: 120n, reserved: 20n, resetsAtMs: null },
    ]);
  });

  test('is nothing used for a wallet that is not there', () => {
    expect(limitStatesOf(undefined, [own], payer)).toEqual([
      { limit: own, used: 0n, reserved: 0n, resetsAtMs: null },
    ]);
  });
});

describe('decideRefusal', () => {
  const state = (used: bigint, amount = 10n): LimitState => ({
    limit: { per: 'user', unit: 'usd', window: 'total', amount },
    used,
    reserved: 0n,
    resetsAtMs: null,
  });
  const admission = { inFlightMax: 2, tokenId: TOKEN_ID, issuedAtMs: 100 };

  test.each([
    ['nothing of an empty wallet', undefined, [state(0n)], undefined],
    ['nothing that fills a limit to the brim', makeWallet(), [state(7n)], undefined],
    ['what is one over a limit', makeWallet(), [state(0n), state(8n)], 'limit'],
    [
      'a revoked token first of all',
      makeWallet({ revokedTokens: new Set([TOKEN_ID]), inFlight: 2 }),
      [state(8n)],
      'revoked',
    ],
    [
      'nothing for the sake of another token',
      makeWallet({ revokedTokens: new Set([OTHER]) }),
      [],
      undefined,
    ],
    ['a token issued before "notBefore"', makeWallet({ notBeforeMs: 101 }), [], 'revoked'],
    ['a token issued at "notBefore"', makeWallet({ notBeforeMs: 100 }), [], 'revoked'],
    ['nothing issued after "notBefore"', makeWallet({ notBeforeMs: 99 }), [], undefined],
    [
      'one too many at once, before any limit',
      makeWallet({ inFlight: 2 }),
      [state(8n)],
      'concurrency',
    ],
    ['nothing with room for one more', makeWallet({ inFlight: 1 }), [], undefined],
  ])('refuses %s', (_what, wallet, states, cause) => {
    expect(decideRefusal(wallet, states, usd(3), admission)?.cause).toBe(cause);
  });

  test('names the first limit that does not fit', () => {
    const states = [state(0n), state(8n), state(9n)];

    expect(decideRefusal(undefined, states, usd(3), admission)).toEqual({
      cause: 'limit',
      state: states[1],
    });
  });

  test('does not ask when a plain key was issued', () => {
    const wallet = makeWallet({ notBeforeMs: 1, revokedTokens: new Set([TOKEN_ID]) });

    expect(decideRefusal(wallet, [], usd(3), { inFlightMax: 2 })).toBeUndefined();
  });
});

describe('hasNothingLeft', () => {
  const slice = (left: bigint) => ({ drawnIn: 9n, recalledOut: 0n, left, limit: 100n });
  const MONTH = 'usd:month:2026-11';
  const END_MS = Date.parse('2026-12-01T00:00:00Z');

  test.each<[string, Partial<Wallet>, number, boolean]>([
    ['one without slices', {}, NOW_MS, true],
    ['one whose slice is empty', { slices: new Map([[MONTH, slice(0n)]]) }, NOW_MS, true],
    ['one whose slice is overdrawn', { slices: new Map([[MONTH, slice(-1n)]]) }, NOW_MS, true],
    ['one with a request in flight', { inFlight: 1 }, NOW_MS, false],
    [
      'one with something left of one slice',
      {
        slices: new Map([
          ['tokens:total', slice(0n)],
          [MONTH, slice(1n)],
        ]),
      },
      NOW_MS,
      false,
    ],
    ['a month before its end', { slices: new Map([[MONTH, slice(1n)]]) }, END_MS - 1, false],
    ['a month at its end', { slices: new Map([[MONTH, slice(1n)]]) }, END_MS, true],
    ['what never ends', { slices: new Map([['usd:total', slice(1n)]]) }, END_MS, false],
  ])('says of %s whether a recall need look at it', (_what, wallet, nowMs, expected) => {
    expect(hasNothingLeft(makeWallet(wallet), nowMs)).toBe(expected);
  });
});

describe('expiredHolds', () => {
  test('are those whose lease has ended, oldest first', () => {
    const hold = (id: string, leaseEndsAtMs: number) =>
      makeHold({ requestId: asRequestId(id), leaseEndsAtMs });
    const wallet = makeWallet({
      holds: holdsOf(hold('later', NOW_MS), hold('open', NOW_MS + 1), hold('first', NOW_MS - 1)),
    });

    expect(expiredHolds(wallet, NOW_MS).map(({ requestId }) => requestId)).toEqual([
      'first',
      'later',
    ]);
  });
});

describe('staleOf', () => {
  const dropAt = (name: string, nowMs: number): boolean =>
    staleOf(makeWallet({ counters: new Map([[name, 1n]]) }), nowMs, undefined).drop.includes(name);

  test.each([
    ['minute', 'requests:minute:29919600', NOW_MS + MINUTE_MS + 2 * MINUTE_MS],
    ['hour', 'requests:hour:498660', NOW_MS + HOUR_MS + 2 * MINUTE_MS],
    ['day', 'usd:day:2026-11-20', Date.parse('2026-11-21T01:00:00Z')],
    ['week', 'usd:week:2026-11-16', Date.parse('2026-11-23T01:00:00Z')],
    ['month', 'usd:month:2026-11', Date.parse('2026-12-01T01:00:00Z')],
    ['day of a token', 't:tokenA:usd:day:2026-11-20', Date.parse('2026-11-21T01:00:00Z')],
  ])('lets go of a %s its grace after it ended, and not sooner', (_window, name, atMs) => {
    expect(dropAt(name, atMs - 1)).toBe(false);
    expect(dropAt(name, atMs)).toBe(true);
  });

  test.each(['usd:total', 't:tokenA:usd:total', 'left:month:2020-01', 'usd:month:'])(
    'never lets go of %s by its window',
    (name) => {
      expect(dropAt(name, NOW_MS * 2)).toBe(false);
    },
  );

  test('is nothing of a wallet with nothing in it', () => {
    expect(staleOf(makeWallet(), NOW_MS, undefined)).toEqual({
      drop: [],
      dropSlices: [],
      dropTokens: [],
    });
  });

  test('is no more than 24 counters at once', () => {
    const counters = new Map(Array.from({ length: 40 }, (_, index) => [`usd:minute:${index}`, 1n]));

    expect(staleOf(makeWallet({ counters }), NOW_MS, undefined).drop).toHaveLength(24);
  });

  const withTokens = (count: number, keepUntilMs: number, perToken = ['usd:total']): Wallet => {
    const ids = Array.from({ length: count }, (_, index) => asTokenId(`token${index}`));
    return makeWallet({
      counters: new Map(
        ids.flatMap((id) => perToken.map((name) => [`t:${id}:${name}`, 1n] as const)),
      ),
      tokenKeepUntilMs: new Map(ids.map((id) => [id, keepUntilMs])),
    });
  };
  const droppedTokens = (wallet: Wallet, own?: TokenId) =>
    staleOf(wallet, NOW_MS, own).dropTokens.map(({ tokenId }) => tokenId);

  test('lets go of a token a day after its mark, and not sooner', () => {
    expect(droppedTokens(withTokens(1, NOW_MS - DAY_MS + 1))).toEqual([]);
    expect(staleOf(withTokens(1, NOW_MS - DAY_MS), NOW_MS, undefined).dropTokens).toEqual([
      { tokenId: 'token0', seenKeepUntilMs: 1_795_089_600_000, names: ['t:token0:usd:total'] },
    ]);
  });

  test('lets go of the mark of a token that has no counters left', () => {
    const wallet = makeWallet({ tokenKeepUntilMs: new Map([[OTHER, 0]]) });

    expect(staleOf(wallet, NOW_MS, undefined).dropTokens).toEqual([
      { tokenId: OTHER, seenKeepUntilMs: 0, names: [] },
    ]);
  });

  test('keeps the token that reserves and those with a hold', () => {
    const wallet = {
      ...withTokens(3, 0),
      holds: holdsOf(makeHold({ tokenId: asTokenId('token1') })),
    };

    expect(droppedTokens(wallet, asTokenId('token0'))).toEqual(['token2']);
  });

  test('is no more than four tokens, and each as a whole', () => {
    expect(droppedTokens(withTokens(9, 0))).toHaveLength(4);
    const names = Array.from({ length: 10 }, (_, index) => `usd:week:${2030 + index}-01-07`);
    const three = staleOf(withTokens(3, 0, names), NOW_MS, undefined);
    expect(three.dropTokens.map((token) => token.names.length)).toEqual([10, 10]);
  });

  test('takes a token that just fits, and not one that is a counter too large', () => {
    const names = (count: number) =>
      Array.from({ length: count }, (_, index) => `usd:week:${2030 + index}-01-07`);
    expect(droppedTokens(withTokens(1, 0, names(24)))).toEqual(['token0']);
    expect(droppedTokens(withTokens(1, 0, names(25)))).toEqual([]);
  });

  test('leaves tokens for later while ended windows take all the room', () => {
    const wallet = withTokens(2, 0);
    const ended = Array.from({ length: 24 }, (_, index) => [`usd:minute:${index}`, 1n] as const);
    const counters = new Map([...wallet.counters, ...ended]);

    const stale = staleOf({ ...wallet, counters }, NOW_MS, undefined);

    expect([stale.drop.length, stale.dropTokens]).toEqual([24, []]);
  });
});

test('parseCounterName tells the token, the window and its name', () => {
  expect(parseCounterName('t:ab-_9:usd:week:2026-11-16')).toEqual({
    tokenId: 'ab-_9',
    window: 'week',
    windowName: '2026-11-16',
  });
  expect(parseCounterName('requests:total')).toEqual({
    tokenId: undefined,
    window: 'total',
    windowName: '',
  });
  for (const name of [
    'inFlight',
    'dueAt',
    'notBefore',
    'h:usd:total',
    'x:tokenA',
    'usd:year:2026',
  ]) {
    expect(parseCounterName(name), name).toBeUndefined();
  }
});

describe('settlementOf', () => {
  const counted: Hold['counted'] = [
    { per: 'user', unit: 'usd', window: 'total' },
    { per: 'user', unit: 'tokens', window: 'day' },
    { per: 'user', unit: 'requests', window: 'day' },
  ];
  const hold = makeHold({ counted });
  const addsOf = (row = makeRow(hold, usd(30_000_000, 40n)), nowMs = NOW_MS) =>
    settlementOf(hold, row, nowMs).counters;

  test('gives back what was held and not used, and keeps the request', () => {
    expect(addsOf()).toEqual([
      { name: 'usd:total', add: -70_000_000n },
      { name: 'tokens:day:2026-11-20', add: -60n },
    ]);
  });

  test('adds what was used beyond the hold', () => {
    expect(addsOf(makeRow(hold, usd(130_000_000, 100n)))).toEqual([
      { name: 'usd:total', add: 30_000_000n },
    ]);
  });

  test.each([
    ['a row of another attempt', makeRow(hold, usd(30_000_000, 40n), { attempt: 2 })],
    ['a row that released it', makeRow(hold, usd(0), { status: 'released' })],
  ])('gives back everything by %s', (_which, row) => {
    expect(addsOf(row)).toEqual([
      { name: 'usd:total', add: -100_000_000n },
      { name: 'tokens:day:2026-11-20', add: -100n },
      { name: 'requests:day:2026-11-20', add: -1n },
    ]);
  });

  test('removes its own counters of a window long past instead of making them anew', () => {
    const late = settlementOf(
      { ...hold, stale: { drop: ['tokens:day:2026-11-20', 'usd:day:2026-11-19'], dropTokens: [] } },
      makeRow(hold, usd(30_000_000, 40n)),
      Date.parse('2026-11-21T01:00:00Z'),
    );

    expect(late.counters).toEqual([{ name: 'usd:total', add: -70_000_000n }]);
    expect(late.drop).toEqual([
      'tokens:day:2026-11-20',
      'usd:day:2026-11-19',
      'requests:day:2026-11-20',
    ]);
  });
});
