import { describe, expect, test } from 'vitest';
import { makeBoundedMap, makeSingleFlight } from '../../../core/base/bounded-map.ts';

describe('makeBoundedMap', () => {
  test('removes the oldest entry when a new one is added to a full map', () => {
    const map = makeBoundedMap<string, number>(2);
    map.set('a', 1);
    map.set('b', 2);
    map.set('a', 3);
    map.set('c', 4);
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([3, undefined, 4]);
  });

  test('removes a deleted entry', () => {
    const map = makeBoundedMap<string, number>(2);
    map.set('a', 1);
    map.delete('a');
    expect(map.get('a')).toBeUndefined();
  });
});

describe('makeSingleFlight', () => {
  test('reads once for all calls meanwhile, and again afterwards', async () => {
    const once = makeSingleFlight<number>();
    let reads = 0;
    const read = async () => ++reads;
    expect(await Promise.all([once('a', read), once('a', read), once('b', read)])).toEqual([
      1, 1, 2,
    ]);
    expect(await once('a', read)).toBe(3);
  });

  test('passes a failure to all callers, and does not keep it', async () => {
    const once = makeSingleFlight<string>();
    const down = async (): Promise<string> => {
      throw new Error('down');
    };
    const answers = await Promise.allSettled([once('a', down), once('a', down)]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await once('a', async () => 'up')).toBe('up');
  });
});
