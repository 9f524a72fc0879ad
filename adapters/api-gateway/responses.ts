/**
 * The answers that API Gateway itself gives in place of our code: one table for the stack and the local gateway.
 * The SDKs of OpenAI and Anthropic can both read the body. It holds constants only, so `lib/` may import it.
 * Never uses `$context.error.message*`: API Gateway can echo the credential there.
 */

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

/** On every page (contract.md, section 6). Scripts and styles are files, so nothing inline is allowed. */
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

const invalid = { type: 'invalid_request_error' };

export const GATEWAY_RESPONSES: readonly GatewayResponse[] = [
  {
    type: 'ACCESS_DENIED',
    status: 401,
    headers: { 'www-authenticate': 'Bearer' },
    error: {
      type: '$context.authorizer.type',
      code: '$context.authorizer.code',
      message: '$context.authorizer.message',
    },
  },
  {
    type: 'UNAUTHORIZED',
    status: 401,
    headers: { 'www-authenticate': 'Bearer' },
    error: {
      type: 'authentication_error',
      code: 'invalid_api_key',
      message: 'The API key is missing or not valid.',
    },
  },
  ...['AUTHORIZER_FAILURE', 'AUTHORIZER_CONFIGURATION_ERROR'].map((type) => ({
    type,
    status: 503,
    error: {
      type: 'api_error',
      code: 'service_unavailable',
      message: 'The gateway cannot decide now; nothing was spent.',
    },
  })),
  ...['MISSING_AUTHENTICATION_TOKEN', 'RESOURCE_NOT_FOUND'].map((type) => ({
    type,
    status: 404,
    error: { ...invalid, code: 'not_found', message: 'There is no such route.' },
  })),
  {
    type: 'REQUEST_TOO_LARGE',
    status: 413,
    error: { ...invalid, code: 'request_too_large', message: 'The request is too large.' },
  },
  {
    type: 'THROTTLED',
    status: 429,
    headers: { 'retry-after': '1' },
    error: {
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
      message: 'The rate limit has been reached.',
    },
  },
  {
    type: 'INTEGRATION_TIMEOUT',
    status: 504,
    error: {
      type: 'timeout_error',
      code: 'upstream_timeout',
      message: 'The provider did not answer in time.',
    },
  },
  {
    type: 'WAF_FILTERED',
    status: 403,
    error: { ...invalid, code: 'invalid_request', message: 'A firewall refused the request.' },
  },
  {
    type: 'UNSUPPORTED_MEDIA_TYPE',
    status: 415,
    error: { ...invalid, code: 'invalid_request', message: 'The content type must be JSON.' },
  },
  // A function that AWS throttles ends here.
  {
    type: 'INTEGRATION_FAILURE',
    status: 503,
    headers: { 'retry-after': '1' },
    error: {
      type: 'api_error',
      code: 'service_unavailable',
      message: 'The gateway has no room for the request now.',
    },
  },
  {
    type: 'DEFAULT_4XX',
    status: 400,
    error: { ...invalid, code: 'invalid_request', message: 'The request cannot be read.' },
  },
  {
    type: 'DEFAULT_5XX',
    status: 500,
    error: { type: 'api_error', code: 'internal_error', message: 'The gateway failed.' },
  },
];

/** Makes the body of a gateway response, as JSON or as API Gateway's template: the two have the same form. */
export const toGatewayBody = (error: GatewayResponse['error'], requestId: string): string =>
  `{"type":"error","error":{"type":"${error.type}","code":"${error.code}","message":"${error.message}","param":null},"request_id":"${requestId}"}`;
