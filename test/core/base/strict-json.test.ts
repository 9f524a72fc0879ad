import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseStrictObject } from '../../../core/base/json.ts';

const nested = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;

describe('parseStrictObject', () => {
  test.each([
    ['an object', '{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}'],
    ['white space', ' {\n\t"a" : 1 ,\r "b":"{\\"a\\":1,\\"a\\":2}" } '],
    ['a string that ends in a backslash', '{"a":"\\\\","b":"\\""}'],
    ['one name as member and as value', '{"a":"a"}'],
    ['an empty object', '{}'],
    ['a depth of 16', nested(16)],
  ])('reads %s as JSON.parse does', (_, text) => {
    expect(parseStrictObject(text)).toEqual(JSON.parse(text));
  });

  test.each([
    ['two members of one name', '{"a":1,"a":1}'],
    ['two members of one name, one of them escaped', '{"a":1,"\\u0061":2}'],
    ['two members of one name within', '{"x":[{"a":1,"b":2,"a":3}]}'],
    ['two members of one name with white space before the colon', '{"a" :1,"a"\n:1}'],
    ['two members named __proto__', '{"__proto__":1,"__proto__":2}'],
    ['a depth of 17', nested(17)],
    ['an array', '[]'],
    ['null', 'null'],
    ['a number', '1'],
    ['what is not JSON', '{"a":1,}'],
    ['a byte order mark', '\ufeff{}'],
    ['nothing', ''],
  ])('refuses %s', (_, text) => {
    expect(parseStrictObject(text)).toBeUndefined();
  });

  test('reads any output of JSON.stringify that is not too deep', () => {
    const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }));
    fc.assert(
      fc.property(objects, (object) => {
        const text = JSON.stringify(object);
        expect(parseStrictObject(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('refuses any object with a repeated member', () => {
    const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { minKeys: 1 });
    fc.assert(
      fc.property(objects, (object) => {
        const [first] = Object.entries(object);
        const twice = `${JSON.stringify(object).slice(0, -1)},${JSON.stringify(first?.[0])}:0}`;
        expect(parseStrictObject(twice)).toBeUndefined();
      }),
    );
  });
});
