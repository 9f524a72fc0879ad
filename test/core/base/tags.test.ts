import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTags, parseTagList, parseTags, toTagValue } from '../../../core/base/tags.ts';

describe('tags', () => {
  test.each([
    [{}, {}],
    [{ project: 'alpha' }, { project: 'alpha' }],
    [
      { b: '1', a_2: 'x y/z@w.v-u' },
      { a_2: 'x y/z@w.v-u', b: '1' },
    ],
    [{ ['a'.repeat(24)]: 'b'.repeat(64) }, { ['a'.repeat(24)]: 'b'.repeat(64) }],
  ])('%j are read', (value, tags) => {
    expect(parseTags(value)).toEqual(tags);
  });

  test.each([
    [null],
    [[]],
    ['project=alpha'],
    [{ Project: 'alpha' }],
    [{ '1a': 'alpha' }],
    [{ ['a'.repeat(25)]: 'alpha' }],
    [{ project: '' }],
    [{ project: 'b'.repeat(65) }],
    [{ project: '-1' }],
    [{ project: '@ada' }],
    [{ project: '=1+1' }],
    [{ project: 'a,b' }],
    [{ project: 'é' }],
    [{ project: 7 }],
    [{ a: '1', b: '1', c: '1', d: '1', e: '1', f: '1' }],
  ])('%j are refused', (value) => {
    expect(parseTags(value)).toBeUndefined();
  });

  test('of a list have blanks around them removed, and no name twice', () => {
    expect(parseTagList(' project=alpha , env = prod')).toBeUndefined();
    expect(parseTagList('project=alpha , env=prod ')).toEqual({ env: 'prod', project: 'alpha' });
    expect(parseTagList('a=1,a=2')).toBeUndefined();
    expect(parseTagList('')).toBeUndefined();
    expect(parseTagList('a')).toBeUndefined();
  });

  test('are read again as they were written', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,23}$/);
    const value = fc
      .stringMatching(/^[A-Za-z0-9._@/ -]{1,64}$/)
      .filter((text) => /^[^-@ ].*[^ ]$|^[^-@ ]$/.test(text));
    fc.assert(
      fc.property(fc.dictionary(name, value, { minKeys: 1, maxKeys: 5 }), (tags) => {
        expect(parseTagList(formatTags(tags))).toEqual({ ...tags });
      }),
    );
  });

  test.each([
    ['Group 3', 'Group 3'],
    ['Übung A', 'Ubung A'],
    ['A&B, evening', 'A_B_ evening'],
    ['-1', '1'],
    ['=HYPERLINK("x")', '_HYPERLINK__x__'],
    ['', undefined],
    ['  ', undefined],
    ['第一组', '___'],
  ])('are made of a section: %j', (section, value) => {
    expect(toTagValue(section)).toBe(value);
  });
});
