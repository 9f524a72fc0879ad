import { describe, expect, test } from 'vitest';
import { claudeTokensMax } from '../../../../core/dialects/bound/claude-runs.ts';

/** The tokens of a text without the two for its begin and end. */
const tokensOf = (text: string): number => claudeTokensMax(text) - 2;

describe('the bound of Claude’s tokens', () => {
  test('is two for an empty text', () => {
    expect(claudeTokensMax('')).toBe(2);
  });

  test.each([
    ['a letter is a token', 'hello', 5],
    ['a capital adds two a word', 'Hello heLLo', 14],
    ['a neighbour beyond ASCII adds two to a word', 'a漢', 6],
    ['three digits are a token', '123', 1],
    ['a fourth digit is another', '1234', 2],
    ['signs add two a run', '});', 5],
    ['a blank between words is free', 'ab cd', 4],
    ['a blank at the end is a token', 'ab ', 3],
    ['a blank at the begin is a token', ' ab', 3],
    ['a blank before signs is a token', 'a =', 5],
    ['a blank between signs is two tokens', '= =', 8],
    ['a blank beside digits is a token', 'a 1', 3],
    ['two blanks are three tokens', 'a  b', 5],
    ['seventeen blanks are four', `a${' '.repeat(17)}b`, 6],
    ['newlines are tokens', '\n\n\n', 3],
    ['more newlines are four tokens', '\n\n\n\n', 4],
    ['twenty newlines are five', '\n'.repeat(20), 5],
    ['tabs and control characters are tokens', '\t\r\u0000\u007F', 4],
    ['a word beyond ASCII is its bytes and three', 'ёлка', 11],
    ['a sign beyond ASCII is its bytes and three', '–', 6],
    ['each sign beyond ASCII adds three', '––', 12],
    ['an ideograph is its bytes', '漢字', 6],
    ['ideographs end a word', 'か漢か', 15],
    ['a mark that is part of a word is its bytes', 'का', 9],
    ['a mark that is not part of a word ends it', 'ш\u0323ш', 15],
    ['a capital that grows in lower case is counted so', 'Ⱦ', 6],
    ['a letter that NFC splits is counted so', '\u0B5D', 12],
    ['what NFC puts together is counted as it is too', 'Е\u0308', 10],
    ['a letter beyond U+FFFF is four bytes and three', '\u{10400}\u{10400}', 14],
    ['half of a surrogate pair is three bytes and three', '\uD800', 6],
    ['a letter that is new to Unicode is a word of its own', '\uA7DBш', 11],
  ])('%s', (_, text, tokens) => {
    expect(tokensOf(text)).toBe(tokens);
  });

  test('counts the longer case of every character with a case', () => {
    const under: string[] = [];
    for (let code = 0x80; code < 0x3_0000; code += 1) {
      const char = String.fromCodePoint(code);
      if (tokensOf(char) < Buffer.byteLength(char.toLowerCase())) under.push(char);
    }
    expect(under).toEqual([]);
  });

  test('takes as many characters for parts of words as when it was measured', () => {
    // More with a new version of Unicode: the new ones belong to NEW_LETTERS.
    let words = 0;
    for (let code = 0x80; code <= 0xffff; code += 1) {
      const char = String.fromCharCode(code);
      if (char.normalize('NFC') !== char) continue;
      if (tokensOf(`漢${char}${char}漢`) === 9 + 2 * Buffer.byteLength(char)) words += 1;
    }
    expect(words).toBe(10_417);
  });
});
