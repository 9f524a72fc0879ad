import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { makeIdentityProvider } from '../../../adapters/http/identity-provider.ts';

const LOGIN = {
  redirectUri: 'https://llm.example.edu/prod/oauth/callback',
  state: 'state',
  nonce: 'nonce',
  codeVerifier: 'a-verifier-of-43-characters-or-more-as-it-must-be',
};
const clock = { nowMs: () => Date.now(), sleep: async () => {} };
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** A provider that answers as a test wants, with metadata that may differ. */
async function start(metadata: object = {}, listener?: RequestListener) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (listener !== undefined && request.url !== '/.well-known/openid-configuration') {
      return listener(request, response);
    }
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        issuer,
        authorization_endpoint: `${issuer}/auth`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        scopes_supported: ['openid', 'offline_access'],
        ...metadata,
      }),
    );
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const make = (more = {}) =>
    makeIdentityProvider(
      { issuer, clientId: 'hallpass', scopes: ['groups'], allowLocal: true, ...more },
      clock,
    );
  return { issuer, asked, make };
}

const faultOf = (asked: Promise<unknown>) =>
  asked.then(
    () => 'answered',
    (error) => `${error.code}: ${error.detail ?? error.message}`,
  );

describe('a provider', () => {
  test('is asked for an address, groups and a refresh token, with PKCE, and told the public redirect', async () => {
    const { make, issuer } = await start();
    const url = new URL(await make().makeUrl(LOGIN));
    expect(url.origin + url.pathname).toBe(`${issuer}/auth`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      client_id: 'hallpass',
      response_type: 'code',
      redirect_uri: 'https://llm.example.edu/prod/oauth/callback',
      scope: 'openid email profile offline_access groups',
      state: 'state',
      nonce: 'nonce',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
  });

  test('is discovered once by all who come, and again after an outage', async () => {
    const { make, asked } = await start();
    const provider = make();
    await Promise.all([provider.makeUrl(LOGIN), provider.makeUrl(LOGIN)]);
    await provider.makeUrl(LOGIN);
    expect(asked).toEqual(['/.well-known/openid-configuration']);
    const [server] = servers.splice(0);
    server?.close();
    server?.closeAllConnections();
    const down = make();
    expect(await faultOf(down.makeUrl(LOGIN))).toContain('service_unavailable');
  });

  test('that calls itself by another name is not believed', async () => {
    const { make } = await start({ issuer: 'https://other.example.edu' });
    expect(await faultOf(make().makeUrl(LOGIN))).toBe(
      'service_unavailable: the identity provider cannot be used: its metadata cannot be accepted',
    );
  });

  // guarantee: provider-down-is-503
  test('that is slow is an outage', async () => {
    const { make } = await start({}, () => {});
    const provider = make({ timeoutMs: 200 });
    expect(await faultOf(provider.refresh('token'))).toBe(
      'service_unavailable: the identity provider cannot be used: it did not answer in time',
    );
  });

  // guarantee: provider-public-address
  test.each(['http://10.0.0.1/token', 'https://169.254.169.254/token', 'http://example.edu/token'])(
    'that names %s as its own address is not asked there',
    async (endpoint) => {
      const { make } = await start({ token_endpoint: endpoint });
      const resolve = async () => [{ address: '10.1.2.3', family: 4 }];
      expect(await faultOf(make({ resolve }).refresh('token'))).toBe(
        'service_unavailable: the identity provider cannot be used: its host has an address that is not public',
      );
    },
  );

  test('on this machine is not asked by a deployed gateway', async () => {
    const { make } = await start();
    expect(await faultOf(make({ allowLocal: false }).makeUrl(LOGIN))).not.toBe('answered');
  });

  test('that sends elsewhere is not followed', async () => {
    const seen: string[] = [];
    const { make } = await start({}, (request, response) => {
      seen.push(request.url ?? '');
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    expect(await faultOf(make().refresh('token'))).not.toBe('answered');
    expect(seen).toEqual(['/token']);
  });

  // guarantee: provider-down-is-503
  test('that refuses a refresh token ends access; one that fails or talks nonsense does not', async () => {
    const answers = [
      [400, { error: 'invalid_grant' }],
      [400, { error: 'invalid_client' }],
      [401, 'who are you?'],
      [200, { access_token: 'a', token_type: 'bearer', id_token: 'a.b.c' }],
      [200, 'oops'],
      [503, { error: 'temporarily_unavailable' }],
      [500, 'oops'],
    ] as const;
    const faults = [];
    for (const [status, body] of answers) {
      const { make } = await start({}, (_, response) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      });
      faults.push((await faultOf(make().refresh('token'))).split(':')[0]);
    }
    expect(faults).toEqual([
      'access_denied',
      ...Array.from({ length: 6 }, () => 'service_unavailable'),
    ]);
  });

  test('whose client secret is missing is an outage that says what to do', async () => {
    const { make } = await start();
    expect(await faultOf(make({ findSecret: async () => undefined }).makeUrl(LOGIN))).toContain(
      'hallpass sign-in set-client-secret',
    );
  });
});
