import { describe, expect, test } from 'vitest';
import { type ConfigInput, defineConfig } from '../../../core/config.ts';
import { parseSignIn } from '../../../core/sign-in/settings.ts';

type SignInInput = NonNullable<ConfigInput['signIn']>;

const RULE = { name: 'deploy', preset: 'github-actions:octo/app#42' };

const parse = (signIn: SignInInput) => {
  const { signIn: config } = defineConfig({ providers: {}, signIn });
  if (config === undefined) throw new Error('there is no sign-in');
  return parseSignIn(config);
};

describe('the settings of sign-in', () => {
  test('name each key that signs, once', () => {
    const { keyNames } = parse({
      key: 'staff',
      rules: [{ when: 'groups=faculty', key: 'faculty' }],
      exchange: [RULE, { ...RULE, name: 'nightly', key: 'ci' }],
    });
    expect(keyNames).toEqual(['staff', 'faculty', 'ci']);
  });

  test('take the issuer and its keys from a preset, or from a server of the organisation', () => {
    const jwks = 'https://git.example.edu/keys';
    const [plain, own] = parse({
      key: 'ci',
      exchange: [RULE, { ...RULE, name: 'own', issuer: 'https://git.example.edu', jwks }],
    }).exchange;
    expect(plain?.verifier).toMatchObject({
      issuers: ['https://token.actions.githubusercontent.com'],
      key: { kind: 'jwks', url: 'https://token.actions.githubusercontent.com/.well-known/jwks' },
    });
    expect(own?.verifier).toMatchObject({
      issuers: ['https://git.example.edu'],
      key: { kind: 'jwks', url: jwks },
    });
  });

  test.each<[string, SignInInput, RegExp]>([
    ['no key', {}, /must name a "key", or one in each of its rules/],
    [
      'a provider without a client',
      { key: 'a', issuer: 'https://i.edu' },
      /both "issuer" and "clientId"/,
    ],
    [
      'a URL that ends in a slash',
      { key: 'a', publicUrl: 'https://i.edu/' },
      /must not end in a slash/,
    ],
    ['a URL by http', { key: 'a', publicUrl: 'http://i.edu' }, /http only for this machine/],
    [
      'a domain in upper case',
      { key: 'a', allowedDomains: ['X.edu'] },
      /must be a lower-case domain/,
    ],
    ['two rules of one name', { key: 'a', exchange: [RULE, RULE] }, /its own name/],
    ['a rule without an issuer', { key: 'a', exchange: [{ name: 'x' }] }, /a "preset", or both/],
    [
      'a rule with an unknown preset',
      { key: 'a', exchange: [{ name: 'x', preset: 'github:octo/app' }] },
      /its rule "x" has a preset that cannot be read.*github-actions:<owner>/,
    ],
    [
      'a token of two hours',
      { key: 'a', exchange: [{ ...RULE, lifetime: '2h' }] },
      /"lifetime" of at most 1h, got "2h"/,
    ],
    [
      'trust in e-mail addresses of any domain',
      { key: 'a', exchange: [{ ...RULE, trustEmail: true }] },
      /must list the "domains"/,
    ],
    [
      'an unreadable claim',
      { key: 'a', exchange: [{ ...RULE, require: ['=x'] }] },
      /must have claims such as/,
    ],
  ])('refuse %s', (_, signIn, message) => {
    expect(() => parse(signIn)).toThrow(message);
  });

  test('refuse an unknown field', () => {
    const signIn = { key: 'a', spendingLimit: 5 } as SignInInput;
    expect(() => parse(signIn)).toThrow('signIn');
  });
});
