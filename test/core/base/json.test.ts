import { describe, expect, test } from 'vitest';
import { parseBody, readModelId } from '../../../core/proxy/request-body.ts';

const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
/** An object with a list of empty containers. */
const empty = (unit: string, count: number): string =>
  `{"a":[${Array.from({ length: count }, () => unit).join(',')}]}`;

describe('parseBody', () => {
  test('uses the last of two members with one name', () => {
    expect(parseBody('{"model":"a","model":"b"}')).toEqual({ model: 'b' });
  });

  test.each([
    ['no body', undefined, 'the body is empty, a JSON object is needed'],
    ['an empty body', '', 'the body is empty, a JSON object is needed'],
    ['no JSON', '{"model":"secret-prompt"', 'the body must be JSON'],
    ['a list', '[]', 'the body must be a JSON object'],
    ['null', 'null', 'the body must be a JSON object'],
    ['a text', '"x"', 'the body must be a JSON object'],
    ['65 levels', nested(65), 'the body must not be nested deeper than 64'],
    ['100,000 levels', nested(100_000), 'the body must not be nested deeper than 64'],
    [
      '200,001 lists',
      empty('[]', 200_000),
      'the body must not hold more than 200000 lists and objects',
    ],
    [
      '200,001 objects',
      empty('{}', 200_000),
      'the body must not hold more than 200000 lists and objects',
    ],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseBody(text)).toThrowError(
      expect.objectContaining({ code: 'invalid_request', message }),
    );
  });

  test('reads 200,000 lists and objects, and any number of braces in a text', () => {
    expect(() => parseBody(empty('[]', 199_998))).not.toThrow();
    const text = `{"a":"${'{['.repeat(200_000)}\\"{["}`;
    expect(() => parseBody(text)).not.toThrow();
  });

  test('reads 64 levels', () => {
    expect(() => parseBody(nested(64))).not.toThrow();
  });

  // guarantee: body-too-large
  test('refuses more than 6 MB, counted in bytes', () => {
    const body = (bytes: number) => `{"a":"${'é'.repeat((bytes - 8) / 2)}"}`;
    expect(() => parseBody(body(6_291_456))).not.toThrow();
    expect(() => parseBody(body(6_291_458))).toThrowError(
      expect.objectContaining({ code: 'request_too_large', status: 413 }),
    );
  });
});

describe('readModelId', () => {
  test('returns the model', () => {
    expect(readModelId({ model: 'demo/echo' })).toBe('demo/echo');
  });

  test.each([[{}], [{ model: '' }], [{ model: 1 }], [{ model: ['a'] }], [{ model: null }]])(
    'refuses %j',
    (body) => {
      expect(() => readModelId(body)).toThrowError(
        expect.objectContaining({
          code: 'invalid_request',
          facts: expect.objectContaining({ param: 'model' }),
          message: '"model" must be the id of a model, such as "provider/model"',
        }),
      );
    },
  );
});
