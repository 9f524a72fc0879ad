/**
 * Sign-in of a client on this computer through the whole gateway: code flow with PKCE and a loopback redirect, at a real
 * OpenID provider; then refresh, revocation and the attacks on each step.
 */
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { send } from '../support/http-client.ts';
import {
  ADA,
  CLIENT_ID,
  type LocalProvider,
  startLocalProvider,
} from '../support/local-provider.ts';
import { type SignInGateway, startSignInGateway } from '../support/sign-in-gateway.ts';
import { makeVisitor, ticketIn, type Visited, type WebVisitor } from '../support/web-visitor.ts';

const VERIFIER = 'the-verifier-of-a-client-on-this-computer-000';
const REDIRECT = 'http://127.0.0.1:8400/callback';

let provider: LocalProvider;
let gateway: SignInGateway;

beforeAll(async () => {
  provider = await startLocalProvider(() => `${gateway.root}/oauth/callback`);
  gateway = await startSignInGateway({
    issuer: provider.issuer,
    clientId: CLIENT_ID,
    key: 'staff',
    requiredClaims: ['groups=staff'],
  });
});

afterEach(() => {
  provider.claims = ADA;
});

afterAll(async () => {
  await gateway.close();
  await provider.close();
});

const authorizeUrl = (other: Readonly<Record<string, string | undefined>> = {}): string => {
  const parameters = {
    response_type: 'code',
    client_id: 'hallpass',
    redirect_uri: REDIRECT,
    code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
    code_challenge_method: 'S256',
    state: 'state-of-the-client',
    ...other,
  };
  const sent = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) sent.set(name, value);
  }
  return `${gateway.root}/oauth/authorize?${sent}`;
};

const linkIn = ({ text }: Visited): URL =>
  new URL((/href="(http:[^"]+)"/.exec(text)?.[1] ?? '').replaceAll('&amp;', '&'));

const decide = (visitor: WebVisitor, confirm: Visited, decision: string) =>
  visitor.submit(`${gateway.root}/oauth/authorize`, { ticket: ticketIn(confirm), decision });

async function signIn(other = {}): Promise<URL> {
  const visitor = makeVisitor();
  const confirm = await visitor.visit(authorizeUrl(other));
  return linkIn(await decide(visitor, confirm, 'allow'));
}

const redeem = (code: string, other = {}) =>
  gateway.post('/oauth/token', {
    grant_type: 'authorization_code',
    code,
    client_id: 'hallpass',
    redirect_uri: REDIRECT,
    code_verifier: VERIFIER,
    ...other,
  });
const refresh = (token: unknown) =>
  gateway.post('/oauth/token', {
    grant_type: 'refresh_token',
    refresh_token: String(token),
    client_id: 'hallpass',
  });
const opens = async (token: unknown): Promise<number> => {
  const { status } = await send(`${gateway.url}/key`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return status;
};
const CHAT = JSON.stringify({
  model: 'demo/echo',
  max_tokens: 16,
  messages: [{ role: 'user', content: 'Hi' }],
});
const call = async (token: unknown) => {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const { status, text } = await send(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers,
    body: CHAT,
  });
  return status === 200 ? 'answered' : JSON.parse(text).error.code;
};

