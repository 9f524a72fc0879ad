import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCredential, readCredential } from '../../../core/access/credential.ts';
import { GatewayError } from '../../../core/base/errors.ts';

const headers = (sent: Record<string, readonly string[]>) => new Map(Object.entries(sent));
const errorOf = (read: () => unknown): unknown => {
  try {
    return read();
  } catch (error) {
    return error instanceof GatewayError ? { code: error.code, message: error.message } : error;
  }
};
const UNKNOWN = { code: 'invalid_api_key', message: 'The API key is missing or not valid.' };
const key = { kind: 'key', key: 'sk-a' };

describe('readCredential', () => {
  test.each([
    ['Authorization', { authorization: ['Bearer sk-a'] }],
    ['Authorization with its scheme in any case', { authorization: ['bEARER sk-a'] }],
    ['Authorization with more spaces', { authorization: [' Bearer   sk-a '] }],
    ['x-api-key', { 'x-api-key': ['sk-a'] }],
    ['x-goog-api-key', { 'x-goog-api-key': ['sk-a'] }],
    ['api-key', { 'api-key': ['sk-a'] }],
    [
      'two headers with the same credential',
      { authorization: ['Bearer sk-a'], 'x-api-key': ['sk-a'] },
    ],
    ['one header while another is empty', { authorization: ['Bearer'], 'x-api-key': ['sk-a'] }],
  ])('reads %s', (_, sent) => {
    expect(readCredential(headers(sent))).toEqual(key);
  });

  test.each([
    ['no header', {}],
    ['an empty list of values', { authorization: [] }],
    ['an empty header', { authorization: [''] }],
    ['a scheme alone', { authorization: ['Bearer '] }],
    ['another scheme', { authorization: ['Basic c2stYTo='] }],
    [
      'a key without its scheme in Authorization, yet with another text',
      { authorization: ['Token sk-a'] },
    ],
    ['another form', { 'x-api-key': ['AIzaSyA'] }],
    ['a space within', { 'x-api-key': ['sk-a b'] }],
    ['two credentials in one value', { 'x-api-key': ['sk-a, sk-b'] }],
    ['a character beyond ASCII', { 'x-api-key': ['sk-é'] }],
  ])('refuses %s as an unknown key', (_, sent) => {
    expect(errorOf(() => readCredential(headers(sent)))).toEqual(UNKNOWN);
  });

  test.each([
    ['two headers', { authorization: ['Bearer sk-a'], 'api-key': ['sk-b'] }],
    ['a key beside another scheme', { authorization: ['Basic sk-a'], 'x-api-key': ['sk-a'] }],
    ['a key beside a token', { 'x-goog-api-key': ['sk-a'], 'api-key': ['jwt:sk-a'] }],
  ])('refuses two different credentials: %s', (_, sent) => {
    expect(errorOf(() => readCredential(headers(sent)))).toEqual({
      code: 'invalid_api_key',
      message: 'The request carries two different credentials.',
    });
  });

  test.each([['authorization'], ['x-api-key'], ['x-goog-api-key'], ['api-key']])(
    'refuses %s twice, be it the same',
    (name) => {
      expect(errorOf(() => readCredential(headers({ [name]: ['sk-a', 'sk-a'] })))).toEqual({
        code: 'invalid_api_key',
        message: 'One of the headers for a credential was sent twice.',
      });
    },
  );

  test('throws only invalid_api_key, which quotes nothing', () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .constantFrom('Bearer ', 'sk-', 'jwt:', 'sk-a:')
        .chain((start) => fc.string().map((end) => start + end)),
    );
    const sent = fc.dictionary(
      fc.constantFrom('authorization', 'x-api-key', 'x-goog-api-key', 'api-key'),
      fc.array(
        value.map((text) => `CANARY${text}`),
        { maxLength: 2 },
      ),
    );
    fc.assert(
      fc.property(sent, (some) => {
        try {
          readCredential(headers(some));
        } catch (error) {
          if (!(error instanceof GatewayError)) throw error;
          expect(error.code).toBe('invalid_api_key');
          expect(JSON.stringify([error.message, error.detail, error.facts])).not.toContain(
            'CANARY',
          );
          expect(error.cause).toBeUndefined();
        }
      }),
    );
  });
});

describe('parseCredential', () => {
  test.each([
    ['sk-a', { kind: 'key', key: 'sk-a' }],
    ['sk-', { kind: 'key', key: 'sk-' }],
    ['sk-a:b.c.d', { kind: 'client-access', key: 'sk-a', jwt: 'b.c.d' }],
    ['sk-a:b:c', { kind: 'client-access', key: 'sk-a', jwt: 'b:c' }],
    ['sk-a:', { kind: 'client-access', key: 'sk-a', jwt: '' }],
    ['jwt:b.c.d', { kind: 'scoped-token', jws: 'b.c.d' }],
    ['jwt:sk-a:b', { kind: 'scoped-token', jws: 'sk-a:b' }],
  ])('reads %s', (text, expected) => {
    expect(parseCredential(text)).toEqual(expected);
  });

  test.each([['SK-a'], ['JWT:a'], ['jwt'], ['sk'], [' sk-a'], ['sk-a\n'], ['b.c.d']])(
    'refuses %j',
    (text) => {
      expect(errorOf(() => parseCredential(text))).toEqual(UNKNOWN);
    },
  );

  test('accepts 8,192 characters and not one more', () => {
    expect(parseCredential(`sk-${'a'.repeat(8189)}`).kind).toBe('key');
    expect(errorOf(() => parseCredential(`sk-${'a'.repeat(8190)}`))).toEqual(UNKNOWN);
  });
});
