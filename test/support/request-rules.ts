import { GatewayError } from '../../core/base/errors.ts';
import type { Dialect } from '../../core/dialects/dialect.ts';
import type { RequestRules } from '../../core/dialects/request-rules.ts';
import { GENERIC_ROW } from '../../core/providers/known.ts';

/** Rules of a request to a plain provider under every kind of limit; a test says in what its own differ. */
export const REQUEST_RULES: RequestRules = {
  row: GENERIC_ROW,
  model: 'm',
  pathModel: undefined,
  isCapped: true,
  isBounded: true,
  isServerKey: false,
  defaultMaxOutputTokens: 8_192,
  contextWindow: undefined,
  maxOutputTokens: undefined,
  isStreamRoute: false,
  headers: new Map(),
};

/** The rules of a credential without a limit in USD or tokens that is no bare server key. */
export const SCOPED = { isCapped: false, isBounded: false } as const;

/** The rules of a bare server key without such a limit. */
export const OPEN = { ...SCOPED, isServerKey: true } as const;

/** The outcome of a body: `passes`, or the words of its refusal. */
export function outcomeOf(
  dialect: Dialect,
  body: object,
  rules: Partial<RequestRules> = {},
): string {
  try {
    dialect.parse({ ...body }, { ...REQUEST_RULES, ...rules });
    return 'passes';
  } catch (error) {
    if (error instanceof GatewayError) return error.message;
    throw error;
  }
}
