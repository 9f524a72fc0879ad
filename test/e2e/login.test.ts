/**
 * Login in a browser, through the whole gateway, at a real OpenID provider on this machine.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { send } from '../support/http-client.ts';
import { makePairs, mintJwt } from '../support/jwts.ts';
import {
  ADA,
  CLIENT_ID,
  type LocalProvider,
  startLocalProvider,
} from '../support/local-provider.ts';
import { type SignInGateway, startSignInGateway } from '../support/sign-in-gateway.ts';
import { makeVisitor, type WebVisitor } from '../support/web-visitor.ts';

let provider: LocalProvider;
let gateway: SignInGateway;
let visitor: WebVisitor;

beforeAll(async () => {
  provider = await startLocalProvider(() => `${gateway.root}/oauth/callback`);
  gateway = await startSignInGateway({
    issuer: provider.issuer,
    clientId: CLIENT_ID,
    key: 'staff',
    allowedDomains: ['example.edu'],
    requiredClaims: ['groups=staff|ci'],
    rules: [{ when: 'groups=ci', key: 'ci', models: ['demo/*'] }],
  });
});

afterEach(() => {
  provider.claims = ADA;
  provider.instead = undefined;
});

afterAll(async () => {
  await gateway.close();
  await provider.close();
});

const login = (as = makeVisitor()) => {
  visitor = as;
  return visitor.visit(`${gateway.root}/oauth/login`);
};
const tokenIn = (html: string): string => /\/me#(jwt:[\w.-]+)/.exec(html)?.[1] ?? '';
const CHAT = JSON.stringify({
  model: 'demo/echo',
  max_tokens: 16,
  messages: [{ role: 'user', content: 'Hello' }],
});
const call = async (token: string): Promise<string> => {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const { status, text } = await send(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers,
    body: CHAT,
  });
  return status === 200 ? 'answered' : JSON.parse(text).error.code;
};
/** Goes as far as the callback, and returns its URL without asking for it. */
const stopAtCallback = async () => {
  visitor = makeVisitor();
  const { url } = await visitor.visit(`${gateway.root}/oauth/login`, (each) =>
    each.startsWith(`${gateway.root}/oauth/callback`),
  );
  return url;
};

/** The same, with the nonce that the provider was given. */
async function stopWithNonce() {
  visitor = makeVisitor();
  const { url: sent } = await visitor.visit(`${gateway.root}/oauth/login`, (each) =>
    each.startsWith(provider.issuer),
  );
  const { url } = await visitor.visit(sent, (each) => each.startsWith(gateway.root));
  return { url, nonce: new URL(sent).searchParams.get('nonce') };
}

describe('a login', () => {
  // guarantee: login-ends-in-a-token
  test('ends in a page with a token of the verified e-mail address, which no cache keeps', async () => {
    const { status, text, headers, url } = await login();

    expect(status).toBe(200);
    expect(url).not.toContain('jwt:');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['set-cookie']?.[0]).toMatch(/^__Host-hallpass=; .*Max-Age=0/);
    const about = await gateway.aboutKey(tokenIn(text));
    expect(about).toMatchObject({ user: 'ada@example.edu' });
    expect(about.limits).toMatchObject([{ per: 'user', unit: 'usd', window: 'week', limit: 10 }]);
  });

  test('lives twelve hours, and has a name of its own', async () => {
    const payloads = [await login(), await login()].map(({ text }) =>
      JSON.parse(Buffer.from(tokenIn(text).split('.')[1] ?? '', 'base64url').toString()),
    );
    for (const { iat, exp } of payloads) expect(exp - iat).toBe(43_200);
    expect(payloads[0].jti).not.toBe(payloads[1].jti);
  });

  test('is signed by the key of the first rule that fits, with its models', async () => {
    provider.claims = { ...ADA, groups: ['ci'] };
    const token = tokenIn((await login()).text);
    const { kid } = JSON.parse(
      Buffer.from(token.slice(4).split('.')[0] ?? '', 'base64url').toString(),
    );
    expect(Buffer.from(kid.slice(kid.lastIndexOf(':') + 1), 'base64').toString()).toBe('ci');
    expect((await gateway.aboutKey(token)).models).toEqual(['demo/*']);
  });

  // guarantee: one-allowance
  test('of one person a hundred times is one allowance', async () => {
    provider.claims = { ...ADA, email: 'often@example.edu' };
    const tokens: string[] = [];
    for (let index = 0; index < 100; index += 1) tokens.push(tokenIn((await login()).text));
    expect(new Set(tokens).size).toBe(100);
    const user = ['often@example.edu', '--key', 'staff'];
    expect(await call(tokens[0] ?? '')).toBe('answered');
    // Enough for two or three answers of the demo model.
    await gateway.run('users', 'set', ...user, '--limit', 'usd:week=0.0001');
    const outcomes = [];
    for (const token of tokens) outcomes.push(await call(token));
    const firstRefused = outcomes.findIndex((outcome) => outcome !== 'answered');
    expect(firstRefused).toBeLessThan(50);
    expect(outcomes.slice(firstRefused)).not.toContain('answered');
  });

  test('sends PKCE, state and nonce, and a redirect that is built from the public URL', async () => {
    visitor = makeVisitor();
    const { url } = await visitor.visit(`${gateway.root}/oauth/login`, (each) =>
      each.startsWith(provider.issuer),
    );
    const sent = new URL(url).searchParams;
    expect(sent.get('redirect_uri')).toBe(`${gateway.root}/oauth/callback`);
    expect(sent.get('code_challenge_method')).toBe('S256');
    expect(sent.get('response_type')).toBe('code');
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(sent.get(name)?.length).toBeGreaterThanOrEqual(43);
    }
    const [jar] = visitor.cookies.values();
    expect([...(jar ?? [])]).toEqual([['__Host-hallpass', expect.stringMatching(/^[\w-]{43}$/)]]);
    expect(url).not.toContain(jar?.get('__Host-hallpass'));
  });

  test.each([
    ['an address that is not verified', { ...ADA, email_verified: false }, 'email_verified'],
    ['no word about the address', { email: ADA.email, groups: ['staff'] }, 'email_verified'],
    ['an address of another domain', { ...ADA, email: 'ada@evil-example.edu' }, 'of a domain'],
    ['a subdomain', { ...ADA, email: 'ada@cs.example.edu' }, 'of a domain'],
    ['no required claim', { ...ADA, groups: [] }, 'groups'],
    ['another application as its party', { ...ADA, azp: 'other' }, 'another application'],
  ])('is refused with %s', async (_, claims, reason) => {
    provider.claims = claims;
    const { status, text } = await login();
    expect(status).toBe(403);
    expect(text).toContain(reason);
    expect(tokenIn(text)).toBe('');
  });
});

