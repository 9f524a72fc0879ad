/**
 * Tokens of one request by kind, the same for every provider.
 */

/** Token counts. `input` includes cached tokens and cache writes, `output` includes reasoning. */
export interface TokenUsage {
  readonly input: number;
  readonly cachedInput: number;
  readonly cacheWrite: number;
  readonly output: number;
  readonly reasoning: number;
}

/** The usage of a request that nobody metered. */
export const NO_TOKENS: TokenUsage = {
  input: 0,
  cachedInput: 0,
  cacheWrite: 0,
  output: 0,
  reasoning: 0,
};
