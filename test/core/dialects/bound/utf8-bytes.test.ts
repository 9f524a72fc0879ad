import { expect, test } from 'vitest';
import { utf8BytesMax } from '../../../../core/dialects/bound/utf8-bytes.ts';

test.each([
  ['ASCII by its length', 'hello', 5],
  ['others by their bytes', '你好', 6],
  ['one that grows in NFKC by that form', '\uFDFA', 33],
  ['some that shrink in NFKC as they are', 'ＡＢ', 6],
  ['one that grows in NFC by that form', '\u0B5D', 6],
  ['each run by its own longest form', '\u0B5D,Ａ', 6 + 1 + 3],
  ['a long run of marks by its parts', `é${'\u0323'.repeat(11)}`, 25],
  ['half of a surrogate pair by the bytes of its replacement', '\uD800', 3],
  ['a text longer than a run by all of it', '\uFDFA'.repeat(5_000), 165_000],
])('counts %s', (_, text, bytes) => {
  expect(utf8BytesMax(text)).toBe(bytes);
});
