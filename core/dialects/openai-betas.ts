/**
 * OpenAI's betas, which a client asks for by a header: they go on with its request. Flow: **request** > reserve >
 * forward. Invariant: under a spending limit only betas that change no price.
 */
import type { RequestRules } from './request-rules.ts';

const HEADER = 'openai-beta';

/** A feature and its version. */
const BETA = /^[a-z0-9_-]{1,64}=[a-z0-9_.-]{1,64}$/;
const BETAS_MAX = 16;

/** Codex asks for its usual format by this one. */
const FREE_BETAS: ReadonlySet<string> = new Set(['responses=experimental']);

/** The header to send, if there is anything to ask for; what is no beta's name stays here. */

export function readOpenAiBetas({ headers, isCapped }: RequestRules): Record<string, string> {
  const betas = (headers.get(HEADER) ?? [])
    .flatMap((value) => value.split(','))
    .map((beta) => beta.trim())
    .filter((beta) => BETA.test(beta) && (!isCapped || FREE_BETAS.has(beta)))
    .slice(0, BETAS_MAX);
  return betas.length === 0 ? {} : { [HEADER]: betas.join(',') };
}
