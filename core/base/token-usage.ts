/**
 * Tokens of one request by kind, as every provider's answer is read.
 */

/** Tokens by kind. `input` is all input with cached ones, `output` all output with reasoning. */
export interface TokenUsage {
  readonly input: number;
  readonly cachedInput: number;
  readonly cacheWrite: number;
  readonly output: number;
  readonly reasoning: number;
}
