/**
 * OpenAI's betas, which a client requests by a header. Flow: **request** > reserve > forward.
 * Invariant: under a spending limit only betas that change no price go on.
 */
import { listIn } from '../base/http.ts';
import type { RequestRules } from './request-rules.ts';

const HEADER = 'openai-beta';

/** A feature and its version. */
const BETA = /^[a-z0-9_-]{1,64}=[a-z0-9_.-]{1,64}$/;
const BETAS_MAX = 16;

/** Codex requests its usual dialect by this one. */
const FREE_BETAS: ReadonlySet<string> = new Set(['responses=experimental']);

/** The header to send, if any beta is left. Text that is no name of a beta is dropped. */
export function readOpenAiBetas({ headers, isCapped }: RequestRules): Record<string, string> {
  const betas = listIn(headers, HEADER)
    .filter((beta) => BETA.test(beta) && (!isCapped || FREE_BETAS.has(beta)))
    .slice(0, BETAS_MAX);
  return betas.length === 0 ? {} : { [HEADER]: betas.join(',') };
}
