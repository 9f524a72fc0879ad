import { describe, expect, test } from 'vitest';
import { commonModels, narrowModels, toScope } from '../../../core/sign-in/scope.ts';

describe('models that two lists have in common', () => {
  test.each([
    [['a/x'], undefined, ['a/x']],
    [['a/x'], ['a/x', 'a/y'], ['a/x']],
    [['a/*'], ['a/x', 'b/y'], ['a/x']],
    [['a/x', 'b/y'], ['a/*'], ['a/x']],
    [['a/*'], ['a/*'], ['a/*']],
    [['a/x'], ['ab/*'], []],
    [['a/x'], ['b/x'], []],
  ])('of %j and %j are %j', (one, other, common) => {
    expect(commonModels(one, other)).toEqual(common);
  });
});

describe('a request', () => {
  const narrow = (parameters: Readonly<Record<string, string>>, allowed?: readonly string[]) => {
    try {
      return narrowModels(new Map(Object.entries(parameters)), allowed);
    } catch (error) {
      return Object(error).code;
    }
  };

  test.each([
    [{}, ['a/*'], ['a/*']],
    [{ scope: 'inference' }, ['a/*'], ['a/*']],
    [{ models: 'a/x, a/y' }, ['a/*'], ['a/x', 'a/y']],
    [{ scope: 'inference model:a/x' }, undefined, ['a/x']],
    [{ scope: 'model:a/x', models: 'a/y' }, ['a/*'], ['a/y', 'a/x']],
    [{ models: 'b/x' }, ['a/*'], 'invalid_scope'],
    [{ models: 'a/*' }, ['a/x'], 'invalid_scope'],
    [{ models: 'a/<script>' }, undefined, 'invalid_scope'],
    [{ scope: 'everything' }, undefined, 'invalid_scope'],
  ])('with %j of the models %j gets %j', (parameters, allowed, expected) => {
    expect(narrow(parameters, allowed)).toEqual(expected);
  });

  test('reads the scopes that an answer has', () => {
    const models = ['a/x', 'b/*'];
    expect(narrow({ scope: toScope(models) })).toEqual(models);
  });
});
