import { describe, expect, test } from 'vitest';
import { parsePreset } from '../../../core/jwt/presets.ts';

/** test/e2e/presets.test.ts verifies tokens in the form of each provider. */
describe('a preset', () => {
  test.each([
    [
      'supabase:abcdefgh',
      'https://abcdefgh.supabase.co/auth/v1/.well-known/jwks.json',
      ['https://abcdefgh.supabase.co/auth/v1'],
    ],
    [
      'firebase:course-tutor',
      'https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com',
      ['https://securetoken.google.com/course-tutor'],
    ],
    [
      'cognito:us-east-1/us-east-1_Ab12/abc123',
      'https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab12/.well-known/jwks.json',
      ['https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab12'],
    ],
    [
      'auth0:course.eu.auth0.com/https://api.example.edu/v1',
      'https://course.eu.auth0.com/.well-known/jwks.json',
      ['https://course.eu.auth0.com/'],
    ],
    [
      'okta:dev-1',
      'https://dev-1.okta.com/oauth2/default/v1/keys',
      ['https://dev-1.okta.com/oauth2/default'],
    ],
    [
      'okta:login.example.edu/api://tutor',
      'https://login.example.edu/oauth2/default/v1/keys',
      ['https://login.example.edu/oauth2/default'],
    ],
    [
      'google:1-a.apps.googleusercontent.com',
      'https://www.googleapis.com/oauth2/v3/certs',
      ['https://accounts.google.com', 'accounts.google.com'],
    ],
    [
      'entra:11111111-2222-3333-4444-555555555555/AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee',
      'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/discovery/v2.0/keys',
      [
        'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0',
        'https://sts.windows.net/11111111-2222-3333-4444-555555555555/',
      ],
    ],
    [
      'clerk:clerk.example.edu/https://app.example.edu',
      'https://clerk.example.edu/.well-known/jwks.json',
      ['https://clerk.example.edu'],
    ],
  ])('%s sets the key set and the issuer', (text, url, issuers) => {
    expect(parsePreset(text)).toMatchObject({ key: { kind: 'jwks', url }, issuers });
  });

  test.each([
    ['auth0:course.eu.auth0.com/https://api.example.edu/v1', ['https://api.example.edu/v1'], []],
    ['okta:dev-1', ['api://default'], []],
    ['okta:dev-1/api://tutor', ['api://tutor'], []],
    ['clerk:clerk.example.edu/https://app.example.edu', [], ['https://app.example.edu']],
  ])('%s sets the audience of a token', (text, audiences, authorizedParties) => {
    expect(parsePreset(text)).toMatchObject({ audiences, authorizedParties });
  });

  test.each([
    'supabase:',
    'supabase:Ref',
    'supabase:evil.example/',
    'firebase:a/b',
    'cognito:eu-central-1/pool',
    'cognito:evil.example/pool/client',
    'auth0:course.eu.auth0.com',
    'auth0:course.eu.auth0.com/',
    'auth0:user@evil.example/api',
    'okta:',
    'okta:dev-1/',
    'google:',
    'entra:common/app',
    'entra:organizations/app',
    'entra:contoso.onmicrosoft.com/app',
    'clerk:clerk.example.edu',
    'clerk:clerk.example.edu/null',
    'clerk:clerk.example.edu/https://app.example.edu/path',
  ])('%s is refused, and the error shows its form', (text) => {
    const provider = text.split(':')[0];
    expect(() => parsePreset(text)).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        message: expect.stringContaining(`a preset must be ${provider}:<`),
      }),
    );
  });

  test.each(['', 'supabase', 'keycloak:x', '__proto__:x', 'constructor:x'])(
    '%j is refused with the forms there are',
    (text) => {
      expect(() => parsePreset(text)).toThrow(
        'a preset must be supabase:<ref>, firebase:<project>, cognito:<region>/<pool>/<client>, auth0:<domain>/<audience>, okta:<org>[/<audience>], google:<client>, entra:<tenant id>/<app id>, clerk:<frontend api>/<origin>',
      );
    },
  );
});
