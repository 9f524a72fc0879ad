import { describe, expect, test } from 'vitest';
import { textTokensMax } from '../../core/dialects/bound/text-bound.ts';
import { measureGrowth } from '../support/growth.ts';

/** Texts that are slow somewhere: in sorting marks, in growing, in short runs, in classes that change at every character. */
const UNITS: Readonly<Record<string, string>> = {
  'one mark': '\u0301',
  'marks out of order': '\u0301\u0323',
  'a letter and ten marks out of order': `a${'\u0301\u0323'.repeat(5)}`,
  'a letter and 31 marks': `a${'\u0301\u0323'.repeat(15)}\u0301`,
  'a half-width mark that is a letter': '\uFF9E',
  'a mark that joins itself': '\u{1611E}',
  'a letter of 18 in NFKC': '\uFDFA',
  'a letter that NFC splits': '\u0B5D',
  'vowels of Hangul': '\u1161',
  'a capital that grows, and a comma': 'Ⱦ,',
  'accents between commas': 'é,',
  'every class': 'aA1 ,\n\té漢',
  'lone surrogates': '\uD800a\uDFFF',
  'a family of emoji': '👩‍👩‍👧‍👦',
  'capitals between commas': 'Q,Z,',
  blanks: ' ',
};

const CHARS = 50_000;

const repeatTo = (unit: string, chars: number): string =>
  unit.repeat(Math.ceil(chars / unit.length)).slice(0, chars);

describe('the time of both rules grows with the text and no faster', () => {
  test.each(Object.entries(UNITS))('for %s', (_, unit) => {
    const make = (chars: number) => {
      const text = repeatTo(unit, chars);
      return () => textTokensMax(text, 'either');
    };
    const { largeMs, largeMsMax } = measureGrowth(make, CHARS);
    expect(largeMs).toBeLessThan(largeMsMax);
  });
});
