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
  const { code, message } = error;
  const type = error.types[family];
  switch (family) {
    case 'openai':
      return { error: { message, type, param: error.facts.param ?? null, code, ...extra } };
    case 'anthropic':
      return { type: 'error', error: { type, message, code, ...extra } };
    case 'google':
      return { error: { code: error.status, message, status: type, reason: code, ...extra } };
  }
}

/** Returns the headers by which an SDK decides whether and when to retry. */
export function toErrorHeaders(error: GatewayError): Record<string, string> {
  const { retryAfterSeconds } = error.facts;
  if (error.status === 401) return { 'www-authenticate': 'Bearer' };
  if (retryAfterSeconds !== undefined) return { 'retry-after': String(retryAfterSeconds) };
  return error.status === 429 ? { 'x-should-retry': 'false' } : {};
}
