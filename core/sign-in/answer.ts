/**
 * The three kinds of answers of the sign-in routes. Flow: route > **answer** > function.
 * Invariant: no answer may be stored; a page never has CORS headers, and JSON always has.
 */
import type { OAuthError } from './oauth-error.ts';

export interface JsonAnswer {
  readonly kind: 'json';
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** `public` may be cached for five minutes. @default nothing is stored */
  readonly cache?: 'public';
}

export type SignInAnswer = JsonAnswer;

/** Makes a JSON answer. */
export const toJson = (status: number, body: JsonAnswer['body']): JsonAnswer => ({
  kind: 'json',
  status,
  body,
});

/** Makes the answer of a refusal (RFC 6749, 5.2). */
export const toErrorAnswer = ({ code, status, message }: OAuthError): JsonAnswer =>
  toJson(status, { error: code, error_description: message });
