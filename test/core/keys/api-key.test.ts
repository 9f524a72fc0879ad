import { describe, expect, test } from 'vitest';
import { hashOfKey, isWellFormed, makeApiKey } from '../../../core/keys/api-key.ts';

const KEY = 'sk-hp-BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwce_zG3m';

describe('makeApiKey', () => {
  test('writes 256 bits and a checksum behind "sk-hp-", without a colon', () => {
    expect(makeApiKey(new Uint8Array(32).fill(7))).toBe(KEY);
    expect(makeApiKey(new Uint8Array(32).fill(255))).toMatch(/^sk-hp-_{42}8[\w-]{6}$/);
  });

  test.each([0, 31, 33])('refuses %i random bytes', (length) => {
    expect(() => makeApiKey(new Uint8Array(length))).toThrow(
      new TypeError(`"randomBytes" must be 32 bytes, got ${length}`),
    );
  });
});

describe('isWellFormed', () => {
  test.each([
    ['a key of ours', KEY, true],
    ['a changed checksum', `${KEY.slice(0, -1)}n`, false],
    ['a changed bit', KEY.replace('BwcH', 'BwcI'), false],
    ['a longer text', `${KEY}a`, false],
    ['a line feed at the end', `${KEY}\n`, false],
    ['a key of OpenAI', 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL', false],
    ['nothing', '', false],
  ])('recognises %s', (_, key, expected) => {
    expect(isWellFormed(key)).toBe(expected);
  });
});

test('looks a key up by the SHA-256 of the whole string', () => {
  // printf %s "$KEY" | openssl dgst -sha256 -binary | basenc --base64url
  expect(hashOfKey(KEY)).toBe('1_ADfUE61d6-HGep8DtZYG7KaCWhbyWBnUiPcwuWs9A');
});
