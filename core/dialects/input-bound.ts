/**
 * The most input tokens a request can be counted as. Flow: policy > price > **bound** > reserve.
 * Invariant: never under. The JSON of the head and of each message is bounded as a text (bound/text-bound.ts); JSON's
 * quotes, names and escapes come on top and more than cover a chat template's own tokens a message. How far over:
 * docs/limits.md.
 */
import { textTokensMax, type Vocabulary } from './bound/text-bound.ts';
import type { CountedMessage, Repeat, RequestInput } from './request-input.ts';

/** Default system prompts and the template's frame around a conversation. */
export const REQUEST_OVERHEAD_TOKENS = 64;

/** A template's role markers; an empty message is 26 bytes of JSON already. */
const MESSAGE_OVERHEAD_TOKENS = 8;

/** The system prompt that tools bring with them: 313 to 346 with Claude, 530 with the computer tools. */
const TOOLS_OVERHEAD_TOKENS = 640;

/** Tokens of a rendered function schema beyond its JSON. */
const TOOL_OVERHEAD_TOKENS = 16;

/** The system prompt of a tool of the provider's own making: up to 735 with Anthropic's. */
const TYPED_TOOL_OVERHEAD_TOKENS = 1_024;

export interface BoundRules {
  /** The provider's most tokens for one image sent in the request itself. */
  readonly imageTokensMax: number;
  /** In tokens: bounds input that is given by reference. Undefined: not known. */
  readonly contextWindow: number | undefined;
  /** Decides how many tokens a text of this model can be. */
  readonly vocabulary: Vocabulary;
}

/**
 * The most input tokens of a request.
 * @returns undefined when there is input by reference, and nothing bounds it
 */
export function inputTokensMax(input: RequestInput, rules: BoundRules): number | undefined {
  // The provider refuses what the model cannot take, so the window bounds the whole input.
  if (input.reference !== undefined) return rules.contextWindow;
  const { head, headImages, messages, tools, repeats } = input;
  const toolTokens =
    tools.count === 0 ? 0 : TOOLS_OVERHEAD_TOKENS + tools.count * TOOL_OVERHEAD_TOKENS;
  return (
    REQUEST_OVERHEAD_TOKENS +
    textTokensMax(head, rules.vocabulary) +
    input.tokens +
    headImages.length * rules.imageTokensMax +
    toolTokens +
    tools.typed * TYPED_TOOL_OVERHEAD_TOKENS +
    sumOf(messages, (message) => messageTokensMax(message, rules)) +
    repeatTokensMax(repeats, rules)
  );
}

const repeatTokensMax = (repeats: readonly Repeat[], { vocabulary }: BoundRules): number =>
  sumOf(
    repeats,
    ({ text, times }) => times * (textTokensMax(text, vocabulary) + TOOL_OVERHEAD_TOKENS),
  );

/** The most tokens of the schemas that messages bring in. Each schema is read once, however often it is brought in. */
export function schemaTokensMax(messages: readonly CountedMessage[], rules: BoundRules): number {
  const timesOf = new Map<string, number>();
  for (const { schemas = [] } of messages) {
    for (const text of schemas) timesOf.set(text, (timesOf.get(text) ?? 0) + 1);
  }
  const repeats = [...timesOf].map(([text, times]) => ({ text, times }));
  return repeatTokensMax(repeats, rules);
}

/** The most input tokens of one message. */
export const messageTokensMax = (
  { text, images }: CountedMessage,
  { imageTokensMax, vocabulary }: BoundRules,
): number =>
  MESSAGE_OVERHEAD_TOKENS + textTokensMax(text, vocabulary) + images.length * imageTokensMax;

const sumOf = <T>(items: readonly T[], tokensOf: (item: T) => number): number =>
  items.reduce((sum, item) => sum + tokensOf(item), 0);
