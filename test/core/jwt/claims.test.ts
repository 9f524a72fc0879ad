import { describe, expect, test } from 'vitest';
import { readVerifiedUser } from '../../../core/jwt/claims.ts';
import type { RequiredClaim, Verifier } from '../../../core/jwt/verifier.ts';
import { makeVerifyingKey } from '../../support/jwts.ts';
import { NOW_MS, NOW_SECONDS } from '../../support/tokens.ts';

const read = (claims: object, verifier: Partial<Verifier> = {}, trustEmail = false) =>
  readVerifiedUser(
    { sub: 'ada', ...claims },
    { ...makeVerifyingKey(verifier), trustEmail },
    { nowMs: NOW_MS, onPassed: undefined },
  );
const refusal = (claims: object, verifier?: Partial<Verifier>) => {
  try {
    read(claims, verifier);
  } catch (error) {
    const { code, message } = Object(error);
    return `${code}: ${message}`;
  }
  return 'passed';
};

describe('the user', () => {
  const readBare = (claims: Readonly<Record<string, unknown>>) =>
    readVerifiedUser(claims, makeVerifyingKey(), { nowMs: NOW_MS, onPassed: undefined }).id;

  test('is the first of sub, user_id and userId that is present', () => {
    expect(readBare({ userId: 'c', user_id: 'b', sub: 'a' })).toBe('a');
    expect(readBare({ user_id: 'b', userId: 'c' })).toBe('b');
    expect(readBare({ userId: 'c' })).toBe('c');
    expect(() => readBare({ user_id: '', userId: 'c' })).toThrow('"user_id"');
    expect(() => readBare({ id: 'd' })).toThrow(
      'the claim "sub" is missing, and there is no "user_id" or "userId"',
    );
  });

  test('has 1 to 256 characters', () => {
    expect(read({ sub: 'x'.repeat(256) }).id).toHaveLength(256);
    expect(refusal({ sub: 'x'.repeat(257) })).toBe(
      'token_claim_invalid: the claim "sub" must be a text of 1 to 256 characters without control characters',
    );
  });
});

describe('the issuer', () => {
  test('is empty if the token has none and the key requires none', () => {
    expect(read({}).issuer).toBe('');
    expect(read({ iss: 'a' }).issuer).toBe('a');
  });

  test('must be one of those that the key names', () => {
    const issuers = ['https://accounts.google.com', 'accounts.google.com'];
    expect(read({ iss: 'https://accounts.google.com' }, { issuers }).issuer).toBe(issuers[0]);
    expect(refusal({ iss: 'accounts.google.co' }, { issuers })).toBe(
      'token_claim_invalid: the claim "iss" is missing or not one that this key accepts',
    );
  });

  test.each([
    ['https://accounts.google.com', ['https://accounts.google.com', 'accounts.google.com']],
    [
      'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0',
      [
        'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0',
        'https://sts.windows.net/11111111-2222-3333-4444-555555555555/',
      ],
    ],
  ])('%s has one name here, whichever of its names the token has', (name, issuers) => {
    for (const iss of issuers) expect(read({ iss }, { issuers }).issuer).toBe(name);
  });

  test.each([
    'https://sts.windows.net/11111111-2222-3333-4444-555555555555',
    'https://sts.windows.net/11111111-2222-3333-4444-555555555555/v2.0',
    'http://accounts.google.com',
    'https://accounts.google.com/',
    'accounts.google.com.evil.example',
  ])('another issuer keeps its own name: %s', (iss) => {
    expect(read({ iss }).issuer).toBe(iss);
  });

  test.each([[''], [5], [null], [['a']], ['a\u0000b'], ['x'.repeat(513)]])('is never %j', (iss) => {
    expect(refusal({ iss })).toContain('token_claim_invalid: the claim "iss"');
  });
});

describe('the audience', () => {
  const audiences = ['a', 'b'];
  test.each([['a'], [['x', 'b']]])('may be %j', (aud) => {
    expect(refusal({ aud }, { audiences })).toBe('passed');
  });
  test.each([[undefined], ['ab'], [[]], [['x']], [5], [['a', 5]], [null], [{ a: 1 }]])(
    'may not be %j',
    (aud) => {
      expect(refusal({ aud }, { audiences })).toContain('token_claim_invalid: the claim "aud"');
    },
  );
  test('must be text even if the key requires none', () => {
    expect(refusal({ aud: 5 })).toBe(
      'token_claim_invalid: the claim "aud" must be a text or a list of texts',
    );
  });
});

test('must be joined by an authorized party that the key names', () => {
  const authorizedParties = ['https://app.example.edu'];
  expect(refusal({ azp: 'https://app.example.edu' }, { authorizedParties })).toBe('passed');
  for (const azp of [undefined, 'https://app.example.edu.evil', '']) {
    expect(refusal({ azp }, { authorizedParties })).toContain(
      'token_claim_invalid: the claim "azp"',
    );
  }
  expect(refusal({ azp: 7 })).toBe('token_claim_invalid: the claim "azp" must be a text');
});

