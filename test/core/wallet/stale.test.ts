import { describe, expect, test } from 'vitest';
import { asTokenId, type TokenId } from '../../../core/base/ids.ts';
import { parseCounterName } from '../../../core/wallet/counter-name.ts';
import type { Wallet } from '../../../core/wallet/ports.ts';
import { hasNothingLeft, staleOf } from '../../../core/wallet/wallet.ts';
import { holdsOf, makeHold, makeWallet, NOW_MS } from '../../support/wallet-fixtures.ts';

const OTHER = asTokenId('tokenB');
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

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
  ])('removes a %s its grace time after its end, and not sooner', (_window, name, atMs) => {
    expect(dropAt(name, atMs - 1)).toBe(false);
    expect(dropAt(name, atMs)).toBe(true);
  });

  test.each(['usd:total', 't:tokenA:usd:total', 'left:month:2020-01', 'usd:month:'])(
    'never removes %s because of its window',
    (name) => {
      expect(dropAt(name, NOW_MS * 2)).toBe(false);
    },
  );

  test('finds nothing in an empty wallet', () => {
    expect(staleOf(makeWallet(), NOW_MS, undefined)).toEqual({
      drop: [],
      dropSlices: [],
      dropTokens: [],
    });
  });

  test('takes 24 counters at most', () => {
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

  test('removes a token a day after its mark, and not sooner', () => {
    expect(droppedTokens(withTokens(1, NOW_MS - DAY_MS + 1))).toEqual([]);
    expect(staleOf(withTokens(1, NOW_MS - DAY_MS), NOW_MS, undefined).dropTokens).toEqual([
      { tokenId: 'token0', seenKeepUntilMs: 1_795_089_600_000, names: ['t:token0:usd:total'] },
    ]);
  });

  test('removes the mark of a token that has no counters left', () => {
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

  test('takes four tokens at most, and each as a whole', () => {
    expect(droppedTokens(withTokens(9, 0))).toHaveLength(4);
    const names = Array.from({ length: 10 }, (_, index) => `usd:week:${2030 + index}-01-07`);
    const three = staleOf(withTokens(3, 0, names), NOW_MS, undefined);
    expect(three.dropTokens.map((token) => token.names.length)).toEqual([10, 10]);
  });

  test('takes a token that just fits, and none that is one counter too large', () => {
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
  ])('decides for %s if a recall must read it', (_what, wallet, nowMs, expected) => {
    expect(hasNothingLeft(makeWallet(wallet), nowMs)).toBe(expected);
  });
});

test('parseCounterName returns the token, the window and its name', () => {
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
