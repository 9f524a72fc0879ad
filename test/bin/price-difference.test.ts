import { expect, test } from 'vitest';
import { differenceOf } from '../../bin/price-difference.ts';

const about = { version: 'v', asOf: '2026-11-20' };

test('names models that are new, gone or have another price, and none that only moved', () => {
  const before = {
    ...about,
    models: { lab: { same: 0, dearer: 1, gone: 1 } },
    rows: [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ] as const,
  };
  const after = {
    ...about,
    models: { lab: { dearer: 0, same: 1 }, other: { same: 1 } },
    rows: [
      [9, 6, 7, 8],
      [1, 2, 3, 4],
    ] as const,
  };
  expect(differenceOf(before, after)).toEqual([
    '~ lab/dearer [5,6,7,8] > [9,6,7,8]',
    '- lab/gone [5,6,7,8]',
    '+ other/same [1,2,3,4]',
  ]);
  expect(differenceOf(after, after)).toEqual([]);
});
