import { describe, expect, it } from 'vitest';
import { identityOfKey, identityOfToken, readConversation } from '../../core/identity.ts';
import { SERVER_RECORD } from '../support/memory-keys.ts';

describe('identity', () => {
  it('is the user of a personal key, in a name space of its own', () => {
    expect(identityOfKey({ ...SERVER_RECORD, kind: 'personal', user: 'ada' })).toEqual({
      source: 'personal',
      issuer: '',
      id: 'ada',
    });
    expect(identityOfKey(SERVER_RECORD)).toBeUndefined();
  });

  it('is the user of a token, in a name space of its own', () => {
    expect(identityOfToken('ada')).toEqual({ source: 'token', issuer: '', id: 'ada' });
    expect(identityOfToken(undefined)).toBeUndefined();
  });
});

describe('readConversation', () => {
  const read = (...values: string[]) => readConversation(new Map([['x-conversation-id', values]]));

  it('reads 1 to 128 characters', () => {
    expect(read('a')).toBe('a');
    expect(read(`Az09._-${'x'.repeat(121)}`)).toHaveLength(128);
    expect(readConversation(new Map())).toBeUndefined();
    expect(read()).toBeUndefined();
  });

  it.each([
    ['empty', ['']],
    ['129 characters', ['x'.repeat(129)]],
    ['another character', ['a b']],
    ['a line feed at the end', ['a\n']],
    ['sent twice', ['a', 'a']],
  ])('refuses %s', (_, values) => {
    expect(() => read(...values)).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        message: 'the header "x-conversation-id" must be sent once, as 1 to 128 of A-Za-z0-9._-',
      }),
    );
  });
});
