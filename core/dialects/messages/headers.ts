/**
 * The version and the betas of a message request, which a client requests by headers. Flow: **parse** > reserve >
 * forward. Invariant: under a limit no beta that changes the price, the model or the window goes on.
 */
import { listIn } from '../../base/http.ts';
import type { RequestRules } from '../request-rules.ts';

const DEFAULT_VERSION = '2023-06-01';

/** A beta's name and its date. */
const BETA = /^([a-z0-9-]{1,64}?)-(?:\d{8}|\d{4}-\d{2}-\d{2})$/;
const BETAS_MAX = 32;

/** Betas of other prices, of other models, of tools that Anthropic runs, and of data stored there. */
const BARRED_BETA =
  /^(?:fast-mode|code-execution|mcp-|files-api|skills|server-side-fallback|fallback-credit|compact|advisor-tool|managed-agents|message-threads|user-profiles)/;

/** It widens the window to a million tokens, and doubles the price of long prompts. */
const WIDE_WINDOW_BETA = /^context-1m/;
const WIDE_WINDOW_TOKENS = 1_000_000;

/** The client's version and the betas that go on. */
export function messagesHeaders(rules: RequestRules): Record<string, string> {
  const version = rules.headers.get('anthropic-version')?.[0] ?? '';
  const betas = listIn(rules.headers, 'anthropic-beta')
    .filter((beta) => BETA.test(beta))
    .slice(0, BETAS_MAX)
    .filter((beta) => !rules.isBounded || isFree(beta, rules));
  return {
    'anthropic-version': /^\d{4}-\d{2}-\d{2}$/.test(version) ? version : DEFAULT_VERSION,
    ...(betas.length > 0 && { 'anthropic-beta': betas.join(',') }),
  };
}

const isFree = (beta: string, { contextWindow = 0 }: RequestRules): boolean =>
  !BARRED_BETA.test(beta) && (!WIDE_WINDOW_BETA.test(beta) || contextWindow >= WIDE_WINDOW_TOKENS);