describe('nobody else', () => {
  // guarantee: login-in-its-browser
  test('ends a login that began in another browser', async () => {
    const url = await stopAtCallback();
    for (const other of [makeVisitor(), await loggedOut()]) {
      const { status, text } = await other.visit(url);
      expect({ status, token: tokenIn(text) }).toEqual({ status: 403, token: '' });
    }
    expect((await visitor.visit(url)).status).toBe(200);
  });

  /** A browser that began a login of its own. */
  async function loggedOut(): Promise<WebVisitor> {
    const other = makeVisitor();
    await other.visit(`${gateway.root}/oauth/login`, (each) => each.startsWith(provider.issuer));
    return other;
  }

  // guarantee: login-once
  test('ends it twice, also at the same moment', async () => {
    const url = await stopAtCallback();
    const answers = await Promise.all(Array.from({ length: 5 }, () => visitor.visit(url)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ text }) => tokenIn(text) !== '')).toHaveLength(1);
  });

  test('puts another state or issuer in', async () => {
    const url = new URL(await stopAtCallback());
    const state = url.searchParams.get('state') ?? '';
    url.searchParams.set('state', `${state.slice(0, -4)}AAAA`);
    expect((await visitor.visit(url.href)).status).toBe(403);
    url.searchParams.set('state', state);
    url.searchParams.set('iss', 'https://other.example.edu');
    expect((await visitor.visit(url.href)).status).toBe(403);
  });

  test('sends the browser elsewhere: no parameter becomes a Location', async () => {
    const target = 'https://evil.example.com';
    const { url } = await makeVisitor().visit(
      `${gateway.root}/oauth/login?return_to=${target}&redirect_uri=${target}&next=//evil.example.com`,
      (each) => !each.startsWith(gateway.root),
    );
    expect(url.startsWith(provider.issuer)).toBe(true);
    expect(url).not.toContain('evil');
  });
});

describe('a provider', () => {
  const sendJson =
    (body: unknown, status = 200): NonNullable<LocalProvider['instead']> =>
    (request, response) => {
      if (!request.url?.startsWith('/token')) return false;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
      return true;
    };

  // guarantee: provider-down-is-503
  test.each([
    ['fails', sendJson({ error: 'server_error' }, 500)],
    ['answers with no JSON', sendJson(undefined, 502)],
    [
      'hangs up',
      (request, response) => {
        if (!request.url?.startsWith('/token')) return false;
        response.destroy();
        return true;
      },
    ],
  ] satisfies [string, NonNullable<LocalProvider['instead']>][])(
    'that %s is an outage, not a refusal',
    async (_, instead) => {
      const url = await stopAtCallback();
      provider.instead = instead;
      const { status, text } = await visitor.visit(url);
      expect(status).toBe(503);
      expect(text).toContain('not available');
    },
  );

  // guarantee: provider-lies
  test('whose ID token is unsigned, or signed by another key, signs nobody in', async () => {
    const { rsa } = makePairs();
    for (const [alg, key] of [
      ['RS256', rsa.privateKey],
      ['HS256', 'a-public-text-that-is-taken-for-a-secret'],
      ['none', undefined],
    ] as const) {
      const { url, nonce } = await stopWithNonce();
      const now = Math.floor(Date.now() / 1000);
      const claims = {
        iss: provider.issuer,
        aud: CLIENT_ID,
        iat: now,
        exp: now + 60,
        nonce,
        ...ADA,
      };
      const forged = mintJwt({
        alg: key ? alg : 'HS256',
        ...(key && { key }),
        header: { alg },
        claims,
      });
      const token = key ? forged : forged.replace(/[^.]*$/, '');
      provider.instead = sendJson({ access_token: 'a', token_type: 'bearer', id_token: token });
      const { status, text } = await visitor.visit(url);
      expect({ alg, status, token: tokenIn(text) }).toEqual({ alg, status: 403, token: '' });
      provider.instead = undefined;
    }
  });

  test('that answers with megabytes is cut off', async () => {
    const url = await stopAtCallback();
    provider.instead = sendJson({ access_token: 'x'.repeat(3_000_000) });
    expect((await visitor.visit(url)).status).toBe(503);
  });
});