describe('a client on this computer', () => {
  test('is shown before it gets anything, and gets a code, a token of an hour, a refresh token and its settings', async () => {
    const visitor = makeVisitor();
    const confirm = await visitor.visit(authorizeUrl());
    expect(confirm.status).toBe(200);
    for (const text of [
      'ada@example.edu',
      'the command &quot;hallpass&quot; on this computer, port 8400',
      'all models of this gateway',
      '$10 a week',
    ]) {
      expect(confirm.text).toContain(text);
    }
    const returned = await decide(visitor, confirm, 'allow');
    expect(returned.url.startsWith(`${gateway.root}/oauth/authorize?return=`)).toBe(true);
    const link = linkIn(returned);
    expect(link.origin + link.pathname).toBe(REDIRECT);
    expect(link.searchParams.get('state')).toBe('state-of-the-client');
    expect(link.searchParams.get('iss')).toBe(gateway.root);
    expect(returned.url).not.toContain(link.searchParams.get('code'));

    const { status, body } = await redeem(link.searchParams.get('code') ?? '');
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.stringMatching(/^jwt:/),
      token_type: 'Bearer',
      expires_in: 3_600,
      refresh_token: expect.stringMatching(/^hpr\./),
      scope: 'inference',
      email: 'ada@example.edu',
    });
    expect(await call(body.access_token)).toBe('answered');
    const next = await refresh(body.refresh_token);
    expect(await opens(next.body.access_token)).toBe(200);
    const headers = { authorization: `Bearer ${next.body.access_token}` };
    const settings = await send(`${gateway.root}/managed/settings`, { headers });
    expect({ ...settings, text: JSON.parse(settings.text) }).toMatchObject({
      status: 200,
      headers: { etag: expect.stringMatching(/^"sha256:[0-9a-f]{64}"$/) },
      text: { settings: {} },
    });
    expect((await send(`${gateway.root}/managed/settings`)).status).toBe(401);
  });

  test('may narrow what it gets', async () => {
    const { body } = await redeem(
      (await signIn({ models: 'demo/echo' })).searchParams.get('code') ?? '',
    );
    expect((await gateway.aboutKey(String(body.access_token))).models).toEqual(['demo/echo']);
  });

  test('learns that the person declined, and gets nothing', async () => {
    const visitor = makeVisitor();
    const confirm = await visitor.visit(authorizeUrl());
    const link = linkIn(await decide(visitor, confirm, 'decline'));
    expect(Object.fromEntries(link.searchParams)).toEqual({
      state: 'state-of-the-client',
      iss: gateway.root,
      error: 'access_denied',
    });
  });

  // guarantee: redirect-to-this-computer
  test.each([
    ['another host', { redirect_uri: 'http://evil.example.com:8400/callback' }],
    ['https', { redirect_uri: 'https://127.0.0.1:8400/callback' }],
    ['a host that begins alike', { redirect_uri: 'http://127.0.0.1.evil.com:8400/callback' }],
    ['a user in the URL', { redirect_uri: 'http://127.0.0.1:8400@evil.com/callback' }],
    ['another path', { redirect_uri: 'http://127.0.0.1:8400/other' }],
    ['a path above', { redirect_uri: 'http://127.0.0.1:8400/callback/../x' }],
    ['a query', { redirect_uri: 'http://127.0.0.1:8400/callback?x=1' }],
    ['no port', { redirect_uri: 'http://127.0.0.1/callback' }],
    ['the name localhost', { redirect_uri: 'http://localhost:8400/callback' }],
    ['an unknown client', { client_id: 'other' }],
    ['no PKCE', { code_challenge: undefined, code_challenge_method: undefined }],
    ['plain PKCE', { code_challenge_method: 'plain' }],
    ['no state', { state: undefined }],
    ['the implicit flow', { response_type: 'token' }],
  ])('is refused with %s, by a page of ours', async (_, other) => {
    const { status, headers, text } = await send(authorizeUrl(other));
    expect({ status, location: headers.location }).toEqual({ status: 400, location: undefined });
    expect(text).not.toContain('evil');
  });
});

describe('an attack', () => {
  // guarantee: code-once
  test('with a code that was used ends what it gave', async () => {
    const code = (await signIn()).searchParams.get('code') ?? '';
    const { body } = await redeem(code);
    expect(await call(body.access_token)).toBe('answered');
    expect((await redeem(code)).body.error).toBe('invalid_grant');
    expect(await call(body.access_token)).toBe('token_revoked');
    expect((await refresh(body.refresh_token)).body.error).toBe('invalid_grant');
  });

  test('with another verifier or client gets nothing for a code', async () => {
    const code = (await signIn()).searchParams.get('code') ?? '';
    for (const other of [{ code_verifier: `${VERIFIER}x` }, { client_id: 'codex' }]) {
      expect((await redeem(code, other)).body.error).toBe('invalid_grant');
    }
  });

  // guarantee: confirmed-in-its-browser
  test('by another page, browser or replay confirms nothing', async () => {
    const visitor = makeVisitor();
    const confirm = await visitor.visit(authorizeUrl());
    const form = new URLSearchParams({ ticket: ticketIn(confirm), decision: 'allow' }).toString();
    const [jar] = [...visitor.cookies.values()];
    const cookie = `__Host-hallpass=${jar?.get('__Host-hallpass')}`;
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    for (const headers of [
      { ...type, cookie, 'sec-fetch-site': 'cross-site', origin: 'https://evil.example.com' },
      { ...type, cookie, origin: 'https://evil.example.com' },
      { ...type, cookie, 'sec-fetch-site': 'same-site', origin: 'null' },
      { ...type, 'sec-fetch-site': 'same-origin', origin: 'null' },
      { ...type, cookie: `__Host-hallpass=${'A'.repeat(43)}`, 'sec-fetch-site': 'same-origin' },
    ]) {
      const answer = await send(`${gateway.root}/oauth/authorize`, {
        method: 'POST',
        headers,
        body: form,
      });
      expect({ status: answer.status, location: answer.headers.location }).toEqual({
        status: 403,
        location: undefined,
      });
    }
    expect(linkIn(await decide(visitor, confirm, 'allow')).searchParams.get('code')).not.toBeNull();
    expect((await decide(visitor, confirm, 'allow')).status).toBe(403);
  });

  test('that changes the redirect after the login has nothing to change: the ticket is sealed', async () => {
    const visitor = makeVisitor();
    const confirm = await visitor.visit(authorizeUrl());
    const ticket = ticketIn(confirm);
    const changed = `${ticket.slice(0, -6)}${ticket.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA'}`;
    const form = {
      ticket: changed,
      decision: 'allow',
      redirect_uri: 'http://127.0.0.1:1/callback',
    };
    expect((await visitor.submit(`${gateway.root}/oauth/authorize`, form)).status).toBe(403);
  });
});

