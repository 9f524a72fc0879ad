/**
 * Each preset through the whole gateway, against an issuer on this machine whose tokens are shaped as the provider's:
 * those of its users are taken, and each that the provider signs for somebody or something else is refused.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';
import { send } from '../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { type LocalIssuer, mintWith, startIssuer } from '../support/user-jwts.ts';

let folder: string;
let gateway: TestGateway;
let issuers: Readonly<Record<'RS256' | 'ES256', LocalIssuer>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hallpass-presets-'));
  gateway = await startTestGateway({ data: folder });
  issuers = { RS256: await startIssuer('RS256'), ES256: await startIssuer('ES256') };
});

afterAll(async () => {
  await gateway.close();
  await issuers.RS256.close();
  await issuers.ES256.close();
  await rm(folder, { recursive: true, force: true });
});

type Claims = Readonly<Record<string, unknown>>;
const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const inTime = (): Claims => ({ iat: nowSeconds() - 10, exp: nowSeconds() + 600 });

async function makeKey(name: string, ...flags: string[]): Promise<string> {
  const args = ['keys', 'create', name, '--client-access', ...flags, '--data', folder, '--json'];
  const { status, stdout, stderr } = await runHere(args, { input: 'x'.repeat(40) });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return JSON.parse(stdout).key;
}

/** `user` as the gateway knows them, or the code of the refusal. */
/** The user of a JWT that may call a model, else the code of the refusal: domains judge only routes that call one. */
async function ask(key: string, jwt: string): Promise<string> {
  const headers = { authorization: `Bearer ${key}:${jwt}`, 'content-type': 'application/json' };
  const called = await send(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers,
    body: CHAT,
  });
  if (called.status !== 200) return JSON.parse(called.text).error.code;
  const { text } = await send(`${gateway.url}/key`, { headers });
  return JSON.parse(text).data.user;
}

const CHAT = JSON.stringify({
  model: 'demo/echo',
  max_tokens: 16,
  messages: [{ role: 'user', content: 'Hello' }],
});

