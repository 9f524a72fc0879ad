/**
 * The output of a parsed request: how many tokens it may have at most. Flow: policy > parse > **bound** > reserve.
 */
import type { RequestRules } from './request-rules.ts';

/** An answer of fewer tokens is of no use to anyone. OpenAI refuses lower caps. */
export const OUTPUT_CAP_MIN = 16;

/** Anthropic refuses smaller budgets of thinking. */
export const THINKING_BUDGET_MIN = 1_024;

export interface RequestOutput {
  /** Output cap of one choice, in tokens: the client's, else the default. Zero: the answer is no text. */
  readonly cap: number;
  /** The lowest cap that the client's work survives. */
  readonly capMin: number;
  readonly choices: number;
  /** Bytes of a predicted output: its rejected tokens are billed as output, beyond the cap. */
  readonly predictionBytes: number;
  /** Tokens of thinking, which must be fewer than the cap: the provider refuses more. Undefined: no such budget. */
  readonly thinkingBudget: number | undefined;
}

/** The parts of a parsed request whose answer is whole and no text. */
export const INPUT_ONLY = {
  isStream: false,
  output: { cap: 0, capMin: 0, choices: 0, predictionBytes: 0, thinkingBudget: undefined },
  dropped: [],
} as const;

/** The most output tokens of all choices under a cap. */
export const outputTokensMax = ({ choices, predictionBytes }: RequestOutput, cap: number): number =>
  (cap + predictionBytes) * choices;

/**
 * The output of a request.
 * @param given the client's own cap
 */
export function makeOutput(
  given: number | undefined,
  rules: RequestRules,
  more: Partial<RequestOutput> & { readonly capDefault?: number } = {},
): RequestOutput {
  const { defaultMaxOutputTokens, maxOutputTokens, isBounded } = rules;
  const { capDefault = defaultMaxOutputTokens, capMin = OUTPUT_CAP_MIN, thinkingBudget } = more;
  const wanted = given ?? capDefault;
  const cap =
    isBounded && maxOutputTokens !== undefined ? Math.min(wanted, maxOutputTokens) : wanted;
  const thinkingMin = thinkingBudget === undefined ? 0 : THINKING_BUDGET_MIN + 1;
  return {
    cap,
    capMin: Math.min(cap, Math.max(capMin, thinkingMin)),
    choices: more.choices ?? 1,
    predictionBytes: more.predictionBytes ?? 0,
    thinkingBudget,
  };
}

/** The budget of thinking under a cap: lowered with it, but as the client wrote it under the client's own cap. */
export const thinkingBudgetUnder = (
  { cap, thinkingBudget = 0 }: RequestOutput,
  sentCap: number,
): number => (sentCap < cap ? Math.min(thinkingBudget, sentCap - 1) : thinkingBudget);
