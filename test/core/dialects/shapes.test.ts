import { expect, test } from 'vitest';
import { atFirstUse, readShape, text } from '../../../core/dialects/shapes.ts';

test('a shape is built when it first reads a value, and only once', () => {
  let built = 0;
  const shape = atFirstUse(() => {
    built += 1;
    return text;
  });
  expect(built).toBe(0);
  expect([readShape(shape, 'first'), readShape(shape, 'second')]).toEqual(['first', 'second']);
  expect(built).toBe(1);
});
