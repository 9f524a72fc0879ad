/**
 * Sign-in of a client on this computer (RFC 6749, 4.1; RFC 7636; RFC 8252).
 *
 * Steps, in order:
 * 1. `GET /oauth/authorize` checks the client, its redirect to this computer and its PKCE challenge, and sends the browser to
 *    the provider;
 * 2. after the login a page shows who asks, and what they would get. A program that began this by itself stops here;
 * 3. the button sends a form to this origin, which makes a code and answers with a page of ours;
 * 4. that page leads back to the client.
 *
 * Guarantees: no redirect leads to another computer; a form's answer never redirects to another origin.
 */

import { sayLimit } from '../base/limit-text.ts';
import { type SignInAnswer, toPage, toRedirect } from './answer.ts';
import {
  CLEAR_COOKIE,
  keepCookie,
  makeTicket,
  openTicket,
  requireBrowser,
  requireSameOrigin,
  spendTicket,
} from './browser.ts';
import { requireClient, requireLoopback } from './clients.ts';
import { makeCode } from './code.ts';
import { need, type Parameters, readForm, type SignInRequest } from './form.ts';
import { badRequest } from './oauth-error.ts';
import { type Confirmation, toConfirmPage, toShownPage } from './page.ts';
import { narrowPerson, type SignedInPerson } from './person.ts';
import type { SignInPorts } from './ports.ts';
import type { AuthorizeRequest, SignedIn } from './purpose.ts';
import { narrowModels } from './scope.ts';
import { requireSigningKey } from './signing-key.ts';

const STATE_CHARS_MAX = 512;

/** Checks a client's request, before anyone signs in. @throws invalid_request, invalid_client, invalid_scope */
export function readAuthorizeRequest(parameters: Parameters): AuthorizeRequest {
  const client = requireClient(need(parameters, 'client_id'));
  const redirectUri = need(parameters, 'redirect_uri');
  requireLoopback(client, redirectUri);
  if (need(parameters, 'response_type') !== 'code') {
    throw badRequest('"response_type" must be "code"');
  }
  const codeChallenge = need(parameters, 'code_challenge');
  const isS256 = parameters.get('code_challenge_method') === 'S256';
  if (!isS256 || !/^[\w-]{43}$/.test(codeChallenge)) {
    throw badRequest('"code_challenge" must be one of the method S256');
  }
  const state = need(parameters, 'state');
  if (state.length > STATE_CHARS_MAX) {
    throw badRequest(`"state" must be at most ${STATE_CHARS_MAX} characters`);
  }
  const models = narrowModels(parameters, undefined);
  return { clientId: client.id, redirectUri, codeChallenge, state, ...(models && { models }) };
}

/** The page with the button, for a person who has just signed in. */
export async function confirmClient(
  browser: string,
  { person, providerToken }: SignedIn,
  request: AuthorizeRequest,
  ports: SignInPorts,
): Promise<SignInAnswer> {
  const client = requireClient(request.clientId);
  const port = requireLoopback(client, request.redirectUri);
  const narrowed = narrowPerson(person, request.models);
  const content = { person: narrowed, providerToken, request };
  const question = {
    action: '../oauth/authorize',
    ticket: makeTicket(browser, 'authorize', content, ports),
    who: `${client.name} on this computer, port ${port}`,
    facts: [],
    warning: 'Continue only if you started this yourself, on this computer, a moment ago.',
  };
  return showQuestion(browser, narrowed, question, ports);
}

/** Shows what a person would give, with the buttons. */
export async function showQuestion(
  browser: string,
  { user, keyName, models }: SignedInPerson,
  question: Omit<Confirmation, 'user' | 'models' | 'caps'>,
  ports: SignInPorts,
): Promise<SignInAnswer> {
  const { record } = await requireSigningKey(keyName, ports);
  const allowed = models ?? record.models;
  const caps = record.limits.filter(({ per, unit }) => per === 'user' && unit === 'usd');
  const page = toConfirmPage({
    ...question,
    user,
    models: allowed?.join(', ') ?? 'all models of this gateway',
    caps: caps.map(sayLimit).join(', '),
  });
  return toPage(page, keepCookie(browser));
}

/** `POST /oauth/authorize`: the button. @throws access_denied */
export async function decideClient(
  request: SignInRequest,
  ports: SignInPorts,
): Promise<SignInAnswer> {
  requireSameOrigin(request, ports.publicUrl);
  const parameters = readForm(request);
  const browser = requireBrowser(request);
  const ticket = need(parameters, 'ticket');
  const opened = openTicket(browser, 'authorize', ticket, ports.clock);
  await spendTicket(ticket, ports);
  const isAllowed = need(parameters, 'decision') === 'allow';
  const url = new URL(opened.request.redirectUri);
  url.searchParams.set('state', opened.request.state);
  url.searchParams.set('iss', ports.publicUrl);
  if (isAllowed) url.searchParams.set('code', await makeCode(opened, opened.request, ports));
  else url.searchParams.set('error', 'access_denied');
  const shown = {
    title: isAllowed ? 'You are signed in' : 'You declined',
    text: 'Go back to the program that asked. This page may be closed.',
    to: url.href,
  };
  const page = makeTicket(browser, 'shown', shown, ports);
  return toRedirect(303, `${ports.publicUrl}/oauth/authorize?return=${page}`);
}

/** `?return=…`: the page after a decision, which leads back to a client or says how it ended. @throws access_denied */
export function showReturn(
  request: SignInRequest,
  ticket: string,
  ports: SignInPorts,
): SignInAnswer {
  const shown = openTicket(requireBrowser(request), 'shown', ticket, ports.clock);
  return toPage(toShownPage(shown), CLEAR_COOKIE);
}
