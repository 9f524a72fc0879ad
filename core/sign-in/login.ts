/**
 * Login in a browser at the organisation's provider (OpenID Connect Core, 3.1; RFC 7636; RFC 9207; RFC 9700, 4).
 *
 * Steps, in order:
 * 1. `GET /oauth/login` gives the browser a cookie, and sends it to the provider. Nothing is stored: `state` is a ticket that
 *    only this cookie opens, and nonce and PKCE verifier are derived from the cookie and the state;
 * 2. `GET /oauth/callback` opens the ticket, uses it up, and redeems the code;
 * 3. the claims decide who it is, and which key signs;
 * 4. the page has the token in its body; it is never in a Location.
 *
 * Guarantees: only the browser that began ends it, once, within ten minutes; every URL is built from the public URL.
 */
import type { Log } from '../base/ports.ts';
import { signAccess } from './access-token.ts';
import { type SignInAnswer, toPage } from './answer.ts';
import {
  type BrowserPorts,
  CLEAR_COOKIE,
  findOrMakeBrowser,
  keepCookie,
  makeTicket,
  openTicket,
  requireBrowser,
  spendTicket,
} from './browser.ts';
import { readQuery, type SignInRequest } from './form.ts';
import { OAuthError } from './oauth-error.ts';
import { toTokenPage } from './page.ts';
import { type Person, readPerson } from './person.ts';
import type { IdentityProvider, ProviderAnswer, ProviderLogin } from './ports.ts';
import { deriveSecret } from './seal.ts';
import type { LoginSettings } from './settings.ts';
import { requireSigningKey, type SigningKeyPorts } from './signing-key.ts';

export interface LoginPorts extends BrowserPorts, SigningKeyPorts {
  readonly settings: LoginSettings;
  /** Undefined where none is configured. */
  readonly provider: IdentityProvider | undefined;
  readonly log: Log;
}

/** Why somebody signs in. */
export interface LoginPurpose {
  readonly kind: 'page';
}

function requireProvider({ provider }: LoginPorts): IdentityProvider {
  if (provider !== undefined) return provider;
  throw new OAuthError('invalid_request', 'no identity provider is configured');
}

/** `GET /oauth/login`: sends the browser to the provider. @throws invalid_request, temporarily_unavailable */
export async function startLogin(request: SignInRequest, ports: LoginPorts): Promise<SignInAnswer> {
  readQuery(request);
  return goToProvider(request, { kind: 'page' }, ports);
}

/** Sends a browser to the provider, from where it comes back with its purpose. */
export async function goToProvider(
  request: SignInRequest,
  purpose: LoginPurpose,
  ports: LoginPorts,
): Promise<SignInAnswer> {
  const provider = requireProvider(ports);
  const browser = findOrMakeBrowser(request, ports.random);
  const state = makeTicket(browser, 'login', purpose, ports);
  const location = await provider.makeUrl(toLogin(browser, state, ports.publicUrl));
  return { kind: 'redirect', status: 302, location, cookie: keepCookie(browser) };
}

const toLogin = (browser: string, state: string, publicUrl: string): ProviderLogin => ({
  redirectUri: `${publicUrl}/oauth/callback`,
  state,
  nonce: deriveSecret(browser, `nonce ${state}`),
  codeVerifier: deriveSecret(browser, `verifier ${state}`),
});

/** `GET /oauth/callback`: ends a login. @throws access_denied, temporarily_unavailable */
export async function endLogin(request: SignInRequest, ports: LoginPorts): Promise<SignInAnswer> {
  const parameters = readQuery(request);
  const browser = requireBrowser(request);
  const state = parameters.get('state') ?? '';
  openTicket(browser, 'login', state, ports.clock);
  await spendTicket(state, ports);
  const query = new URLSearchParams([...parameters]).toString();
  const answer = await requireProvider(ports).redeem(
    toLogin(browser, state, ports.publicUrl),
    query,
  );
  return toTokenAnswer(personOf(answer, ports.settings), ports);
}

function personOf({ claims }: ProviderAnswer, settings: LoginSettings): Person {
  if (claims !== undefined) return readPerson(claims, settings);
  throw new OAuthError('access_denied', 'the provider did not say who you are');
}

async function toTokenAnswer(person: Person, ports: LoginPorts): Promise<SignInAnswer> {
  const signing = await requireSigningKey(person.keyName, ports);
  const lifetimeSeconds = ports.settings.pageLifetimeSeconds;
  const { token } = signAccess(signing, { ...person, lifetimeSeconds }, ports);
  return toPage(toTokenPage(person.user, token), CLEAR_COOKIE);
}
