import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../core/base/errors.ts';
import { kidOf } from '../../../core/jwt/kid.ts';
import {
  isSignedWith,
  parsePayload,
  parseScopedToken,
  signScopedToken,
} from '../../../core/tokens/scoped-token.ts';
import { ACCOUNT, FORMER_KEY, KEY } from '../../support/memory-keys.ts';
import { type Mint, mint, NOW_SECONDS } from '../../support/tokens.ts';

const parse = (options: Mint = {}) => parseScopedToken(mint(options).slice('jwt:'.length));
const kid = (text: string) => parse({ header: { kid: text } });
const UNKNOWN = expect.objectContaining({
  code: 'invalid_api_key',
  message: 'The API key is missing or not valid.',
  facts: {},
});

describe('parseScopedToken', () => {
  test('splits a token into its parts', () => {
    const token = parse();
    expect(token.account).toBe('acct_test');
    expect(token.keyName).toBe('course');
    expect(parsePayload(token)).toEqual({ sub: ACCOUNT, exp: NOW_SECONDS + 3600 });
  });

  test.each([
    ['standard base64', 'a:Y291cnNl', 'a', 'course'],
    ['an account with colons', 'a:b::c:Y291cnNl', 'a:b::c', 'course'],
    ['an empty account', ':Y291cnNl', '', 'course'],
    ['padding', 'a:YQ==', 'a', 'a'],
    ['no padding', 'a:YQ', 'a', 'a'],
    ['"+" and "/"', 'a:w7/DvsO7', 'a', 'ÿþû'],
    ['base64url', 'a:w7_DvsO7', 'a', 'ÿþû'],
    ['a name with a colon', 'a:YTpi', 'a', 'a:b'],
  ])('reads a kid with %s', (_, text, account, keyName) => {
    expect(kid(text)).toMatchObject({ account, keyName });
  });

  test.each([
    ['no colon', 'Y291cnNl'],
    ['no name', 'a:'],
    ['a wrong padding', 'a:YQ='],
    ['padding that is not needed', 'a:Y291cnNl='],
    ['trailing bits', 'a:YR=='],
    ['a name that is not base64', 'a:cour se'],
    ['a name that is not UTF-8', 'a:/w=='],
    ['a control character', 'a:AA=='],
    ['a name of 129 characters', `a:${Buffer.from('x'.repeat(129)).toString('base64')}`],
    ['a number', 5],
    ['nothing', undefined],
  ])('refuses a kid with %s', (_, value) => {
    expect(() => parse({ header: { kid: value } })).toThrow(UNKNOWN);
  });

  test.each([
    ['alg none', { alg: 'none' }],
    ['alg in small letters', { alg: 'hs256' }],
    ['HS384', { alg: 'HS384' }],
    ['HS512', { alg: 'HS512' }],
    ['RS256', { alg: 'RS256' }],
    ['ES256', { alg: 'ES256' }],
    ['no alg', { alg: undefined }],
    ['a list of algs', { alg: ['HS256'] }],
    ['another typ', { typ: 'at+jwt' }],
    ['a typ that is no text', { typ: 1 }],
    ['crit', { crit: [] }],
    ['crit of null', { crit: null }],
    ['b64', { b64: true }],
    ['zip', { zip: 'DEF' }],
  ])('refuses a header with %s', (_, header) => {
    expect(() => parse({ header })).toThrow(UNKNOWN);
  });

  test.each([['JWT'], ['jwt'], ['Jwt'], [undefined], [null]])('reads typ %j', (typ) => {
    expect(parse({ header: { typ } }).keyName).toBe('course');
  });

  test.each([
    ['alg twice', '{"alg":"HS256","alg":"HS256","kid":"acct_test:Y291cnNl"}'],
    ['kid twice, once escaped', '{"alg":"HS256","kid":"acct_test:Y291cnNl","k\\u0069d":"a:YQ"}'],
    ['a byte order mark', '\ufeff{"alg":"HS256","kid":"acct_test:Y291cnNl"}'],
    ['an array', '["HS256"]'],
    ['no JSON', 'alg'],
  ])('refuses a header text with %s', (_, headerText) => {
    expect(() => parse({ headerText })).toThrow(UNKNOWN);
  });

  test('refuses a header that is not UTF-8', () => {
    const headerText = Buffer.concat([
      Buffer.from('{"alg":"HS256","x":"'),
      Buffer.from([0xff, 0x22, 0x7d]),
    ]);
    expect(() => parse({ headerText })).toThrow(UNKNOWN);
  });

  const jws = mint().slice('jwt:'.length);
  const [head, payload, signature] = jws.split('.');
  test.each([
    ['nothing', ''],
    ['two parts', `${head}.${payload}`],
    ['four parts', `${jws}.`],
    ['five parts', `${jws}.a.b`],
    ['no signature', `${head}.${payload}.`],
    ['a signature of 31 bytes', `${head}.${payload}.${signature?.slice(0, 42)}`],
    ['padding', `${jws}=`],
    ['a line feed at the end', `${jws}\n`],
    ['white space within', `${head}.${payload} .${signature}`],
    ['standard base64', `${head}.${payload}.${'+'.repeat(43)}`],
    ['9 kB', `${head}.${'e30'.repeat(3000)}.${signature}`],
  ])('refuses %s', (_, text) => {
    expect(() => parseScopedToken(text)).toThrow(UNKNOWN);
  });

  test('refuses the three other spellings of a signature', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(jws.at(-1) ?? '');
    for (const bits of [1, 2, 3]) {
      const variant = `${jws.slice(0, -1)}${alphabet[last + bits]}`;
      expect(Buffer.from(variant.split('.')[2] ?? '', 'base64url')).toEqual(
        Buffer.from(signature ?? '', 'base64url'),
      );
      expect(() => parseScopedToken(variant)).toThrow(UNKNOWN);
    }
  });

  test('throws only invalid_api_key, whatever is sent', () => {
    const part = fc.oneof(
      fc.string(),
      fc.string().map((text) => Buffer.from(text).toString('base64url')),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
      fc.constantFrom(...jws.split('.')),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 4 }), (parts) => {
        try {
          parseScopedToken(parts.join('.'));
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
          expect(error).toMatchObject({ code: 'invalid_api_key' });
          expect(Object(error).cause).toBeUndefined();
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('isSignedWith', () => {
  test('is true for the whole key string and for no other', () => {
    expect(isSignedWith(parse(), KEY)).toBe(true);
    expect(isSignedWith(parse(), FORMER_KEY)).toBe(false);
    expect(isSignedWith(parse(), KEY.slice('sk-'.length))).toBe(false);
    expect(isSignedWith(parse(), '')).toBe(false);
  });

  test('is false if a byte of the payload changed', () => {
    const [head, , tail] = mint().split('.');
    const payload = Buffer.from(`{"sub":"acct_test","exp":${NOW_SECONDS + 3601}}`);
    const token = parseScopedToken(
      `${head?.slice('jwt:'.length)}.${payload.toString('base64url')}.${tail}`,
    );
    expect(isSignedWith(token, KEY)).toBe(false);
  });
});

describe('parsePayload', () => {
  test.each([
    ['a claim twice', '{"sub":"a","sub":"b"}'],
    ['a claim twice within', '{"x":{"a":1,"a":2}}'],
    ['an array', '[]'],
    ['a text', '"a"'],
    ['nothing', ''],
    ['what is not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
  ])('refuses %s', (_, payloadText) => {
    expect(() => parsePayload(parse({ payloadText }))).toThrow(
      expect.objectContaining({
        code: 'token_claim_invalid',
        message: 'A claim of the token is not valid.',
      }),
    );
  });
});

describe('signScopedToken', () => {
  const signer = { account: 'acct_test', keyName: 'course', key: KEY };

  test('signs as another library does, to the byte', () => {
    const claims = { sub: ACCOUNT, exp: NOW_SECONDS + 3600 };
    expect(signScopedToken(signer, claims)).toBe(mint());
  });

  test('names its key by account and base64 of the name', () => {
    expect(kidOf('acct_test', 'course')).toBe('acct_test:Y291cnNl');
    expect(kidOf('a:b', 'ÿþû')).toBe('a:b:w7/DvsO7');
  });

  test('is read back, for any account and name', () => {
    const names = fc
      .string({ minLength: 1, maxLength: 128, unit: 'grapheme' })
      .filter((name) => name.length <= 128 && !/\p{Cc}/u.test(name));
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), names, (account, keyName) => {
        const token = parseScopedToken(
          signScopedToken({ account, keyName, key: KEY }, {}).slice(4),
        );
        expect(token).toMatchObject({ account, keyName });
        expect(isSignedWith(token, KEY)).toBe(true);
      }),
    );
  });
});
