/**
 * The pages that a person sees while signing in: plain HTML without a script. Flow: route > **page** > answer.
 * Invariant: every text from outside is escaped; a page loads nothing, and its forms go to this origin only.
 * `page-style.ts` has their look.
 */
import { hash } from 'node:crypto';
import { escapeHtml } from '../base/html.ts';
import { PAGE_STYLE } from './page-style.ts';

/** The rights of a page: show its own style, and send forms to this origin. */
export const SIGN_IN_PAGE_POLICY = `default-src 'none'; style-src 'sha256-${hash('sha256', PAGE_STYLE, 'base64')}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

/** HTML that was made here. */
interface Html {
  readonly html: string;
}

/** Writes HTML; every text in it is escaped, and a list is joined. */
export const html = (
  texts: TemplateStringsArray,
  ...parts: readonly (string | Html | readonly Html[])[]
): Html => {
  const written = parts.map((part) => {
    if (typeof part === 'string') return escapeHtml(part);
    return 'html' in part ? part.html : part.map((each) => each.html).join('');
  });
  return { html: texts.map((text, index) => text + (written[index] ?? '')).join('') };
};

/** The ticket of all pages. */
const MARK: Html = {
  html: '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round" aria-hidden="true"><path d="M3 8.5A2.5 2.5 0 0 1 5.5 6h13A2.5 2.5 0 0 1 21 8.5v1.7a2 2 0 0 0 0 3.6v1.7a2.5 2.5 0 0 1-2.5 2.5h-13A2.5 2.5 0 0 1 3 15.5v-1.7a2 2 0 0 0 0-3.6z"/><path d="M14.5 6v12" stroke-dasharray="2 2.2"/></svg>',
};

/** Makes a whole page. @param forwardTo where the browser goes by itself, at once */
export const toDocument = (title: string, body: Html, forwardTo?: string): string => {
  const forward =
    forwardTo === undefined
      ? html``
      : html`<meta http-equiv="refresh" content="0;url=${forwardTo}">`;
  return `<!doctype html>${
    html`<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title} · Hallpass</title>${forward}<style>${{ html: PAGE_STYLE }}</style></head><body><header>${MARK} Hallpass</header><main><h1>${title}</h1><section>${body}</section></main></body></html>`
      .html
  }`;
};

/** Facts about a request, a name and a value each. */
type Facts = readonly (readonly [name: string, value: string])[];

const toFactList = (facts: Facts): Html =>
  html`<dl>${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;

/** Makes a form that carries the ticket of its page. */
const toForm = (action: string, ticket: string, fields: Html): Html =>
  html`<form method="post" action="${action}"><input type="hidden" name="ticket" value="${ticket}">${fields}</form>`;

const toLink = (address: string, text: string): Html =>
  html`<p><a class="button" href="${address}">${text}</a></p>`;

/** Makes the page of a refusal. */
export const toErrorPage = (reason: string, isOutage: boolean): string =>
  toDocument(
    isOutage ? 'Sign-in is not available now' : 'You are not signed in',
    html`<p>${reason.charAt(0).toUpperCase()}${reason.slice(1)}.</p>`,
  );

/**
 * Makes the page after a login: it goes on to `/me` with the token, which is only in this body.
 * @param up the way from this page to the pages' folder
 */
export const toTokenPage = (user: string, token: string, up: '.' | '..'): string =>
  toDocument(
    'You are signed in',
    html`<p>You are signed in as <strong>${user}</strong>.</p>${toLink(`${up}/me#${token}`, 'Open your page')}`,
    `${up}/me#${token}`,
  );

/** The question that a person confirms. */
export interface Confirmation {
  /** The address of the form, relative to the page. */
  readonly action: string;
  readonly ticket: string;
  readonly user: string;
  /** The asking program: `the command "hallpass" on this computer, port 8400`. */
  readonly who: string;
  /** More about who asks. */
  readonly facts: Facts;
  readonly warning: string;
  readonly models: string;
  /** Limits in words. */
  readonly caps: string;
}

const DECISION = html`<button name="decision" value="decline">Decline</button><button name="decision" value="allow">Give access</button>`;

/** Makes the page with two buttons of the same size. */
export const toConfirmPage = (ask: Confirmation): string => {
  const facts: Facts = [
    ['Signed in as', ask.user],
    ['Who asks', ask.who],
    ...ask.facts,
    ['Models', ask.models],
    ['At most', ask.caps],
  ];
  const form = toForm(ask.action, ask.ticket, DECISION);
  return toDocument('Give access?', html`${toFactList(facts)}<p>${ask.warning}</p>${form}`);
};

/** Makes a page that says how something ended, and leads on. */
export const toShownPage = ({
  title,
  text,
  to,
}: {
  readonly title: string;
  readonly text: string;
  readonly to?: string | undefined;
}): string =>
  toDocument(title, html`<p>${text}</p>${to === undefined ? html`` : toLink(to, 'Go back')}`, to);

/** Makes the page of the form for a device's code. @param userCode filled in only where that is configured */
export const toCodePage = (ticket: string, userCode: string): string => {
  const fields = html`<label>Code<input name="user_code" value="${userCode}" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="9" required></label><button class="primary">Continue</button>`;
  const form = toForm('device', ticket, fields);
  return toDocument('Sign in a device', html`<p>Type the code that your device shows.</p>${form}`);
};

/** Makes the page that shows who asks, before anyone has signed in. */
export const toDevicePage = (ask: {
  readonly who: string;
  readonly facts: Facts;
  readonly ticket: string;
}): string =>
  toDocument(
    'Is this your device?',
    html`${toFactList([['Who asks', ask.who], ...ask.facts])}<p>Continue only if you started this yourself. Did somebody send you the code? Then close this page.</p>${toLink(`oauth/login?ticket=${ask.ticket}`, 'Sign in')}`,
  );

const ENROL_FIELDS = html`<label>Code<input name="code" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="24" required></label><label>Your name<input name="name" autocomplete="name" maxlength="80" required></label><button class="primary">Get it</button>`;

/** Makes the page of an enrolment: a way to sign in, or a form for a code of a list. */
export const toEnrolPage = (ask: {
  readonly by: 'login' | 'code';
  readonly ticket: string;
  readonly facts: Facts;
}): string => {
  const way =
    ask.by === 'login'
      ? toLink(`oauth/login?enrol=${ask.ticket}`, 'Sign in and get it')
      : html`<p>Type a code of the list and your name. Each code gives one pass, once.</p>${toForm('enrol', ask.ticket, ENROL_FIELDS)}`;
  return toDocument('Get your pass', html`${toFactList(ask.facts)}${way}`);
};
