/**
 * The answers that API Gateway itself gives in place of our code: one table for the stack and the local gateway.
 * The SDKs of OpenAI and Anthropic can both read the body. It holds constants only, so `lib/` may import it.
 * Never uses `$context.error.message*`: API Gateway can echo the credential there.
 */
import { type ErrorCode, GatewayError } from '../../core/base/errors.ts';

/** All headers that SDKs in browsers name in a preflight (Chromium and Firefox, with all official SDKs). */
export const CORS_ALLOW_HEADERS =
  'authorization,content-type,x-api-key,x-goog-api-key,x-goog-api-client,api-key,user-agent,anthropic-version,anthropic-beta,anthropic-dangerous-direct-browser-access,openai-organization,openai-project,openai-beta,idempotency-key,x-stainless-lang,x-stainless-package-version,x-stainless-os,x-stainless-arch,x-stainless-runtime,x-stainless-runtime-version,x-stainless-retry-count,x-stainless-timeout,x-stainless-read-timeout,x-stainless-async,x-stainless-helper-method,x-stainless-helper,x-user-email,x-conversation-id,x-hallpass-tags,x-request-id';

export const CORS_EXPOSE_HEADERS =
  'retry-after,x-should-retry,x-request-id,x-ratelimit-limit-requests,x-ratelimit-remaining-requests,x-ratelimit-reset-requests,x-ratelimit-limit-tokens,x-ratelimit-remaining-tokens,x-ratelimit-reset-tokens,x-hallpass-budget-limit-usd,x-hallpass-budget-remaining-usd,x-hallpass-budget-resets-at,x-hallpass-max-output-tokens,x-hallpass-dropped,x-hallpass-cost-usd';

/** Headers of every answer, ours or API Gateway's. Without cookies any origin is safe. */
export const CORS_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': CORS_EXPOSE_HEADERS,
};

/** API Gateway compresses a buffered answer of this size or more for a client that accepts it. Streams pass as they are. */
export const COMPRESSED_BYTES_MIN = 4_096;

/** Headers of the answer to OPTIONS. Chromium keeps it for two hours at most. */
export const PREFLIGHT_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET,POST,PATCH,DELETE,OPTIONS',
  'access-control-allow-headers': CORS_ALLOW_HEADERS,
  'access-control-max-age': '7200',
};

/** Headers of every page. Scripts and styles are files, so nothing inline is allowed. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
};

export interface GatewayResponse {
  /** API Gateway's response type. The two `DEFAULT_…` answer every type without a row, under its own status. */
  readonly type: string;
  readonly status: number;
  /** Headers beside those of every answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * The members of the body's `error`. A value that starts with `$context.` is a variable of API Gateway's template.
   * Only the authorizer's `code`, `message` and `type` are used, which come from a closed table of constants.
   */
  readonly error: { readonly type: string; readonly code: string; readonly message: string };
}

interface OwnParts extends Partial<Pick<GatewayResponse, 'status' | 'headers'>> {
  readonly message?: string;
}

/** Makes an answer with the status, type and message of a code, or with its own. */
function toResponse(
  type: string,
  code: ErrorCode,
  { message: own, ...parts }: OwnParts = {},
): GatewayResponse {
  const { status, types, message } = new GatewayError(code, { message: own });
  return { type, status, error: { type: types.openai, code, message }, ...parts };
}

const CHALLENGE = { 'www-authenticate': 'Bearer' };
const RETRY_SOON = { 'retry-after': '1' };

export const GATEWAY_RESPONSES: readonly GatewayResponse[] = [
  {
    type: 'ACCESS_DENIED',
    status: 401,
    headers: CHALLENGE,
    error: {
      type: '$context.authorizer.type',
      code: '$context.authorizer.code',
      message: '$context.authorizer.message',
    },
  },
  toResponse('UNAUTHORIZED', 'invalid_api_key', { headers: CHALLENGE }),
  toResponse('AUTHORIZER_FAILURE', 'service_unavailable'),
  toResponse('AUTHORIZER_CONFIGURATION_ERROR', 'service_unavailable'),
  toResponse('MISSING_AUTHENTICATION_TOKEN', 'not_found'),
  toResponse('RESOURCE_NOT_FOUND', 'not_found'),
  toResponse('REQUEST_TOO_LARGE', 'request_too_large'),
  toResponse('THROTTLED', 'rate_limit_exceeded', { headers: RETRY_SOON }),
  toResponse('INTEGRATION_TIMEOUT', 'upstream_timeout'),
  toResponse('WAF_FILTERED', 'invalid_request', {
    status: 403,
    message: 'A firewall refused the request.',
  }),
  toResponse('UNSUPPORTED_MEDIA_TYPE', 'invalid_request', {
    status: 415,
    message: 'The content type must be JSON.',
  }),
  // A function that AWS throttles ends here.
  toResponse('INTEGRATION_FAILURE', 'service_unavailable', {
    headers: RETRY_SOON,
    message: 'The gateway has no room for the request now.',
  }),
  toResponse('DEFAULT_4XX', 'invalid_request'),
  toResponse('DEFAULT_5XX', 'internal_error'),
];

/** Makes the body of a gateway response, as JSON or as API Gateway's template: the two have the same form. */
export const toGatewayBody = (error: GatewayResponse['error'], requestId: string): string =>
  `{"type":"error","error":{"type":"${error.type}","code":"${error.code}","message":"${error.message}","param":null},"request_id":"${requestId}"}`;
