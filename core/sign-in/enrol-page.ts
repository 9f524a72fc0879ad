/**
 * `/enrol`: a person follows a link, signs in or types a code of a list, and gets a pass.
 * Flow: link > **login or code** > place > token. Invariant: the token is in the body of a page, and in no address.
 */

import { domainOf } from '../access/identity.ts';
import { asNanoUsd, toUsdText } from '../base/money.ts';
import { isName } from '../base/names.ts';
import { type SignInAnswer, toPage } from './answer.ts';
import {
  CLEAR_COOKIE,
  findOrMakeBrowser,
  keepCookie,
  makeTicket,
  openTicket,
  requireBrowser,
  requireSameOrigin,
} from './browser.ts';
import {
  CODE_CHARS,
  type Enrolment,
  enrol,
  enrolmentIdOf,
  requireEnrolment,
  spendCode,
} from './enrolment.ts';
import { need, readForm, readQuery, type SignInRequest } from './form.ts';
import { badRequest, denied } from './oauth-error.ts';
import { toEnrolPage, toTokenPage } from './page.ts';
import type { SignInPorts } from './ports.ts';
import type { SignedIn } from './purpose.ts';
import { requireSigningKey } from './signing-key.ts';

const NAME_CHARS_MAX = 80;
const CODE = new RegExp(`^[A-Z2-7]{${CODE_CHARS}}$`);

/** `GET /enrol?link=…`: what the link gives, and how to get it. @throws access_denied */
export async function showEnrolment(
  request: SignInRequest,
  ports: SignInPorts,
): Promise<SignInAnswer> {
  const enrolmentId = enrolmentIdOf(need(readQuery(request), 'link'));
  const enrolment = await requireEnrolment(enrolmentId, ports);
  const browser = findOrMakeBrowser(request, ports.random);
  const ticket = makeTicket(browser, 'enrol', { enrolmentId }, ports);
  return toPage(
    toEnrolPage({ by: enrolment.by, ticket, facts: factsOf(enrolment) }),
    keepCookie(browser),
  );
}

function factsOf({ limitNanoUsd, models, endsAtMs, domains }: Enrolment) {
  const until = new Date(endsAtMs).toISOString().slice(0, 16).replace('T', ' ');
  const facts: (readonly [string, string])[] = [
    ['Models', models === undefined ? 'all models of this gateway' : models.join(', ')],
    ['Until', `${until} UTC`],
  ];
  if (limitNanoUsd !== undefined)
    facts.push(['At most', `$${toUsdText(asNanoUsd(BigInt(limitNanoUsd)))}`]);
  if (domains.length > 0) facts.push(['For addresses of', domains.join(', ')]);
  return facts;
}

/** Gives a pass to somebody who signed in for it. @throws access_denied */
export async function enrolPerson(
  { person }: SignedIn,
  enrolmentId: string,
  ports: SignInPorts,
): Promise<SignInAnswer> {
  const enrolment = await requireEnrolment(enrolmentId, ports);
  if (enrolment.by !== 'login') throw denied('this link takes codes only');
  const { domains } = enrolment;
  if (domains.length > 0 && !domains.includes(domainOf(person.user) ?? '')) {
    throw denied('your e-mail address is not of a domain of this link');
  }
  const { token } = await enrol(enrolmentId, enrolment, person.user, ports);
  return toPage(toTokenPage(person.user, token, '..'), CLEAR_COOKIE);
}

/** `POST /enrol`: a code of a list, with a name that nobody has checked. @throws access_denied */
export async function submitEnrolment(
  request: SignInRequest,
  ports: SignInPorts,
): Promise<SignInAnswer> {
  requireSameOrigin(request, ports.publicUrl);
  const parameters = readForm(request);
  const browser = requireBrowser(request);
  const { enrolmentId } = openTicket(browser, 'enrol', need(parameters, 'ticket'), ports.clock);
  const code = need(parameters, 'code').toUpperCase().replaceAll(/[\s-]/g, '');
  const name = need(parameters, 'name').trim().normalize('NFC');
  if (!CODE.test(code)) throw denied('this code is not in force, or was used');
  if (!isName(name, NAME_CHARS_MAX)) {
    throw badRequest(`"name" must be 1 to ${NAME_CHARS_MAX} characters`);
  }
  const enrolment = await requireEnrolment(enrolmentId, ports);
  if (enrolment.by !== 'code') throw denied('this link takes no codes');
  // A gateway that cannot sign now uses up no code.
  await requireSigningKey(enrolment.keyName, ports);
  await spendCode(enrolmentId, code, ports);
  // The end of the code tells two people of one name apart, and nobody can take the name of a person who signed in.
  const user = `unverified: ${name} (${code.slice(-4)})`;
  const { token } = await enrol(enrolmentId, enrolment, user, ports);
  return toPage(toTokenPage(user, token, '.'), CLEAR_COOKIE);
}
