import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foldUser } from '../../../core/base/names.ts';

describe('the form of a user id', () => {
  test.each([
    [' Ann@X.edu ', 'ann@x.edu'],
    ['Ann', 'Ann'],
    ['Ann Lee', 'Ann Lee'],
    ['Jose\u0301@x.edu', 'Jos\u00e9@x.edu'],
    ['Jos\u00e9@X.edu', 'Jos\u00e9@X.edu'],
    // KELVIN SIGN and ANGSTROM SIGN, of which NFC makes "K" and U+00C5.
    ['\u212Aelvin@x.edu', '\u212Aelvin@x.edu'],
    ['\u212B@x.edu', '\u00c5@x.edu'],
  ])('of %j is %j', (text, expected) => {
    expect(foldUser(text)).toBe(expected);
  });

  test('is the same when it is folded again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(foldUser(foldUser(text))).toBe(foldUser(text));
      }),
      { seed: 14 },
    );
  });

  test('is ASCII only if the text was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const isAscii = (each: string) => /^[ -~]*$/.test(each);
        expect(isAscii(foldUser(text))).toBe(isAscii(text.trim()));
      }),
      { seed: 14 },
    );
  });
});
