/**
 * The device grant: the person's side, at `/device` (RFC 8628, 3.3, 5.4).
 *
 * Steps, in order:
 * 1. a form takes the short code. Ten wrong ones from a browser, or from an address, are all for ten minutes;
 * 2. a page shows who asks, since when and from where, and leads to the provider;
 * 3. after the login, the same page has two buttons of one size: decline, and give access.
 *
 * Guarantees: nobody approves without a click after a login; a decision counts once; no answer tells more than that a code is
 * not in force.
 */

import { sha256 } from '../base/ids.ts';
import { type SignInAnswer, toPage, toRedirect } from './answer.ts';
import { showQuestion, showReturn } from './authorize.ts';
import {
  findOrMakeBrowser,
  keepCookie,
  makeTicket,
  openTicket,
  requireBrowser,
  requireSameOrigin,
} from './browser.ts';
import { requireClient } from './clients.ts';
import {
  addressOf,
  countUntil,
  type Device,
  parseDevice,
  parseUserCode,
  userCodeIdOf,
  windowOf,
} from './device.ts';
import { need, type Parameters, readForm, readQuery, type SignInRequest } from './form.ts';
import { denied, type OAuthError } from './oauth-error.ts';
import { toCodePage, toDevicePage } from './page.ts';
import { narrowPerson } from './person.ts';
import type { SignInPorts, StoredGrant } from './ports.ts';
import type { SignedIn } from './purpose.ts';
import { sealFor } from './seal.ts';

const WRONG_MAX = 10;
/** Long enough for the device's next polls. */
const FETCH_MS = 60_000;
const TRIES_MAX = 6;

/** `GET /device`: the form for the code, or a page that a ticket of this browser names. */
export async function showDevice(
  request: SignInRequest,
  ports: SignInPorts,
): Promise<SignInAnswer> {
  const parameters = readQuery(request);
  const shown = parameters.get('return');
  if (shown !== undefined) return showReturn(request, shown, ports);
  const asked = parameters.get('ticket');
  if (asked !== undefined) return showWhoAsks(request, asked, ports);
  const browser = findOrMakeBrowser(request, ports.random);
  const ticket = makeTicket(browser, 'code', { kind: 'code' }, ports);
  const isFilled = ports.settings.deviceUriComplete;
  const userCode = isFilled ? parseUserCode(parameters.get('user_code') ?? '') : undefined;
  return toPage(toCodePage(ticket, userCode ?? ''), keepCookie(browser));
}

async function showWhoAsks(
  request: SignInRequest,
  ticket: string,
  ports: SignInPorts,
): Promise<SignInAnswer> {
  const browser = requireBrowser(request);
  const { deviceId } = openTicket(browser, 'asked', ticket, ports.clock);
  const { device } = await requirePending(deviceId, ports);
  const { name } = requireClient(device.clientId);
  return toPage(toDevicePage({ who: name, facts: factsOf(device), ticket }), keepCookie(browser));
}

const factsOf = ({ sourceIp, createdAtMs }: Device) =>
  [
    ['Asked from the address', sourceIp],
    ['Asked at', `${new Date(createdAtMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`],
  ] as const;

const gone = (): OAuthError =>
  denied('this code is not in force: look at your device for a new one');

async function requirePending(
  deviceId: string,
  { store, clock }: SignInPorts,
): Promise<{ readonly seen: StoredGrant; readonly device: Device }> {
  const seen = await store.find(deviceId, clock.nowMs());
  const device = seen && parseDevice(seen);
  if (seen === undefined || device?.step !== 'pending') throw gone();
  return { seen, device };
}

