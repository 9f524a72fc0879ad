/**
 * Binds a sign-in to one browser: one cookie of 256 random bits, and tickets that only this cookie opens.
 * Flow: **browser** > login > confirmation. Invariant: a ticket is good for one purpose, one browser, ten minutes and one
 * use; so a link that somebody else made signs nobody in, and no form of another page confirms anything.
 */

import { sha256 } from '../base/ids.ts';
import { isRecord } from '../base/json.ts';
import type { Clock } from '../base/ports.ts';
import type { SignInRequest } from './form.ts';
import { denied } from './oauth-error.ts';
import type { SignInPorts, SignInRandom } from './ports.ts';
import type { TicketContents } from './purpose.ts';
import { drawSecret, isSecret, seal, unseal } from './seal.ts';

/** The `__Host-` prefix binds the cookie to this host, https and the whole path. */
const COOKIE = '__Host-hallpass';
const LIFETIME_SECONDS = 600;

/** Reads the secret of this browser; undefined if it has none. */
export function findBrowser({ headers }: SignInRequest): string | undefined {
  const pairs = (headers.get('cookie') ?? []).flatMap((line) => line.split(';'));
  const values = pairs
    .map((pair) => pair.trim().split('='))
    .filter(([name]) => name === COOKIE)
    .map(([, value = '']) => value);
  // Two cookies of one name would come from two places.
  const [only = '', ...more] = values;
  return more.length === 0 && isSecret(only) ? only : undefined;
}

/** Reads the secret of this browser, or draws one. A second tab goes on with the secret of the first. */
export const findOrMakeBrowser = (request: SignInRequest, random: SignInRandom): string =>
  findBrowser(request) ?? drawSecret(random);

/** @throws access_denied for a browser that did not begin here, or too long ago */
export function requireBrowser(request: SignInRequest): string {
  const browser = findBrowser(request);
  if (browser !== undefined) return browser;
  throw denied('this sign-in did not begin in this browser, or is too old: begin again');
}

const attributes = (seconds: number): string =>
  `Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${seconds}`;

/** Writes the header that keeps a browser's secret for ten minutes. */
export const keepCookie = (browser: string): string =>
  `${COOKIE}=${browser}; ${attributes(LIFETIME_SECONDS)}`;

/** The header that ends it. */
export const CLEAR_COOKIE = `${COOKIE}=; ${attributes(0)}`;

/** Makes a ticket for one use in this browser. */
export function makeTicket<Use extends keyof TicketContents>(
  browser: string,
  use: Use,
  content: TicketContents[Use],
  { clock, random }: Pick<SignInPorts, 'clock' | 'random'>,
): string {
  const untilMs = clock.nowMs() + LIFETIME_SECONDS * 1000;
  return seal(browser, JSON.stringify({ use, untilMs, content }), random);
}

/**
 * Opens a ticket, which costs no read of a table.
 * @throws access_denied for another use, browser or time
 */
export function openTicket<Use extends keyof TicketContents>(
  browser: string,
  use: Use,
  ticket: string,
  clock: Clock,
): TicketContents[Use] {
  const text = unseal(browser, ticket);
  const opened: unknown = text === undefined ? undefined : JSON.parse(text);
  if (isRecord(opened) && opened.use === use && isRecord(opened.content)) {
    if (typeof opened.untilMs === 'number' && opened.untilMs > clock.nowMs()) {
      return opened.content as unknown as TicketContents[Use];
    }
  }
  throw denied('this page is of another browser, or too old: begin again');
}

/**
 * Uses a ticket up. @throws access_denied for one that was used before
 */
export async function spendTicket(
  ticket: string,
  { store, clock }: Pick<SignInPorts, 'store' | 'clock'>,
): Promise<void> {
  const expiresAtMs = clock.nowMs() + LIFETIME_SECONDS * 1000;
  if (await store.create({ id: `used#${sha256(ticket)}`, expiresAtMs, data: '{}' })) return;
  throw denied('this page was used already: begin again');
}

/**
 * Refuses a form that another origin sent. A browser says `Origin: null` where the page has no referrer, as ours have, so
 * `Sec-Fetch-Site` decides; the ticket in the form decides for a browser that sends neither.
 * @throws access_denied
 */
export function requireSameOrigin({ headers }: SignInRequest, publicUrl: string): void {
  const [site = 'same-origin'] = headers.get('sec-fetch-site') ?? [];
  const [origin = 'null'] = headers.get('origin') ?? [];
  if (site === 'same-origin' && (origin === 'null' || origin === new URL(publicUrl).origin)) return;
  throw denied('this form was sent by another page');
}
