/**
 * Errors of the routes below `/oauth/`, in the words that OAuth's clients read (RFC 6749, 5.2; RFC 8628, 3.5; RFC 8693, 2.2.2).
 * Invariant: a description is made of constants and of names from the configuration; it repeats nothing of a request.
 */
import { toGatewayError } from '../base/errors.ts';

const STATUS = {
  invalid_request: 400,
  invalid_client: 400,
  invalid_grant: 400,
  access_denied: 403,
  authorization_pending: 400,
  slow_down: 400,
  expired_token: 400,
  unsupported_grant_type: 400,
  invalid_scope: 400,
  temporarily_unavailable: 503,
  server_error: 500,
} as const;

export type OAuthErrorCode = keyof typeof STATUS;

/** A refusal of a sign-in route. */
export class OAuthError extends Error {
  readonly code: OAuthErrorCode;

  constructor(code: OAuthErrorCode, description: string, cause?: unknown) {
    super(description, cause === undefined ? {} : { cause });
    this.name = 'OAuthError';
    this.code = code;
  }

  get status(): number {
    return STATUS[this.code];
  }
}

/** Refuses a request whose parameters are wrong. */
export const badRequest = (description: string): OAuthError =>
  new OAuthError('invalid_request', description);

/** Refuses a person, a browser or a device. */
export const denied = (description: string): OAuthError =>
  new OAuthError('access_denied', description);

/**
 * Turns whatever was thrown into a refusal. An outage is `temporarily_unavailable`, never a refusal of the person: a client
 * keeps what it has and tries again.
 */
export function toOAuthError(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error;
  const { status, message } = toGatewayError(error);
  if (status === 503) {
    const description = 'sign-in cannot be decided now; try again';
    return new OAuthError('temporarily_unavailable', description, error);
  }
  if (status >= 500) return new OAuthError('server_error', 'the gateway failed', error);
  return new OAuthError('invalid_grant', message, error);
}
