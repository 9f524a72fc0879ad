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
