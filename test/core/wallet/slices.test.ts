import { expect, test } from 'vitest';
import { drawSize } from '../../../core/wallet/slices.ts';

// guarantee: low-pool-just-the-need
test.each([
  ['just the need, of a pool that runs low', 6_399n, 100n, 100n, 100n],
  ['one hold more than the need, of a small one', 6_400n, 100n, 100n, 200n],
  ['a part of a large one', 4_096n * 500n, 100n, 100n, 500n],
  ['sixteen holds at most', 4_096n * 9_999n, 100n, 100n, 1_600n],
  ['more, where more is lacking', 4_096n * 9_999n, 5_000n, 100n, 5_100n],
  ['not more than there is', 6_550n, 6_500n, 100n, 6_550n],
  ['nothing where nothing is lacking', 1n, 0n, 100n, 0n],
  ['nothing where there is more than is lacking', 1n, -5n, 100n, 0n],
])('draws %s', (_what, available, need, hold, size) => {
  expect(drawSize({ available, need, hold })).toBe(size);
});