describe('revocation', () => {
  test('of a refresh token ends its family and the family’s access tokens', async () => {
    const { body } = await redeem((await signIn()).searchParams.get('code') ?? '');
    const revoked = await gateway.post('/oauth/revoke', { token: String(body.refresh_token) });
    expect(revoked).toEqual({ status: 200, body: {} });
    expect(await call(body.access_token)).toBe('token_revoked');
    expect((await refresh(body.refresh_token)).body.error).toBe('invalid_grant');
  });

  test('of an access token ends that one, and no other', async () => {
    const { body } = await redeem((await signIn()).searchParams.get('code') ?? '');
    const next = await refresh(body.refresh_token);
    await gateway.post('/oauth/revoke', { token: String(body.access_token) });
    expect(await call(body.access_token)).toBe('token_revoked');
    expect(await call(next.body.access_token)).toBe('answered');
  });

  // guarantee: revocation-tells-nothing
  test('answers the same to a token of another key, a forged one and any text', async () => {
    const other = gateway.newToken({ user: 'ada@example.edu' });
    for (const token of [
      other,
      `${other.slice(0, -4)}AAAA`,
      'x',
      'hpr.x.y',
      `hpr.${'A'.repeat(22)}.${'A'.repeat(43)}`,
    ]) {
      expect(await gateway.post('/oauth/revoke', { token })).toEqual({ status: 200, body: {} });
    }
    expect(await opens(other)).toBe(200);
  });
});

describe('access ends', () => {
  // guarantee: access-ends-at-the-provider
  test('at the next refresh after a group is gone at the provider', async () => {
    const { body } = await redeem((await signIn()).searchParams.get('code') ?? '');
    provider.claims = { ...ADA, groups: [] };
    const ended = await refresh(body.refresh_token);
    expect(ended.body).toEqual({
      error: 'invalid_grant',
      error_description: 'access has ended: you lack what "groups" must say',
    });
    expect(await call(body.access_token)).toBe('token_revoked');
  });

  test('at the next request, and refresh, of a person who is blocked', async () => {
    provider.claims = { ...ADA, email: 'bob@example.edu' };
    const { body } = await redeem((await signIn()).searchParams.get('code') ?? '');
    expect(await call(body.access_token)).toBe('answered');
    await gateway.run('users', 'block', 'bob@example.edu', '--key', 'staff', '--reason', 'left');
    expect(await call(body.access_token)).toBe('user_blocked');
    expect((await refresh(body.refresh_token)).body).toEqual({
      error: 'invalid_grant',
      error_description: 'access has been blocked',
    });
  });

  test('for what is above a limit that was lowered, within ten seconds', async () => {
    provider.claims = { ...ADA, email: 'cy@example.edu' };
    const { body } = await redeem((await signIn()).searchParams.get('code') ?? '');
    await gateway.run('keys', 'set', 'staff', '--limit', 'user:usd:week=0.000000001');
    await expect
      .poll(() => call(body.access_token), { interval: 500 })
      .toMatch(/insufficient_quota|request_too_expensive/);
    await gateway.run('keys', 'set', 'staff', '--limit', 'user:usd:week=10');
  });
});
