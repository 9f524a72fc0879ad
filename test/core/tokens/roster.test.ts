import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isNoStudent,
  isPeriod,
  jtiOfRow,
  parseHeading,
  parseRow,
  periodOf,
  separatorOf,
} from '../../../core/tokens/roster.ts';
import { JTI_CHARS_MAX } from '../../../core/tokens/scoped-claims.ts';

const COLUMNS = { email: 0, name: 1, section: 2 };
const read = (...cells: string[]) => parseRow(cells, COLUMNS, { line: 7, width: 3 });

describe('the heading of a roster', () => {
  test.each([
    [['email', 'name', 'section'], { email: 0, name: 1, section: 2 }],
    [[' Section', 'EMAIL ', 'id', 'Name'], { email: 1, name: 3, section: 0 }],
    [['email'], { email: 0 }],
    [
      ['email', 'limit_usd', 'models', 'expires'],
      { email: 0, limit_usd: 1, models: 2, expires: 3 },
    ],
    [
      ['Student', 'ID', 'SIS User ID', 'SIS Login ID', 'Section', 'Homework 1'],
      { email: 3, name: 0, section: 4, isCanvas: true },
    ],
  ])('is read in any order and case: %j', (cells, columns) => {
    expect(parseHeading(cells)).toEqual(columns);
  });

  test.each([
    [['name', 'section'], /must name the column email/],
    [['email;name;section'], /with commas or semicolons between them/],
    [['email', 'name', 'Email'], /has the column "email" twice/],
    [[], /must name the column email/],
  ])('%j is refused', (cells, words) => {
    expect(parseHeading(cells)).toMatch(words);
  });
});

describe('a row of a roster', () => {
  test('is a student, the address in lower case', () => {
    expect(read(' Ada@Example.EDU ', ' Ada Lovelace ', '')).toEqual({
      line: 7,
      email: 'ada@example.edu',
      written: 'Ada@Example.EDU',
      name: 'Ada Lovelace',
      section: '',
    });
  });

  test('has an empty name if the file has no such column', () => {
    const columns = { email: 0 };
    expect(parseRow(['a@b.c'], columns, { line: 2, width: 1 })).toEqual({
      line: 2,
      email: 'a@b.c',
      name: '',
      section: '',
    });
  });

  test.each([
    [['a@b.c', 'A'], 'the heading has 3 cells, the row 2'],
    [['a@b.c', 'A', '1', ''], 'the heading has 3 cells, the row 4'],
    [['', 'A', '1'], 'the e-mail address is missing'],
    [['a@b.c', 'Jos\ufffd', '1'], 'not UTF-8: save the file as CSV UTF-8'],
    [['a@b.c', 'A\nB', '1'], 'the name must be at most 256 characters without control characters'],
    [['a@b.c', 'A', 'x'.repeat(257)], /^the section must be at most 256 characters/],
    [[`${'a'.repeat(176)}@b.cd`, 'A', '1'], 'not an e-mail address'],
  ])('%j is refused', (cells, words) => {
    expect(read(...cells)).toEqual(
      typeof words === 'string' ? words : expect.stringMatching(words),
    );
  });

  test.each([
    'ada',
    'ada@',
    '@example.edu',
    'ada@example',
    'ada@@example.edu',
    'a@b@c.d',
    'a da@example.edu',
    'ada@example..edu',
    'ada@.edu',
    'ada@edu.',
    'Ada <ada@example.edu>',
    'ada@example.edu;bob@example.edu',
    'week:ada@example.edu',
  ])('%s is no address', (email) => {
    expect(read(email, '', '')).toBe('not an e-mail address');
  });

  test.each(["o'brien@example.edu", 'ada+ai@cs.example.edu', 'josé@éxample.fr', '_@x.io'])(
    '%s is an address',
    (email) => {
      expect(read(email, '', '')).toMatchObject({ email });
    },
  );
});

describe('the name of a token', () => {
  test('is the period and the address, with a number for a replacement', () => {
    expect(jtiOfRow('week-12', 'ada@example.edu')).toBe('week-12:ada@example.edu');
    expect(jtiOfRow('week-12', 'ada@example.edu', 3)).toBe('week-12:ada@example.edu:3');
  });

  test('is never the name of another student, period or number', () => {
    const email = fc.emailAddress().filter((text) => typeof read(text, '', '') !== 'string');
    const period = fc.stringMatching(/^[\w.-]{1,64}$/).filter(isPeriod);
    const part = fc.tuple(period, email, fc.integer({ min: 1, max: 100 }));
    fc.assert(
      fc.property(part, part, (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b));
        expect(jtiOfRow(...a)).not.toBe(jtiOfRow(...b));
        expect(jtiOfRow(...a).length).toBeLessThanOrEqual(JTI_CHARS_MAX);
      }),
    );
  });

  test('has the day on which it ends for a period without a name', () => {
    expect(periodOf(1795176000000)).toBe('2026-11-20');
    expect([isPeriod('2026-11-20'), isPeriod('week 12'), isPeriod('a:b'), isPeriod('')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect([isPeriod('x'.repeat(64)), isPeriod('x'.repeat(65))]).toEqual([true, false]);
  });
});

describe('a row with settings of its own', () => {
  const columns = { email: 0, limit_usd: 1, models: 2, expires: 3 };
  const readOwn = (...cells: string[]) => parseRow(cells, columns, { line: 2, width: 4 });

  test("has a limit, models and an end in place of the command's", () => {
    expect(readOwn('a@b.c', '2.50', 'openai/* demo/echo', '7d')).toMatchObject({
      limitUsd: 2.5,
      models: ['openai/*', 'demo/echo'],
      expires: '7d',
    });
    expect(readOwn('a@b.c', '', '', '')).toEqual({
      line: 2,
      email: 'a@b.c',
      name: '',
      section: '',
    });
  });

  test.each([
    [['a@b.c', '2,50', '', ''], 'the limit_usd must be dollars such as 2.50'],
    [['a@b.c', '0', '', ''], 'the limit_usd must be dollars such as 2.50'],
    [['a@b.c', '', 'a b/*c', ''], /^the models must be/],
    [['a@b.c', '', '', 'soon'], /^the expires must be/],
  ])('%j is refused', (cells, words) => {
    expect(readOwn(...cells)).toEqual(
      typeof words === 'string' ? words : expect.stringMatching(words),
    );
  });
});

test('look-alike addresses of other scripts stay two people', () => {
  expect(read('\u212Aelvin@b.c', '', '')).toMatchObject({ email: '\u212Aelvin@b.c' });
  expect(read('Kelvin@b.c', '', '')).toMatchObject({ email: 'kelvin@b.c' });
});

test('semicolons separate the cells of a file whose first line has more of them', () => {
  expect(separatorOf('email;name;section')).toBe(';');
  expect(separatorOf('email,name')).toBe(',');
  expect(separatorOf('email')).toBe(',');
});

test('rows that Canvas adds are no students', () => {
  const canvas = { email: 1, name: 0, isCanvas: true } as const;
  expect(isNoStudent(['    Points Possible', ''], canvas)).toBe(true);
  expect(isNoStudent(['Student, Test', '0a1b'], canvas)).toBe(true);
  expect(isNoStudent(['Lovelace, Ada', 'ada@x.edu'], canvas)).toBe(false);
  expect(isNoStudent(['Points Possible', ''], { email: 1, name: 0 })).toBe(false);
});
