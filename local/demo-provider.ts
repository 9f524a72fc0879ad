/**
 * A small OpenID provider for `--demo-login`: on loopback only, it signs in anyone who types an e-mail address.
 * It exists to try sign-in without an account anywhere, and vouches for nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { html, toDocument } from '../core/sign-in/page.ts';
import { PAGE_STYLE } from '../core/sign-in/page-style.ts';
import { endServer, listen } from './listen.ts';

const DEMO_CLIENT_ID = 'hallpass-demo';
const ALGORITHM = 'ES256';
const KID = 'demo';
const CODE_LIFETIME_MS = 60_000;
/** Codes that wait to be redeemed; the oldest goes first. */
const CODES_MAX = 100;
const FORM_BYTES_MAX = 16_384;
const TOKEN_LIFETIME_SECONDS = 300;
/** The gateway's callback, on this machine. */
const REDIRECT = /^http:\/\/(127\.0\.0\.1|localhost):\d{1,5}(\/[\w/-]*)?\/oauth\/callback$/;
const EMAIL = /^[^\s@<>"]{1,64}@[a-z0-9.-]{1,190}$/i;

export interface DemoProvider {
  readonly issuer: string;
  readonly clientId: string;
  close(): Promise<void>;
}

/** The values that a browser brings to the page, and the page's form brings back. */
interface Login {
  readonly redirectUri: string;
  readonly state: string;
  readonly nonce: string;
  readonly codeChallenge: string;
}

interface Code extends Login {
  readonly email: string;
  readonly untilMs: number;
}

/** Starts the provider on a free port of 127.0.0.1. */
export async function startDemoProvider(): Promise<DemoProvider> {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM);
  const jwk = { ...(await exportJWK(publicKey)), kid: KID, alg: ALGORITHM, use: 'sig' };
  const codes = new Map<string, Code>();
  let issuer = '';

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      refuse(response, error instanceof DemoRefusal ? error.message : 'the request cannot be read');
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', issuer);
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /.well-known/openid-configuration':
        return sendJson(response, 200, metadataOf(issuer));
      case 'GET /keys':
        return sendJson(response, 200, { keys: [jwk] });
      case 'GET /authorize':
        return showForm(response, url.searchParams);
      case 'POST /authorize':
        return giveCode(response, await readForm(request));
      case 'POST /token':
        return redeem(response, await readForm(request));
      default:
        throw new DemoRefusal('there is no such page');
    }
  }

  function giveCode(response: ServerResponse, form: URLSearchParams): void {
    const login = requireLogin(form);
    const email = form.get('email')?.trim() ?? '';
    if (!EMAIL.test(email)) throw new DemoRefusal('type an e-mail address');
    const code = randomBytes(32).toString('base64url');
    for (const oldest of codes.keys()) if (codes.size >= CODES_MAX) codes.delete(oldest);
    codes.set(code, { ...login, email, untilMs: Date.now() + CODE_LIFETIME_MS });
    const back = new URL(login.redirectUri);
    back.search = new URLSearchParams({ code, state: login.state, iss: issuer }).toString();
    response.writeHead(303, { location: back.href, 'cache-control': 'no-store' }).end();
  }

  async function redeem(response: ServerResponse, form: URLSearchParams): Promise<void> {
    const code = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    const challenge = createHash('sha256').update(form.get('code_verifier') ?? '');
    const isRight =
      code !== undefined &&
      code.untilMs > Date.now() &&
      form.get('client_id') === DEMO_CLIENT_ID &&
      form.get('redirect_uri') === code.redirectUri &&
      challenge.digest('base64url') === code.codeChallenge;
    if (!isRight) return sendJson(response, 400, { error: 'invalid_grant' });
    const { email, nonce } = code;
    const idToken = await new SignJWT({ email, email_verified: true, nonce })
      .setProtectedHeader({ alg: ALGORITHM, kid: KID })
      .setIssuer(issuer)
      .setAudience(DEMO_CLIENT_ID)
      .setSubject(email)
      .setIssuedAt()
      .setExpirationTime(`${TOKEN_LIFETIME_SECONDS}s`)
      .sign(privateKey);
    sendJson(response, 200, {
      access_token: randomBytes(32).toString('base64url'),
      token_type: 'Bearer',
      expires_in: TOKEN_LIFETIME_SECONDS,
      id_token: idToken,
    });
  }

  issuer = await listen(server);
  return { issuer, clientId: DEMO_CLIENT_ID, close: () => endServer(server) };
}

const metadataOf = (issuer: string) => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/keys`,
  response_types_supported: ['code'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: [ALGORITHM],
  code_challenge_methods_supported: ['S256'],
  token_endpoint_auth_methods_supported: ['none'],
  authorization_response_iss_parameter_supported: true,
});

/** The reason why a request is refused, as the page says it. */
class DemoRefusal extends Error {}

/** @throws DemoRefusal unless the gateway of this machine asks */
function requireLogin(parameters: URLSearchParams): Login {
  const find = (name: string): string => parameters.get(name) ?? '';
  const isOurs =
    find('client_id') === DEMO_CLIENT_ID &&
    find('response_type') === 'code' &&
    find('code_challenge_method') === 'S256' &&
    REDIRECT.test(find('redirect_uri'));
  if (!isOurs) throw new DemoRefusal('open this page from the gateway');
  return {
    redirectUri: find('redirect_uri'),
    state: find('state'),
    nonce: find('nonce'),
    codeChallenge: find('code_challenge'),
  };
}

function showForm(response: ServerResponse, parameters: URLSearchParams): void {
  requireLogin(parameters);
  const kept = [...parameters].map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  const body = html`<p>This provider is for trying things out on this machine. It believes every address.</p><form method="post" action="authorize">${kept}<label>Your e-mail address <input name="email" type="email" value="ann@example.edu" autocomplete="email" required autofocus></label><button class="primary">Sign in</button></form>`;
  sendPage(response, 200, toDocument('Sign in', body));
}

const refuse = (response: ServerResponse, words: string): void =>
  sendPage(response, 400, toDocument('This does not work', html`<p>${words}</p>`));

/** No `form-action`: browsers apply it to the redirect to the gateway too. */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'; base-uri 'none'; frame-ancestors 'none'`;

function sendPage(response: ServerResponse, status: number, page: string): void {
  const headers = { 'content-security-policy': POLICY, 'referrer-policy': 'no-referrer' };
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', ...headers }).end(page);
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(value));
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  if (Number(request.headers['content-length'] ?? FORM_BYTES_MAX + 1) > FORM_BYTES_MAX) {
    throw new Error('the form is too long');
  }
  return new URLSearchParams(await text(request));
}
