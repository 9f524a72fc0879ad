/**
 * Settings that a key adds to its preset, through the whole gateway: e-mail addresses, required claims, a shared secret.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APP, CASES, type Claims, INVALID, NOT_ALLOWED, TENANT } from '../support/preset-cases.ts';
import { inTime, type PresetGateway, startPresetGateway } from '../support/preset-gateway.ts';
import { mintWith } from '../support/user-jwts.ts';

let gateway: PresetGateway;
beforeAll(async () => {
  gateway = await startPresetGateway();
});
afterAll(() => gateway.close());

describe('an e-mail address', () => {
  const withDomain = (name: string, preset: string, ...flags: string[]) =>
    gateway.makeKey(
      ...([name, '--preset', preset, '--jwks-url', gateway.issuers.RS256.jwksUrl] as const),
      ...['--algorithms', 'RS256', '--allow-domain', 'example.edu', ...flags],
    );
  const sign = (provider: string, other: Claims) => {
    const { claims } = CASES.find((each) => each.provider === provider) ?? { claims: {} };
    return gateway.issuers.RS256.sign({ ...inTime(), ...claims, ...other });
  };

  test('of Firebase counts only when it is verified', async () => {
    const key = await withDomain('firebase-mail', 'firebase:course-tutor');
    expect(await gateway.ask(key, sign('firebase', {}))).toBe('domain_not_allowed');
    expect(await gateway.ask(key, sign('firebase', { email_verified: true }))).toBe('Xy12AbCdEfGh');
  });

  test('of Supabase counts only when the key trusts it, because users write their own metadata', async () => {
    const key = await withDomain('supabase-mail', 'supabase:abcdefghijklmnopqrst');
    expect(await gateway.ask(key, sign('supabase', {}))).toBe('domain_not_allowed');
    const trusting = await withDomain(
      'supabase-trusted',
      'supabase:abcdefghijklmnopqrst',
      '--trust-email',
    );
    expect(await gateway.ask(trusting, sign('supabase', {}))).toBe(
      '0b7d4f3e-1111-4222-8333-444455556666',
    );
  });

  test('of Entra counts with xms_edov, in each of its spellings', async () => {
    const key = await withDomain('entra-mail', `entra:${TENANT}/${APP}`);
    const email = 'ada@example.edu';
    expect(await gateway.ask(key, sign('entra', { email }))).toBe('domain_not_allowed');
    for (const edov of [true, 1, '1']) {
      expect(await gateway.ask(key, sign('entra', { email, xms_edov: edov }))).toMatch(/^AAAA/);
    }
    for (const edov of [false, 0, '0', '']) {
      const code = await gateway.ask(key, sign('entra', { email, xms_edov: edov }));
      expect(code).toBe('domain_not_allowed');
    }
    expect(await gateway.ask(key, sign('entra', {}))).toBe('domain_not_allowed');
  });
});

describe('the options that docs/identity.md adds to a preset', () => {
  const claimsOf = (provider: string): Claims => ({
    ...inTime(),
    ...CASES.find((each) => each.provider === provider)?.claims,
  });

  test('keep out anonymous visitors of Supabase, who have the role of users', async () => {
    const preset = ['--preset', 'supabase:abcdefghijklmnopqrst'];
    const source = ['--jwks-url', gateway.issuers.ES256.jwksUrl];
    const plain = await gateway.makeKey('anonymous', ...preset, ...source);
    const strict = await gateway.makeKey(
      'signed',
      ...preset,
      ...source,
      '--require',
      'is_anonymous=false',
    );
    const user = gateway.issuers.ES256.sign(claimsOf('supabase'));
    const visitor = gateway.issuers.ES256.sign({ ...claimsOf('supabase'), is_anonymous: true });
    expect(await gateway.ask(plain, visitor)).toBe('0b7d4f3e-1111-4222-8333-444455556666');
    expect(await gateway.ask(strict, visitor)).toBe(NOT_ALLOWED);
    expect(await gateway.ask(strict, user)).toBe('0b7d4f3e-1111-4222-8333-444455556666');
  });

  test('keep out anonymous visitors of Firebase, who count as users there', async () => {
    const key = await gateway.makeKey(
      ...(['providers', '--preset', 'firebase:course-tutor'] as const),
      ...['--jwks-url', gateway.issuers.RS256.jwksUrl],
      ...['--require', 'firebase.sign_in_provider=password|google.com'],
    );
    const by = (provider: string) =>
      gateway.issuers.RS256.sign({
        ...claimsOf('firebase'),
        firebase: { identities: {}, sign_in_provider: provider },
      });
    expect(await gateway.ask(key, by('password'))).toBe('Xy12AbCdEfGh');
    expect(await gateway.ask(key, by('anonymous'))).toBe(NOT_ALLOWED);
    expect(await gateway.ask(key, by('custom'))).toBe(NOT_ALLOWED);
  });

  test('accept Google accounts of one Workspace only', async () => {
    const key = await gateway.makeKey(
      ...(['workspace', '--preset', 'google:123-abc.apps.googleusercontent.com'] as const),
      ...['--jwks-url', gateway.issuers.RS256.jwksUrl, '--require', 'hd=example.edu'],
    );
    const claims = { ...claimsOf('google'), email: 'ada@example.edu' };
    expect(await gateway.ask(key, gateway.issuers.RS256.sign(claims))).toBe(NOT_ALLOWED);
    expect(await gateway.ask(key, gateway.issuers.RS256.sign({ ...claims, hd: 'other.edu' }))).toBe(
      NOT_ALLOWED,
    );
    expect(
      await gateway.ask(key, gateway.issuers.RS256.sign({ ...claims, hd: 'example.edu' })),
    ).toBe('110169484474386276334');
  });
});

test('a preset with a shared secret keeps its other checks', async () => {
  const secret = 'x'.repeat(40);
  const key = await gateway.makeKey(
    ...(['legacy', '--preset', 'supabase:abcdefghijklmnopqrst', '--jwt-secret', '-'] as const),
  );
  const claims = { ...inTime(), ...CASES[0]?.claims };
  expect(await gateway.ask(key, mintWith(claims, secret))).toBe(
    '0b7d4f3e-1111-4222-8333-444455556666',
  );
  expect(await gateway.ask(key, mintWith({ ...claims, role: 'anon' }, secret))).toBe(NOT_ALLOWED);
  expect(await gateway.ask(key, mintWith({ ...claims, iss: 'supabase' }, secret))).toBe(INVALID);
});