interface Case {
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

const TENANT = '11111111-2222-3333-4444-555555555555';
const OTHER_TENANT = '99999999-2222-3333-4444-555555555555';
const APP = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';
const INVALID = 'token_claim_invalid';
const NOT_ALLOWED = 'claim_not_allowed';

const CASES: readonly Case[] = [
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

describe.each(CASES)('the preset of $provider', (each) => {
  const { provider, preset, alg, claims, user, taken = [], refused } = each;
  const sign = (other: Claims = {}) => issuers[alg].sign({ ...inTime(), ...claims, ...other });
  let key: string;

  beforeAll(async () => {
    key = await makeKey(provider, '--preset', preset, '--jwks-url', issuers[alg].jwksUrl);
  });

  test('takes the tokens of its users', async () => {
    expect(await ask(key, sign())).toBe(user);
    for (const [name, other] of taken)
      expect([name, await ask(key, sign(other))]).toEqual([name, user]);
  });

  test('refuses tokens issued for another application or purpose', async () => {
    const found = [];
    for (const [name, other] of refused) found.push([name, await ask(key, sign(other))]);
    expect(found).toEqual(refused.map(([name, , code]) => [name, code]));
  });

  test('refuses a token signed by another issuer', async () => {
    const secret = mintWith({ ...inTime(), ...claims }, 'x'.repeat(40));
    expect(await ask(key, secret)).toBe('invalid_api_key');
  });
});

describe('an e-mail address', () => {
  const withDomain = (name: string, preset: string, ...flags: string[]) =>
    makeKey(
      ...([name, '--preset', preset, '--jwks-url', issuers.RS256.jwksUrl] as const),
      ...['--algorithms', 'RS256', '--allow-domain', 'example.edu', ...flags],
    );
  const sign = (provider: string, other: Claims) => {
    const { claims } = CASES.find((each) => each.provider === provider) ?? { claims: {} };
    return issuers.RS256.sign({ ...inTime(), ...claims, ...other });
  };

  test('of Firebase counts only when it is verified', async () => {
    const key = await withDomain('firebase-mail', 'firebase:course-tutor');
    expect(await ask(key, sign('firebase', {}))).toBe('domain_not_allowed');
    expect(await ask(key, sign('firebase', { email_verified: true }))).toBe('Xy12AbCdEfGh');
  });

  test('of Supabase counts only when the key trusts it, because users write their own metadata', async () => {
    const key = await withDomain('supabase-mail', 'supabase:abcdefghijklmnopqrst');
    expect(await ask(key, sign('supabase', {}))).toBe('domain_not_allowed');
    const trusting = await withDomain(
      'supabase-trusted',
      'supabase:abcdefghijklmnopqrst',
      '--trust-email',
    );
    expect(await ask(trusting, sign('supabase', {}))).toBe('0b7d4f3e-1111-4222-8333-444455556666');
  });

  test('of Entra counts with xms_edov, in each of its spellings', async () => {
    const key = await withDomain('entra-mail', `entra:${TENANT}/${APP}`);
    const email = 'ada@example.edu';
    expect(await ask(key, sign('entra', { email }))).toBe('domain_not_allowed');
    for (const edov of [true, 1, '1']) {
      expect(await ask(key, sign('entra', { email, xms_edov: edov }))).toMatch(/^AAAA/);
    }
    for (const edov of [false, 0, '0', '']) {
      const code = await ask(key, sign('entra', { email, xms_edov: edov }));
      expect(code).toBe('domain_not_allowed');
    }
    expect(await ask(key, sign('entra', {}))).toBe('domain_not_allowed');
  });
});

describe('the options that docs/identity.md adds to a preset', () => {
  const claimsOf = (provider: string): Claims => ({
    ...inTime(),
    ...CASES.find((each) => each.provider === provider)?.claims,
  });

  test('keep out anonymous visitors of Supabase, who have the role of users', async () => {
    const preset = ['--preset', 'supabase:abcdefghijklmnopqrst'];
    const source = ['--jwks-url', issuers.ES256.jwksUrl];
    const plain = await makeKey('anonymous', ...preset, ...source);
    const strict = await makeKey('signed', ...preset, ...source, '--require', 'is_anonymous=false');
    const user = issuers.ES256.sign(claimsOf('supabase'));
    const visitor = issuers.ES256.sign({ ...claimsOf('supabase'), is_anonymous: true });
    expect(await ask(plain, visitor)).toBe('0b7d4f3e-1111-4222-8333-444455556666');
    expect(await ask(strict, visitor)).toBe(NOT_ALLOWED);
    expect(await ask(strict, user)).toBe('0b7d4f3e-1111-4222-8333-444455556666');
  });

  test('keep out anonymous visitors of Firebase, who count as users there', async () => {
    const key = await makeKey(
      ...(['providers', '--preset', 'firebase:course-tutor'] as const),
      ...['--jwks-url', issuers.RS256.jwksUrl],
      ...['--require', 'firebase.sign_in_provider=password|google.com'],
    );
    const by = (provider: string) =>
      issuers.RS256.sign({
        ...claimsOf('firebase'),
        firebase: { identities: {}, sign_in_provider: provider },
      });
    expect(await ask(key, by('password'))).toBe('Xy12AbCdEfGh');
    expect(await ask(key, by('anonymous'))).toBe(NOT_ALLOWED);
    expect(await ask(key, by('custom'))).toBe(NOT_ALLOWED);
  });

  test('accept Google accounts of one Workspace only', async () => {
    const key = await makeKey(
      ...(['workspace', '--preset', 'google:123-abc.apps.googleusercontent.com'] as const),
      ...['--jwks-url', issuers.RS256.jwksUrl, '--require', 'hd=example.edu'],
    );
    const claims = { ...claimsOf('google'), email: 'ada@example.edu' };
    expect(await ask(key, issuers.RS256.sign(claims))).toBe(NOT_ALLOWED);
    expect(await ask(key, issuers.RS256.sign({ ...claims, hd: 'other.edu' }))).toBe(NOT_ALLOWED);
    expect(await ask(key, issuers.RS256.sign({ ...claims, hd: 'example.edu' }))).toBe(
      '110169484474386276334',
    );
  });
});

test('a preset with a shared secret keeps its other checks', async () => {
  const secret = 'x'.repeat(40);
  const key = await makeKey(
    ...(['legacy', '--preset', 'supabase:abcdefghijklmnopqrst', '--jwt-secret', '-'] as const),
  );
  const claims = { ...inTime(), ...CASES[0]?.claims };
  expect(await ask(key, mintWith(claims, secret))).toBe('0b7d4f3e-1111-4222-8333-444455556666');
  expect(await ask(key, mintWith({ ...claims, role: 'anon' }, secret))).toBe(NOT_ALLOWED);
  expect(await ask(key, mintWith({ ...claims, iss: 'supabase' }, secret))).toBe(INVALID);
});
