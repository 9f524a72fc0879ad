/**
 * Every way a request can be refused, once: code, HTTP status, public words, whose fault.
 * Invariant: what a caller reads is made only of constants of this table and the facts in `PublicFacts`;
 * `detail` and `cause` go to the log and hold no token, key, header value, prompt or completion.
 */
import type { LimitPer, LimitUnit, LimitWindow } from './limits.ts';
import type { NanoUsd } from './money.ts';

interface ErrorRow {
  readonly status: number;
  /** The one who can change something about it. */
  readonly fault: 'caller' | 'policy' | 'provider' | 'us';
  readonly message: string;
}

const row = (status: number, fault: ErrorRow['fault'], message: string): ErrorRow => ({
  status,
  fault,
  message,
});

/** The table of refusals (docs/errors.md). */
export const ERRORS = {
  invalid_request: row(400, 'caller', 'The request cannot be read.'),
  invalid_api_key: row(401, 'caller', 'The API key is missing or not valid.'),
  token_expired: row(401, 'caller', 'The token has expired.'),
  token_not_active: row(401, 'caller', 'The token is not active yet.'),
  token_claim_invalid: row(401, 'caller', 'A claim of the token is not valid.'),
  token_lifetime_too_long: row(
    401,
    'caller',
    'The token expires further away than its key allows.',
  ),
  token_revoked: row(401, 'policy', 'The token has been revoked.'),
  insufficient_quota: row(402, 'policy', 'The spending limit has been reached.'),
  request_too_expensive: row(
    402,
    'policy',
    'This request may cost more than is left of the spending limit. A smaller one fits.',
  ),
  user_blocked: row(403, 'policy', 'The owner of the key blocked this user.'),
  identity_required: row(403, 'policy', 'This API key requires identity context.'),
  domain_not_allowed: row(403, 'policy', 'The e-mail domain is not allowed.'),
  claim_not_allowed: row(403, 'policy', 'A claim of the token is not allowed here.'),
  route_not_allowed: row(403, 'policy', 'This credential may not use this route.'),
  origin_not_allowed: row(403, 'policy', 'This origin is not allowed.'),
  model_not_allowed: row(403, 'policy', 'This credential may not use the model.'),
  model_not_found: row(404, 'caller', 'The model does not exist.'),
  not_found: row(404, 'caller', 'There is no such route.'),
  request_too_large: row(413, 'caller', 'The request is too large.'),
  model_price_unknown: row(
    422,
    'policy',
    'The price of the model is not known, and a spending limit applies.',
  ),
  rate_limit_exceeded: row(429, 'policy', 'The rate limit has been reached.'),
  budget_in_use: row(
    429,
    'policy',
    'What is left of the spending limit is held by requests in flight.',
  ),
  upstream_error: row(502, 'provider', 'The provider failed.'),
  upstream_timeout: row(504, 'provider', 'The provider did not answer in time.'),
  service_unavailable: row(503, 'us', 'The gateway cannot decide now; nothing was spent.'),
  internal_error: row(500, 'us', 'The gateway failed.'),
} as const satisfies Readonly<Record<string, ErrorRow>>;

export type ErrorCode = keyof typeof ERRORS;

const types = (openai: string, anthropic: string, google: string) => ({
  openai,
  anthropic,
  google,
});

/** The vendors' types of error by HTTP status: https://docs.anthropic.com/en/api/errors, https://google.aip.dev/193 */
const TYPES: Readonly<Record<number, ReturnType<typeof types>>> = {
  400: types('invalid_request_error', 'invalid_request_error', 'INVALID_ARGUMENT'),
  401: types('authentication_error', 'authentication_error', 'UNAUTHENTICATED'),
  402: types('insufficient_quota', 'billing_error', 'RESOURCE_EXHAUSTED'),
  403: types('permission_error', 'permission_error', 'PERMISSION_DENIED'),
  404: types('invalid_request_error', 'not_found_error', 'NOT_FOUND'),
  413: types('invalid_request_error', 'request_too_large', 'INVALID_ARGUMENT'),
  422: types('invalid_request_error', 'invalid_request_error', 'FAILED_PRECONDITION'),
  429: types('rate_limit_error', 'rate_limit_error', 'RESOURCE_EXHAUSTED'),
  503: types('api_error', 'api_error', 'UNAVAILABLE'),
  504: types('timeout_error', 'timeout_error', 'DEADLINE_EXCEEDED'),
};

/** A limit and how far it is used. `concurrency` is the number of requests at once. */
export interface LimitFigures {
  readonly per: LimitPer;
  readonly unit: LimitUnit | 'concurrency';
  readonly window: LimitWindow | 'now';
  /** In the unit's own measure: whole requests or tokens, or dollars as a decimal number. */
  readonly limitValue: number;
  readonly used: number;
  readonly reserved: number;
  /** The end of the window; null for `total` and `concurrency`. */
  readonly resetsAtMs: number | null;
}

type Figure = 'limitValue' | 'used' | 'reserved';

/** The limit that refused. Only the holder of the key sees the figures of a limit of the whole key. */
export type LimitFacts = Omit<LimitFigures, Figure> & Partial<Pick<LimitFigures, Figure>>;

/** The only facts that a caller may get beside the code. None is secret. */
export interface PublicFacts {
  /** Replaces the row's sentence. Made of constants, numbers, model ids and field names only. */
  readonly message?: string | undefined;
  /** The request field at fault (OpenAI's `param`). */
  readonly param?: string | undefined;
  /** 1 to 60. Longer waits carry none, and `x-should-retry: false` instead. */
  readonly retryAfterSeconds?: number;
  readonly limit?: LimitFacts;
  /** With `request_too_expensive`: what the request needs, and what is left; null: not for this caller. */
  readonly neededNanoUsd?: NanoUsd;
  readonly availableNanoUsd?: NanoUsd | null;
  /** Charged although the provider reported nothing. */
  readonly chargedNanoUsd?: NanoUsd;
}

interface GatewayErrorOptions extends PublicFacts {
  /** For the log: what happened, in words of our own. */
  readonly detail?: string | undefined;
  readonly cause?: unknown;
  /** True when the same write or call may succeed if it is tried again. */
  readonly transient?: boolean;
}

/** The one error class. `code` is stable and meant to be switched on. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly facts: PublicFacts;
  readonly detail: string | undefined;
  readonly transient: boolean;

  constructor(code: ErrorCode, options: GatewayErrorOptions = {}) {
    const { detail, cause, transient, ...facts } = options;
    super(facts.message ?? ERRORS[code].message, cause === undefined ? {} : { cause });
    this.name = 'GatewayError';
    this.code = code;
    this.facts = facts;
    this.detail = detail;
    this.transient = transient ?? false;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  /** The vendors' types of error, which follow from the status. */
  get types(): ReturnType<typeof types> {
    return TYPES[this.status] ?? types('api_error', 'api_error', 'INTERNAL');
  }
}

/** Refuses a request in words of its own. @param param the field or header at fault */
export const invalidRequest = (message: string, param?: string): GatewayError =>
  new GatewayError('invalid_request', { message, param });

/** Refuses a field or parameter: `"limit" must be …`. */
export const invalidField = (name: string, fault: string): GatewayError =>
  invalidRequest(`"${name}" ${fault}`, name);

/** Returns an error of ours for anything that was thrown: `internal_error` for an unknown one, which the log gets as the cause. */
export const toGatewayError = (error: unknown): GatewayError =>
  error instanceof GatewayError ? error : new GatewayError('internal_error', { cause: error });
