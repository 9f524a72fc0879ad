import { describe, expect, test } from 'vitest';
import { asRequestId, asTokenId } from '../../../core/base/ids.ts';
import type { Limit } from '../../../core/base/limits.ts';
import type { Hold, LimitState } from '../../../core/wallet/hold.ts';
import {
  countersToReserve,
  decideRefusal,
  expiredHolds,
  limitStatesOf,
  settlementOf,
} from '../../../core/wallet/wallet.ts';
import {
  holdsOf,
  makeHold,
  makeRow,
  makeWallet,
  NOW_MS,
  TOKEN_ID,
  usd,
} from '../../support/wallet-fixtures.ts';

const OTHER = asTokenId('tokenB');
const DAY_MS = 86_400_000;

describe('countersToReserve', () => {
  test('names each counter of the instant, with its limit if it has one', () => {
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

  test('returns the use, and the part of it that requests in flight hold', () => {
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

  test('returns no use for a wallet that does not exist', () => {
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

  test('does not compare the issue time of a plain key', () => {
    const wallet = makeWallet({ notBeforeMs: 1, revokedTokens: new Set([TOKEN_ID]) });

    expect(decideRefusal(wallet, [], usd(3), { inFlightMax: 2 })).toBeUndefined();
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

describe('settlementOf', () => {
  const counted: Hold['counted'] = [
    { per: 'user', unit: 'usd', window: 'total' },
    { per: 'user', unit: 'tokens', window: 'day' },
    { per: 'user', unit: 'requests', window: 'day' },
  ];
  const hold = makeHold({ counted });
  const addsOf = (row = makeRow(hold, usd(30_000_000, 40n)), nowMs = NOW_MS) =>
    settlementOf(hold, row, nowMs).counters;

  test('gives back the unused part of the hold, and keeps the request', () => {
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
