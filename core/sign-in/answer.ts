/**
 * The three kinds of answers of the sign-in routes. Flow: route > **answer** > function.
 * Invariant: no answer may be stored but metadata; a page never has CORS headers, and JSON always has.
 */
import type { OAuthError } from './oauth-error.ts';
import { toErrorPage } from './page.ts';

export interface JsonAnswer {
  readonly kind: 'json';
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** `public` may be cached for five minutes. @default nothing is stored */
  readonly cache?: 'public';
}

export interface PageAnswer {
  readonly kind: 'page';
  readonly status: number;
  readonly html: string;
  /** The value of `set-cookie`. */
  readonly cookie?: string | undefined;
}

export interface RedirectAnswer {
  readonly kind: 'redirect';
  /** 303 after a form, which then goes to a page of ours; else 302. */
  readonly status: 302 | 303;
  readonly location: string;
  readonly cookie?: string | undefined;
}

export type SignInAnswer = JsonAnswer | PageAnswer | RedirectAnswer;

/** Makes a JSON answer. */
export const toJson = (status: number, body: JsonAnswer['body']): JsonAnswer => ({
  kind: 'json',
  status,
  body,
});

/** Makes a page. */
export const toPage = (html: string, cookie?: string): PageAnswer => ({
  kind: 'page',
  status: 200,
  html,
  cookie,
});

/** Makes a redirect. */
export const toRedirect = (
  status: RedirectAnswer['status'],
  location: string,
  cookie?: string,
): RedirectAnswer => ({ kind: 'redirect', status, location, cookie });

/** Makes the answer of a refusal to a client: 400 whatever it is (RFC 6749, 5.2), but for our own failures. */
export const toErrorAnswer = ({ code, status, message }: OAuthError): JsonAnswer =>
  toJson(status < 500 ? 400 : status, { error: code, error_description: message });

/** Makes the answer of a refusal to a person. */
export const toErrorPageAnswer = ({ code, status, message }: OAuthError): PageAnswer => ({
  ...toPage(toErrorPage(message, code === 'temporarily_unavailable')),
  status,
});
