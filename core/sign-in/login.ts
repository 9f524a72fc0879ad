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
import { signAccess } from './access-token.ts';
import { type SignInAnswer, toPage, toRedirect } from './answer.ts';
import {
  CLEAR_COOKIE,
  findOrMakeBrowser,
  keepCookie,
  makeTicket,
  openTicket,
  requireBrowser,
  spendTicket,
} from './browser.ts';
import { readQuery, type SignInRequest } from './form.ts';
import { badRequest, denied } from './oauth-error.ts';
import { toTokenPage } from './page.ts';
import { readPerson } from './person.ts';
import type { IdentityProvider, ProviderLogin, SignInPorts } from './ports.ts';
import type { LoginPurpose, SignedIn } from './purpose.ts';
import { deriveSecret } from './seal.ts';
import { requireSigningKey } from './signing-key.ts';

/** @throws invalid_request where nobody signs in with a browser */
export function requireProvider({ provider }: SignInPorts): IdentityProvider {
  if (provider !== undefined) return provider;
  throw badRequest('no identity provider is configured');
}

/** Sends a browser to the provider, from where it comes back with its purpose. @throws temporarily_unavailable */
export async function startLogin(
  request: SignInRequest,
  purpose: LoginPurpose,
  ports: SignInPorts,
): Promise<SignInAnswer> {
  const provider = requireProvider(ports);
  const browser = findOrMakeBrowser(request, ports.random);
  const state = makeTicket(browser, 'login', purpose, ports);
  const location = await provider.makeUrl(toLogin(browser, state, ports.publicUrl));
  return toRedirect(302, location, keepCookie(browser));
}

const toLogin = (browser: string, state: string, publicUrl: string): ProviderLogin => ({
  redirectUri: `${publicUrl}/oauth/callback`,
  state,
  nonce: deriveSecret(browser, `nonce ${state}`),
  codeVerifier: deriveSecret(browser, `verifier ${state}`),
});

/** A login that has ended. */
export interface EndedLogin extends SignedIn {
  readonly browser: string;
  readonly purpose: LoginPurpose;
}

/** Ends a login at `GET /oauth/callback`. @throws access_denied, temporarily_unavailable */
export async function endLogin(request: SignInRequest, ports: SignInPorts): Promise<EndedLogin> {
  const parameters = readQuery(request);
  const browser = requireBrowser(request);
  const state = parameters.get('state') ?? '';
  const purpose = openTicket(browser, 'login', state, ports.clock);
  await spendTicket(state, ports);
  const query = new URLSearchParams([...parameters]).toString();
  const login = toLogin(browser, state, ports.publicUrl);
  const { claims, refreshToken } = await requireProvider(ports).redeem(login, query);
  if (claims === undefined) {
    throw denied('the provider did not say who you are');
  }
  const person = readPerson(claims, ports.settings);
  return { browser, purpose, person, providerToken: refreshToken };
}

/** The page of a person who signed in for `/me`, with the token in its body. */
export async function showToken({ person }: SignedIn, ports: SignInPorts): Promise<SignInAnswer> {
  const signing = await requireSigningKey(person.keyName, ports);
  const lifetimeSeconds = ports.settings.pageLifetimeSeconds;
  const { token } = signAccess(signing, { ...person, lifetimeSeconds }, ports);
  return toPage(toTokenPage(person.user, token, '..'), CLEAR_COOKIE);
}
