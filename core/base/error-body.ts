/**
 * Error bodies and headers in the format that the caller's SDK reads (docs/errors.md).
 * OpenAI: body.error.{message,type,param,code}; Anthropic: body.error.{type,message}; Google: body.error.{code,message,status}.
 */
import type { GatewayError, LimitFacts, PublicFacts } from './errors.ts';
import { usdFromNano } from './money.ts';

/** The vendor whose API format is used: for an error body, a provider's endpoint, a list of models. */
export type ApiFamily = 'openai' | 'anthropic' | 'google';

/** Returns the API family of a path. Unknown paths have one too, so that every refusal fits the caller's SDK. */
export function familyOfPath(path: string): ApiFamily {
  if (/^\/v1\/messages(\/|$)/.test(path)) return 'anthropic';
  if (/^\/v1\/models\/.+:[a-z]+[A-Z]\w*$/.test(path) || path.startsWith('/v1beta/'))
    return 'google';
  return 'openai';
}

/** Anthropic's error type of a status: https://docs.anthropic.com/en/api/errors */
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  422: 'invalid_request_error',
  429: 'rate_limit_error',
  504: 'timeout_error',
};

/** Google's status name of an HTTP status: https://google.aip.dev/193 */
const GOOGLE_STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  402: 'RESOURCE_EXHAUSTED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  413: 'INVALID_ARGUMENT',
  422: 'FAILED_PRECONDITION',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

const limitFields = (limit: LimitFacts | undefined): Record<string, unknown> =>
  limit === undefined
    ? {}
    : {
        limit: { per: limit.per, unit: limit.unit, window: limit.window },
        limit_value: limit.limitValue,
        used: limit.used,
        reserved: limit.reserved,
        resets_at: limit.resetsAtMs === null ? null : new Date(limit.resetsAtMs).toISOString(),
      };

const moneyFields = ({
  neededNanoUsd,
  availableNanoUsd = null,
  chargedNanoUsd,
}: PublicFacts): Record<string, unknown> => ({
  ...(neededNanoUsd !== undefined && {
    needed_usd: usdFromNano(neededNanoUsd),
    available_usd: availableNanoUsd === null ? null : usdFromNano(availableNanoUsd),
  }),
  ...(chargedNanoUsd !== undefined && { charged_usd: usdFromNano(chargedNanoUsd) }),
});

/** Returns the error body of an API family, ready to be serialised. */
export function toErrorBody(family: ApiFamily, error: GatewayError): Record<string, unknown> {
  const extra = { ...limitFields(error.facts.limit), ...moneyFields(error.facts) };
  const { code, message, status, type } = error;
  switch (family) {
    case 'openai':
      return { error: { message, type, param: error.facts.param ?? null, code, ...extra } };
    case 'anthropic':
      return {
        type: 'error',
        error: { type: ANTHROPIC_TYPES[status] ?? 'api_error', message, code, ...extra },
      };
    case 'google':
      return {
        error: {
          code: status,
          message,
          status: GOOGLE_STATUSES[status] ?? 'INTERNAL',
          reason: code,
          ...extra,
        },
      };
  }
}

/** Returns the headers by which an SDK decides whether and when to retry. */
export function toErrorHeaders(error: GatewayError): Record<string, string> {
  const { retryAfterSeconds } = error.facts;
  if (error.status === 401) return { 'www-authenticate': 'Bearer' };
  if (retryAfterSeconds !== undefined) return { 'retry-after': String(retryAfterSeconds) };
  return error.status === 429 ? { 'x-should-retry': 'false' } : {};
}
