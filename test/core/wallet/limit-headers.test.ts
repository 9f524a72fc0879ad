import { describe, expect, test } from 'vitest';
import type { LimitState } from '../../../core/wallet/hold.ts';
import { limitHeaders } from '../../../core/wallet/limit-headers.ts';
import { NOW_MS } from '../../support/wallet-fixtures.ts';

const state = (
  unit: 'requests' | 'tokens' | 'usd',
  amount: bigint,
  used: bigint,
  resetsInMs: number | null,
): LimitState => ({
  limit: { per: 'user', unit, window: resetsInMs === null ? 'total' : 'hour', amount },
  used,
  reserved: 0n,
  resetsAtMs: resetsInMs === null ? null : NOW_MS + resetsInMs,
});

describe('limitHeaders', () => {
  test('are none without a limit', () => {
    expect(limitHeaders([], NOW_MS)).toEqual({});
  });

  test('show requests and tokens in OpenAI’s forms', () => {
    const states = [state('requests', 20n, 5n, 6_000), state('tokens', 1_000n, 999n, 5_400_000)];
    expect(limitHeaders(states, NOW_MS)).toEqual({
      'x-ratelimit-limit-requests': '20',
      'x-ratelimit-remaining-requests': '15',
      'x-ratelimit-reset-requests': '6s',
      'x-ratelimit-limit-tokens': '1000',
      'x-ratelimit-remaining-tokens': '1',
      'x-ratelimit-reset-tokens': '1h30m0s',
    });
  });

  test('show dollars as decimals, with the end of the window', () => {
    expect(limitHeaders([state('usd', 2_000_000_000n, 500_000_000n, 43_200_000)], NOW_MS)).toEqual({
      'x-hallpass-budget-limit-usd': '2',
      'x-hallpass-budget-remaining-usd': '1.5',
      'x-hallpass-budget-resets-at': '2026-11-21T00:00:00.000Z',
    });
  });

  test('show no reset for a total limit, and nothing below zero', () => {
    expect(limitHeaders([state('usd', 2n, 5n, null)], NOW_MS)).toEqual({
      'x-hallpass-budget-limit-usd': '0.000000002',
      'x-hallpass-budget-remaining-usd': '0',
    });
    expect(limitHeaders([state('requests', 9n, 1n, null)], NOW_MS)).toEqual({
      'x-ratelimit-limit-requests': '9',
      'x-ratelimit-remaining-requests': '8',
    });
  });

  test('show the limit with the least left', () => {
    const states = [
      state('requests', 100n, 50n, 1),
      state('requests', 20n, 5n, 2),
      state('requests', 30n, 2n, 3),
    ];
    expect(limitHeaders(states, NOW_MS)['x-ratelimit-limit-requests']).toBe('20');
  });

  test.each([
    [-5, '0ms'],
    [12, '12ms'],
    [999, '999ms'],
    [1_000, '1s'],
    [59_999, '59s'],
    [360_000, '6m0s'],
    [86_400_000, '24h0m0s'],
  ])('writes %i ms as %s', (resetsInMs, text) => {
    const headers = limitHeaders([state('requests', 1n, 0n, resetsInMs)], NOW_MS);
    expect(headers['x-ratelimit-reset-requests']).toBe(text);
  });
});