/** `POST /device`: a code, or a decision. @throws access_denied */
export async function submitDevice(
  request: SignInRequest,
  ports: SignInPorts,
): Promise<SignInAnswer> {
  requireSameOrigin(request, ports.publicUrl);
  const parameters = readForm(request);
  const browser = requireBrowser(request);
  if (parameters.has('decision')) return decide(browser, parameters, ports);
  openTicket(browser, 'code', need(parameters, 'ticket'), ports.clock);
  const deviceId = await findDevice(request, browser, parameters, ports);
  const ticket = makeTicket(browser, 'asked', { deviceId }, ports);
  return toOwnPage(`ticket=${ticket}`, ports);
}

const toOwnPage = (query: string, { publicUrl }: SignInPorts): SignInAnswer =>
  toRedirect(303, `${publicUrl}/device?${query}`);

/** Looks a code up. The guess is counted first, so that a thousand at once are ten; a right one is given back. */
async function findDevice(
  request: SignInRequest,
  browser: string,
  parameters: Parameters,
  ports: SignInPorts,
): Promise<string> {
  const { store, clock } = ports;
  const userCode = parseUserCode(need(parameters, 'user_code'));
  if (userCode === undefined) throw gone();
  const nowMs = clock.nowMs();
  const counts = [addressOf(request.sourceIp), sha256(browser)].map(
    (who) => `count#wrong#${who}#${windowOf(nowMs)}`,
  );
  for (const id of counts) {
    if (!(await store.count(id, { max: WRONG_MAX, expiresAtMs: countUntil(nowMs) }))) {
      throw denied('there were too many wrong codes: try again in ten minutes');
    }
  }
  const found = await store.find(userCodeIdOf(userCode), nowMs);
  const deviceId: unknown = found && Object(JSON.parse(found.data)).deviceId;
  if (typeof deviceId !== 'string') throw gone();
  for (const id of counts) await store.uncount(id);
  await requirePending(deviceId, ports);
  return deviceId;
}

/** The page with the buttons, for a person who has just signed in. */
export async function confirmDevice(
  browser: string,
  signedIn: SignedIn,
  deviceId: string,
  ports: SignInPorts,
): Promise<SignInAnswer> {
  const { device } = await requirePending(deviceId, ports);
  const person = narrowPerson(signedIn.person, device.models);
  const content = { person, providerToken: signedIn.providerToken, deviceId };
  const question = {
    action: '../device',
    ticket: makeTicket(browser, 'device', content, ports),
    who: `${requireClient(device.clientId).name} on another machine`,
    facts: factsOf(device),
    warning:
      'Whoever asks will use your access. Continue only if you started this yourself, a moment ago, on a machine that you use. Did somebody send you the code or read it to you? Then decline.',
  };
  return showQuestion(browser, person, question, ports);
}

async function decide(
  browser: string,
  parameters: Parameters,
  ports: SignInPorts,
): Promise<SignInAnswer> {
  const { clock, random, store, settings } = ports;
  const ticket = need(parameters, 'ticket');
  const { person, providerToken, deviceId } = openTicket(browser, 'device', ticket, clock);
  const isAllowed = parameters.get('decision') === 'allow';
  const kept = settings.deviceRefresh ? providerToken : undefined;
  // The device takes one decision, so its ticket needs no mark of its own. A poll may come in between, which is seen again.
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const { seen, device } = await requirePending(deviceId, ports);
    const sealedProvider = kept && sealFor(device.receiver, kept, random);
    const next: Device = isAllowed
      ? { ...device, step: 'approved', person, sealedProvider }
      : { ...device, step: 'denied' };
    const expiresAtMs = Math.max(seen.expiresAtMs, clock.nowMs() + FETCH_MS);
    if (!(await store.replace(seen, { expiresAtMs, data: JSON.stringify(next) }))) continue;
    const shown = isAllowed
      ? {
          title: 'Your device has access',
          text: 'Go back to your device. This page may be closed.',
        }
      : { title: 'You declined', text: 'The device gets nothing.' };
    return toOwnPage(`return=${makeTicket(browser, 'shown', shown, ports)}`, ports);
  }
  throw gone();
}
