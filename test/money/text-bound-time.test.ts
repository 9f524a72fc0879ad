import { describe, expect, test } from 'vitest';
import { textTokensMax } from '../../core/dialects/bound/text-bound.ts';

/** What is slow somewhere: in sorting marks, in growing, in short runs, in classes that change at every character. */
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

const SMALL_CHARS = 50_000;
const LARGE_CHARS = 200_000;
/** Four times the text: four times the work, and twice that for the noise of a busy machine. Squared it is 16. */
const GROWTH_MAX = 8;
/** What is faster is not measured well. */
const LEAST_MS = 5;
const TRIES = 2;

const repeatTo = (unit: string, chars: number): string =>
  unit.repeat(Math.ceil(chars / unit.length)).slice(0, chars);

/** Processor time, which other processes do not add to. */
function measureMs(text: string): number {
  const begun = process.cpuUsage();
  textTokensMax(text, 'either');
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1_000;
}

const leastMs = (text: string): number =>
  Math.min(...Array.from({ length: TRIES }, () => measureMs(text)));

describe('the time of both rules grows with the text and no faster', () => {
  test.each(Object.entries(UNITS))('for %s', (_, unit) => {
    const small = leastMs(repeatTo(unit, SMALL_CHARS));
    const large = leastMs(repeatTo(unit, LARGE_CHARS));
    expect(large).toBeLessThan(GROWTH_MAX * Math.max(small, LEAST_MS));
  });
});
