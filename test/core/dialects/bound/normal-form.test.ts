import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toNormalForm } from '../../../../core/dialects/bound/normal-form.ts';

/** Characters whose form depends on what is beside them. */
const JOINING = fc.constantFrom(
  ...[
    'e',
    'é',
    'ệ',
    '=',
    '\u0301',
    '\u0323',
    '\u0338',
    '\u0345',
    '\u0F71',
    '\u0F74',
    '\uFF9E',
    'ｶ',
  ],
  ...[
    '\u1100',
    '\u1161',
    '\u11A8',
    '가',
    '\u0B47',
    '\u0B3E',
    '\u0B5D',
    '\u{1611E}',
    '\uFDFA',
    'Ａ',
  ],
);

const bytesOf = (text: string): number => Buffer.byteLength(text);

describe.each(['NFC', 'NFKC'] as const)('a text in %s', (form) => {
  test('is what Node makes of it where no run of marks is long', () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 });
    fc.assert(
      fc.property(text, (each) => {
        expect(toNormalForm(each, form)).toBe(each.normalize(form));
      }),
      { seed: 13 },
    );
  });

  test('is never shorter than what Node makes of it', () => {
    const runs = fc.array(fc.tuple(JOINING, fc.integer({ min: 1, max: 24 })), { maxLength: 12 });
    fc.assert(
      fc.property(runs, (pairs) => {
        const text = pairs.map(([char, count]) => char.repeat(count)).join('');
        const bytes = bytesOf(toNormalForm(text, form));
        expect(bytes).toBeGreaterThanOrEqual(bytesOf(text.normalize(form)));
      }),
      { seed: 13, numRuns: 500 },
    );
  });

  test('counts the letter before a long run of marks in its parts', () => {
    // The mark below comes between the letter and its accent: five bytes from four.
    const text = `é${'\u0323'.repeat(11)}`;
    expect(bytesOf(text)).toBe(24);
    expect(bytesOf(toNormalForm(text, form))).toBe(25);
  });
});

/** Up to the last letter; what comes behind it has no forms. */
const CHARACTERS = Array.from({ length: 0x3_0000 }, (_, code) => String.fromCodePoint(code));

test('no character but a mark begins with a mark in parts, except two that end in a letter', () => {
  const joining = CHARACTERS.filter(
    (char) => !/[\p{M}\uFF9E\uFF9F]/u.test(char) && /^\p{M}/u.test(char.normalize('NFKD')),
  );
  expect(joining).toEqual(['\u0E33', '\u0EB3']);
});

test('no character is longer than the parts that NFC makes it of', () => {
  const isLonger = (char: string) =>
    bytesOf(char.normalize('NFC')) > bytesOf(char.normalize('NFD'));
  expect(CHARACTERS.filter(isLonger)).toEqual([]);
});
