import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodePrompt,
  encodePrompt,
  hasRoomToRemember,
  isTooLargeToRemember,
} from '../../../core/wallet/memory.ts';

const hex = (bytes: number) =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((array) => Buffer.from(array).toString('hex'));

describe('a remembered prompt', () => {
  test('is read back from its bytes, 40 at most', () => {
    fc.assert(
      fc.property(
        fc.record(
          {
            hashes: fc.array(hex(8), { minLength: 1, maxLength: 4 }),
            inputTokens: fc.integer({ min: 0, max: 4_294_967_295 }),
            modelTag: hex(2),
            cachedMarks: hex(2),
          },
          { requiredKeys: ['hashes', 'inputTokens', 'modelTag'] },
        ),
        (prompt) => {
          const bytes = encodePrompt(prompt);
          expect(decodePrompt(bytes)).toEqual(prompt);
          expect(bytes.length).toBeLessThanOrEqual(40);
        },
      ),
    );
  });

  test.each([0, 5, 6, 13, 15, 39, 46])('is not read from %i bytes', (length) => {
    expect(decodePrompt(Buffer.alloc(length))).toBeUndefined();
  });
});

describe('an item', () => {
  const prompt = { hashes: ['00000000000000aa'], inputTokens: 7, modelTag: '0001' };
  const memory = { salt: '00', prompts: new Map([[1, prompt]]) };

  test.each([
    [948, 0, true],
    [949, 0, false],
    [1_000, 1, true],
    [1_001, 1, false],
  ])('of %i bytes has room for a prompt in slot %i: %s', (bytes, slot, hasRoom) => {
    expect(hasRoomToRemember({ bytes, memory }, slot)).toBe(hasRoom);
  });

  test.each([
    [1_000, memory, false],
    [1_001, memory, true],
    [1_001, undefined, false],
  ])('of %i bytes gives its memory up if it has one', (bytes, remembered, isTooLarge) => {
    expect(isTooLargeToRemember({ bytes, ...(remembered && { memory: remembered }) })).toBe(
      isTooLarge,
    );
  });
});