describe('times', () => {
  test('may be absent unless the key requires exp', () => {
    expect(refusal({}, { requireExp: true })).toBe(
      'token_claim_invalid: the claim "exp" is missing',
    );
    expect(refusal({})).toBe('passed');
  });

  test.each([
    [0, { exp: NOW_SECONDS }, 'token_expired: The token has expired.'],
    [0, { exp: NOW_SECONDS + 0.5 }, 'passed'],
    [60, { exp: NOW_SECONDS - 60 }, 'token_expired: The token has expired.'],
    [60, { exp: NOW_SECONDS - 59 }, 'passed'],
    [0, { nbf: NOW_SECONDS }, 'passed'],
    [0, { nbf: NOW_SECONDS + 0.001 }, 'token_not_active: The token is not active yet.'],
    [60, { nbf: NOW_SECONDS + 60 }, 'passed'],
    [60, { iat: NOW_SECONDS + 61 }, 'token_not_active: The token is not active yet.'],
    [0, { exp: 253_402_300_799 }, 'passed'],
  ])('with a tolerance of %d s, of %j: %s', (clockToleranceSeconds, claims, expected) => {
    expect(refusal(claims, { clockToleranceSeconds })).toBe(expected);
  });

  test('lie between 1970 and the year 9999', () => {
    for (const name of ['exp', 'nbf', 'iat']) {
      for (const value of [
        253_402_300_800,
        1e300,
        Number.POSITIVE_INFINITY,
        Number.NaN,
        -1,
        '1',
        null,
      ]) {
        expect(refusal({ [name]: value })).toBe(
          `token_claim_invalid: the claim "${name}" must be seconds since 1970, up to the year 9999`,
        );
      }
    }
  });
});

describe('a required claim', () => {
  const CLAIMS = {
    tier: 'pro',
    level: 3,
    beta: false,
    groups: ['staff', 7],
    nothing: null,
    empty: [],
    app_metadata: { roles: { main: 'admin' }, tags: ['x'] },
    'https://example.edu/role': 'teacher',
    'https://example.edu/claims': { plan: 'team' },
    'a.b': 'whole',
    a: { b: 'nested' },
  };
  const check = (claim: string, ...values: RequiredClaim['values']) =>
    refusal(CLAIMS, { required: [{ claim, values }] });

  test.each([
    ['tier', ['pro', 'team']],
    ['tier', []],
    ['level', [3]],
    ['beta', [false]],
    ['beta', []],
    ['groups', ['staff']],
    ['groups', [7]],
    ['empty', []],
    ['app_metadata.roles.main', ['admin']],
    ['app_metadata.tags', ['x']],
    ['https://example.edu/role', ['teacher']],
    ['https://example.edu/claims.plan', ['team']],
    ['a.b', ['whole']],
  ] as const)('passes: %s of %j', (claim, values) => {
    expect(check(claim, ...values)).toBe('passed');
  });

  test.each([
    ['tier', ['Pro']],
    ['tier', ['pr']],
    ['level', ['3']],
    ['beta', ['false']],
    ['beta', [0]],
    ['groups', ['7']],
    ['empty', ['x']],
    ['nothing', []],
    ['missing', []],
    ['app_metadata.roles', ['admin']],
    ['app_metadata.missing.main', []],
    ['app_metadata.tags.0', []],
    ['tier.length', []],
    ['a.b', ['nested']],
    ['constructor', []],
    ['__proto__', []],
    ['app_metadata.toString', []],
    ['.', []],
    ['.tier', []],
    ['tier.', []],
    ['', []],
  ] as const)('does not pass: %s of %j', (claim, values) => {
    expect(check(claim, ...values)).toBe(
      `claim_not_allowed: the claim "${claim}" is missing or not one that this key allows`,
    );
  });

  test('is found up to eight members deep', () => {
    const nested = (depth: number): object => (depth === 0 ? { v: 1 } : { m: nested(depth - 1) });
    const required = (depth: number) => [{ claim: `${'m.'.repeat(depth)}v`, values: [1] }];
    expect(refusal(nested(7), { required: required(7) })).toBe('passed');
    expect(refusal(nested(8), { required: required(8) })).toContain('claim_not_allowed');
  });
});

describe('the e-mail address', () => {
  const email = 'ada@example.edu';
  test.each([
    [{ email_verified: true }, email],
    [{ email_verified: 'true' }, undefined],
    [{ email_verified: 1 }, undefined],
    [{ email_verified: false }, undefined],
    [{}, undefined],
    [{ xms_edov: true }, email],
    [{ xms_edov: 1 }, email],
    [{ xms_edov: '1' }, email],
    [{ xms_edov: 'true' }, email],
    [{ xms_edov: 'True' }, undefined],
    [{ xms_edov: false }, undefined],
    [{ xms_edov: 0 }, undefined],
    [{ email_verified: false, xms_edov: true }, undefined],
    [{ user_metadata: { email_verified: true } }, undefined],
  ])('with %j is %s', (claims, expected) => {
    expect(read({ email, ...claims }).email).toBe(expected);
  });

  test('counts without verification if the key says so', () => {
    expect(read({ email }, {}, true).email).toBe(email);
    expect(read({ email, email_verified: false }, {}, true).email).toBe(email);
  });

  test.each([
    [5],
    [''],
    ['a\nb@example.edu'],
    [`${'x'.repeat(310)}@example.edu`],
    [null],
    [[email]],
  ])('does not count if it is %j', (address) => {
    expect(read({ email: address, email_verified: true }, {}, true).email).toBeUndefined();
  });

  test('is never read from claims that users write themselves', () => {
    const claims = { user_metadata: { email, email_verified: true }, email_verified: true };
    expect(read(claims, {}, true).email).toBeUndefined();
  });
});

test('shows no value of a claim in an error', () => {
  const required = [{ claim: 'CLAIM', values: ['x'] }];
  for (const claims of [
    { iss: '\u0000CANARY' },
    { aud: { CANARY: 1 } },
    { CLAIM: 'CANARY' },
    { exp: 'CANARY' },
  ]) {
    expect(refusal(claims, { required })).toContain('claim');
    expect(refusal(claims, { required })).not.toContain('CANARY');
  }
});
