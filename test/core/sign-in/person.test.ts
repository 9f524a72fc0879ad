import { describe, expect, test } from 'vitest';
import { readPerson } from '../../../core/sign-in/person.ts';
import { makeSignInKit } from '../../support/sign-in-kit.ts';

const TENANT = '11111111-2222-3333-4444-555555555555';
const ADA = { email: 'Ada@Example.edu', email_verified: true, groups: ['staff'] };

const settingsOf = (signIn: Readonly<Record<string, unknown>> = {}) =>
  makeSignInKit({ requiredClaims: [], ...signIn }).ports.settings;
const read = (claims: object, signIn: Readonly<Record<string, unknown>> = {}) =>
  readPerson({ ...claims }, settingsOf(signIn));
const reasonOf = (claims: object, signIn: Readonly<Record<string, unknown>> = {}): string => {
  try {
    return `signed in: ${read(claims, signIn).user}`;
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
};

describe('a person', () => {
  test('is the verified e-mail address, folded', () => {
    expect(read(ADA)).toEqual({ user: 'ada@example.edu', keyName: 'course' });
  });

  test('is for the key and models of the first rule that fits, else for the usual key', () => {
    const rules = [
      { when: 'groups=faculty', key: 'faculty' },
      { when: 'groups=staff', key: 'staff', models: ['openai/*'] },
      { when: 'groups=staff', key: 'last' },
    ];
    expect(read(ADA, { rules })).toMatchObject({ keyName: 'staff', models: ['openai/*'] });
    expect(read({ ...ADA, groups: ['guest'] }, { rules })).toMatchObject({ keyName: 'course' });
    const none = { ...ADA, groups: ['guest'] };
    expect(reasonOf(none, { rules, key: undefined })).toBe('no rule gives you access');
  });

  test.each([
    ['no verified address', { ...ADA, email_verified: false }, 'does not vouch'],
    ['"true" as a text', { ...ADA, email_verified: 'true' }, 'does not vouch'],
    ['a list as the address', { ...ADA, email: ['a@b.edu'] }, 'does not vouch'],
    ['two at signs', { ...ADA, email: 'ada@example.edu@evil.com' }, 'does not vouch'],
    ['a space in the address', { ...ADA, email: 'ada @example.edu' }, 'does not vouch'],
    ['an address in what users write themselves', { user_metadata: ADA }, 'does not vouch'],
    ['another party', { ...ADA, azp: 'other' }, 'another application'],
  ])('is refused with %s', (_, claims, reason) => {
    expect(reasonOf(claims)).toContain(reason);
  });

  test('of Entra is of the tenant that the issuer names, and vouched for by xms_edov', () => {
    const entra = { issuer: `https://login.microsoftonline.com/${TENANT}/v2.0` };
    const claims = { email: 'ada@example.edu', xms_edov: '1', tid: TENANT };
    expect(reasonOf(claims, entra)).toBe('signed in: ada@example.edu');
    expect(reasonOf({ ...claims, tid: 'other' }, entra)).toContain('another tenant');
    expect(reasonOf({ ...claims, tid: undefined }, entra)).toContain('another tenant');
    expect(reasonOf({ ...claims, xms_edov: undefined }, entra)).toContain('does not vouch');
    for (const every of ['common', 'organizations', 'consumers', '{tenantid}']) {
      const issuer = `https://login.microsoftonline.com/${every}/v2.0`;
      expect(() => settingsOf({ issuer })).toThrow('must name one tenant');
    }
  });

  test('of Google has an address that stays in the same hands', () => {
    const google = {
      issuer: 'https://accounts.google.com',
      allowedDomains: ['example.edu', 'gmail.com'],
    };
    expect(() => settingsOf({ ...google, allowedDomains: [] })).toThrow(
      'must list "allowedDomains"',
    );
    expect(reasonOf(ADA, google)).toContain('Google Workspace');
    expect(reasonOf({ ...ADA, hd: 'example.edu' }, google)).toContain('signed in');
    expect(reasonOf({ ...ADA, email: 'ada@gmail.com' }, google)).toContain('signed in');
  });
});
