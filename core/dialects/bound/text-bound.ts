/**
 * The most tokens that a text can be, without its vocabulary. Flow: policy > price > **bound** > reserve.
 *
 * 1. `vocabularyOf` picks the rule by the name of the model;
 * 2. `textTokensMax` applies it to a text, or to the JSON of a request: that bound holds for the texts in it too.
 *
 * Guarantees: never under what the tokenizers of test/fixtures/tokens/ count; the time is linear in the text.
 */
import type { DialectName } from '../../providers/endpoints.ts';
import { claudeTokensMax } from './claude-runs.ts';
import { utf8BytesMax } from './utf8-bytes.ts';

/**
 * `bytes`: a token is at least one byte of the text, as with every byte-level or byte-fallback vocabulary but Claude's.
 * `claude`: Claude's, which spends tokens on borders of words and on capitals. `either`: the larger of the two.
 */
export type Vocabulary = 'bytes' | 'claude' | 'either';

const NAMES_CLAUDE = /claude|anthropic/i;

/** Claude's names without its family's, ARNs of inference profiles, and OpenRouter's own choosers of a model. */
const MAY_BE_CLAUDE = /opus|sonnet|haiku|fable|^arn:|^openrouter\/|^(?:auto|default)$/i;

/**
 * The vocabulary of a model.
 * @param model the provider's own id; any that contains `claude` or `anthropic` is Claude, whoever serves it
 * @param dialect the wire format of the request: a model of another name behind Anthropic's own may be Claude
 * @returns `bytes` for an unknown name, `either` where the name hides the model
 */
export function vocabularyOf(model: string, dialect: DialectName): Vocabulary {
  if (NAMES_CLAUDE.test(model)) return 'claude';
  return dialect === 'messages' || MAY_BE_CLAUDE.test(model) ? 'either' : 'bytes';
}

/**
 * The most tokens of a text, or of the texts in a JSON document.
 * Does NOT count what a request adds around its texts: a message's frame, tools, images.
 */
export function textTokensMax(text: string, vocabulary: Vocabulary): number {
  if (vocabulary === 'bytes') return utf8BytesMax(text);
  const claude = claudeTokensMax(text);
  return vocabulary === 'claude' ? claude : Math.max(claude, utf8BytesMax(text));
}
