/** The presets, each with claims as its provider issues them and claims that are refused. */

/** Claims of a JWT. */
export type Claims = Readonly<Record<string, unknown>>;

/** A preset and what its provider issues. */
export interface Case {
  readonly provider: string;
  readonly preset: string;
  readonly alg: 'RS256' | 'ES256';
  /** Claims as the provider issues them. */
  readonly claims: Claims;
  readonly user: string;
  /** Others that are taken. */
  readonly taken?: readonly (readonly [string, Claims])[];
  readonly refused: readonly (readonly [string, Claims, string])[];
}

export const TENANT = '11111111-2222-3333-4444-555555555555';
const OTHER_TENANT = '99999999-2222-3333-4444-555555555555';
export const APP = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';
export const INVALID = 'token_claim_invalid';
export const NOT_ALLOWED = 'claim_not_allowed';

export const CASES: readonly Case[] = [
  {
    provider: 'supabase',
    preset: 'supabase:abcdefghijklmnopqrst',
    alg: 'ES256',
    claims: {
      iss: 'https://abcdefghijklmnopqrst.supabase.co/auth/v1',
      sub: '0b7d4f3e-1111-4222-8333-444455556666',
      aud: 'authenticated',
      role: 'authenticated',
      email: 'ada@example.edu',
      phone: '',
      aal: 'aal1',
      session_id: '5f2f4c1e-0000-4000-8000-000000000000',
      is_anonymous: false,
      user_metadata: { email_verified: true },
    },
    user: '0b7d4f3e-1111-4222-8333-444455556666',
    refused: [
      ['the public anon key', { role: 'anon', aud: undefined, sub: undefined }, INVALID],
      ['a visitor of the role anon', { role: 'anon' }, NOT_ALLOWED],
      ['the service role', { role: 'service_role' }, NOT_ALLOWED],
      ['no role', { role: undefined }, NOT_ALLOWED],
      ['the audience anon', { aud: 'anon' }, INVALID],
      ['another project', { iss: 'https://other.supabase.co/auth/v1' }, INVALID],
      ['no expiry', { exp: undefined }, INVALID],
    ],
  },
  {
    provider: 'firebase',
    preset: 'firebase:course-tutor',
    alg: 'RS256',
    claims: {
      iss: 'https://securetoken.google.com/course-tutor',
      aud: 'course-tutor',
      sub: 'Xy12AbCdEfGh',
      user_id: 'Xy12AbCdEfGh',
      auth_time: 1_790_000_000,
      email: 'ada@example.edu',
      email_verified: false,
      firebase: { identities: {}, sign_in_provider: 'password' },
    },
    user: 'Xy12AbCdEfGh',
    refused: [
      ['another project', { iss: 'https://securetoken.google.com/other', aud: 'other' }, INVALID],
      ['another audience', { aud: 'other' }, INVALID],
      ['an empty subject', { sub: '' }, INVALID],
    ],
  },
  {
    provider: 'cognito',
    preset: 'cognito:eu-central-1/eu-central-1_AbCdEf123/1example23456789',
    alg: 'RS256',
    claims: {
      iss: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf123',
      sub: 'aaaaaaaa-0000-4000-8000-000000000000',
      aud: '1example23456789',
      token_use: 'id',
      'cognito:username': 'ada',
      email: 'ada@example.edu',
      email_verified: false,
    },
    user: 'aaaaaaaa-0000-4000-8000-000000000000',
    taken: [
      [
        'an access token of the client',
        { aud: undefined, client_id: '1example23456789', token_use: 'access', scope: 'openid' },
      ],
    ],
    refused: [
      ['an id token of another client', { aud: 'other' }, INVALID],
      [
        'an access token of another client',
        { aud: undefined, client_id: 'other', token_use: 'access' },
        INVALID,
      ],
      [
        'an id token of another client that names this one too',
        { aud: 'other', client_id: '1example23456789' },
        INVALID,
      ],
      ['no client at all', { aud: undefined, token_use: 'access' }, INVALID],
      ['a token of another use', { token_use: 'refresh' }, NOT_ALLOWED],
      ['a token without a use', { token_use: undefined }, NOT_ALLOWED],
      [
        'another pool',
        { iss: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Other' },
        INVALID,
      ],
    ],
  },
  {
    provider: 'auth0',
    preset: 'auth0:course.eu.auth0.com/https://api.example.edu',
    alg: 'RS256',
    claims: {
      iss: 'https://course.eu.auth0.com/',
      sub: 'auth0|5f7c8ec7c33c6c004bbafe82',
      aud: ['https://api.example.edu', 'https://course.eu.auth0.com/userinfo'],
      azp: 'client',
      scope: 'openid profile',
    },
    user: 'auth0|5f7c8ec7c33c6c004bbafe82',
    refused: [
      ['an id token, whose audience is the client', { aud: 'client' }, INVALID],
      ['an issuer without its slash', { iss: 'https://course.eu.auth0.com' }, INVALID],
      ['another tenant', { iss: 'https://evil.eu.auth0.com/' }, INVALID],
    ],
  },
  {
    provider: 'okta',
    preset: 'okta:dev-123456.okta.com',
    alg: 'RS256',
    claims: {
      iss: 'https://dev-123456.okta.com/oauth2/default',
      sub: 'ada@example.edu',
      aud: 'api://default',
      cid: '0oa1',
      uid: '00u1',
      ver: 1,
    },
    user: 'ada@example.edu',
    refused: [
      ['the organization’s own server', { iss: 'https://dev-123456.okta.com' }, INVALID],
      ['another audience', { aud: 'api://other' }, INVALID],
      ['another organization', { iss: 'https://evil.okta.com/oauth2/default' }, INVALID],
    ],
  },
  {
    provider: 'google',
    preset: 'google:123-abc.apps.googleusercontent.com',
    alg: 'RS256',
    claims: {
      iss: 'https://accounts.google.com',
      sub: '110169484474386276334',
      aud: '123-abc.apps.googleusercontent.com',
      azp: '123-abc.apps.googleusercontent.com',
      email: 'ada@gmail.com',
      email_verified: true,
    },
    user: '110169484474386276334',
    taken: [['its other issuer', { iss: 'accounts.google.com' }]],
    refused: [
      ['another client', { aud: '456-def.apps.googleusercontent.com' }, INVALID],
      ['another issuer', { iss: 'https://accounts.google.com.evil.example' }, INVALID],
    ],
  },
  {
    provider: 'entra',
    preset: `entra:${TENANT}/${APP}`,
    alg: 'RS256',
    claims: {
      iss: `https://login.microsoftonline.com/${TENANT}/v2.0`,
      sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ',
      aud: APP,
      tid: TENANT,
      oid: '00000000-0000-0000-66f3-3332eca7ea81',
      ver: '2.0',
      preferred_username: 'ada@example.edu',
    },
    user: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ',
    taken: [
      [
        'a token of the first version',
        { iss: `https://sts.windows.net/${TENANT}/`, aud: `api://${APP}`, ver: '1.0' },
      ],
    ],
    refused: [
      [
        'another tenant',
        { iss: `https://login.microsoftonline.com/${OTHER_TENANT}/v2.0`, tid: OTHER_TENANT },
        INVALID,
      ],
      ['another tenant by its tid', { tid: OTHER_TENANT }, NOT_ALLOWED],
      ['no tenant', { tid: undefined }, NOT_ALLOWED],
      ['another app', { aud: '00000003-0000-0000-c000-000000000000' }, INVALID],
    ],
  },
  {
    provider: 'clerk',
    preset: 'clerk:clerk.example.edu/https://app.example.edu',
    alg: 'RS256',
    claims: {
      iss: 'https://clerk.example.edu',
      sub: 'user_2abc',
      azp: 'https://app.example.edu',
      sid: 'sess_1',
      sts: 'active',
      v: 2,
    },
    user: 'user_2abc',
    refused: [
      ['another page', { azp: 'https://evil.example' }, INVALID],
      ['no page', { azp: undefined }, INVALID],
      ['another instance', { iss: 'https://clerk.evil.example' }, INVALID],
    ],
  },
];
