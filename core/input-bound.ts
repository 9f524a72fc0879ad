/**
 * The most input tokens a chat request can be counted as. Flow: policy > price > **bound** > reserve.
 * Invariant: never under. A token of any byte-level or byte-fallback tokenizer stands for at least one byte, so
 * UTF-8 bytes bound tokens; JSON's quotes, names and escapes come on top and more than cover a chat template's own
 * tokens a message. Some tokenizers first bring text into Unicode's form NFKC, in which a few characters grow to many
 * times their size, so the longer of the two counts. How far over: docs/limits.md.
 */

import { isGiven } from './dialects/fields.ts';

/** Default system prompts and the template's frame around a conversation. */
const REQUEST_OVERHEAD_TOKENS = 64;
/** A template's role markers; an empty message is 26 bytes of JSON already. */
const MESSAGE_OVERHEAD_TOKENS = 8;
/** The system prompt that tools bring with them: 313 to 346 with Claude, 530 with the computer tools. */
const TOOLS_OVERHEAD_TOKENS = 640;
/** What a rendered function schema has beyond its JSON. */
const TOOL_OVERHEAD_TOKENS = 16;

export interface BoundedBody {
  /** The body that will be sent, parsed. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The same as it will be sent. */
  readonly serialised: string;
}

export interface InputRules {
  /** The provider's most tokens for one image sent as a `data:` URL. */
  readonly imageTokensMax: number;
  /** In tokens: bounds input that is given by reference. Undefined: not known. */
  readonly contextWindow: number | undefined;
}

export interface InputBound {
  /** Undefined: there is input by reference, and nothing bounds it. */
  readonly tokens: number | undefined;
  /** The first input by reference: `messages[0].content[1].image_url`. */
  readonly reference?: string;
}

/** Bounds the input of a body from what will be sent. */
export function boundInput(
  { body, serialised }: BoundedBody,
  { imageTokensMax, contextWindow }: InputRules,
): InputBound {
  const images = findImages(body.messages);
  const textBytes = utf8BytesMax(serialised) - images.dataUrlChars;
  const tokens =
    textBytes +
    images.inlineCount * imageTokensMax +
    REQUEST_OVERHEAD_TOKENS +
    lengthOf(body.messages) * MESSAGE_OVERHEAD_TOKENS +
    overheadOfTools(body.tools) +
    overheadOfTools(body.functions);
  if (images.reference === undefined) return { tokens };
  // What the model cannot take, the provider refuses: so the window bounds the whole input.
  return { tokens: contextWindow, reference: images.reference };
}

/** The bytes a tokenizer may see. What is all ASCII is the same in every form. */
export function utf8BytesMax(text: string): number {
  const bytes = Buffer.byteLength(text);
  return bytes === text.length ? bytes : Math.max(bytes, Buffer.byteLength(text.normalize('NFKC')));
}

const lengthOf = (list: unknown): number => (Array.isArray(list) ? list.length : 0);

const overheadOfTools = (list: unknown): number =>
  lengthOf(list) === 0 ? 0 : TOOLS_OVERHEAD_TOKENS + lengthOf(list) * TOOL_OVERHEAD_TOKENS;

interface Images {
  readonly inlineCount: number;
  /** Characters, and so bytes, of the base64 texts that become pixels and not text. */
  readonly dataUrlChars: number;
  readonly reference?: string;
}

/** Only this form is sure to be plain ASCII without an escape in JSON, and an image. */
const INLINE_IMAGE = /^data:image\/[a-z0-9.+-]{1,32};base64,[A-Za-z0-9+/_=-]*$/;

function findImages(messages: unknown): Images {
  let inlineCount = 0;
  let dataUrlChars = 0;
  if (!Array.isArray(messages)) return { inlineCount, dataUrlChars };
  for (const [index, message] of messages.entries()) {
    if (isGiven(message?.audio)) {
      return { inlineCount, dataUrlChars, reference: `messages[${index}].audio` };
    }
    const content: unknown = message?.content;
    if (!Array.isArray(content)) continue;
    for (const [part, value] of content.entries()) {
      if (isOfOtherKind(value)) {
        return { inlineCount, dataUrlChars, reference: `messages[${index}].content[${part}]` };
      }
      const url = imageUrlOf(value);
      if (url === undefined) continue;
      if (typeof url !== 'string' || !INLINE_IMAGE.test(url)) {
        const reference = `messages[${index}].content[${part}].image_url`;
        return { inlineCount, dataUrlChars, reference };
      }
      inlineCount += 1;
      dataUrlChars += url.length;
    }
  }
  return { inlineCount, dataUrlChars };
}

/** Kinds of parts whose bytes bound their tokens, beside images. A file's pages or a video's frames may be more. */
const TEXT_KINDS: ReadonlySet<unknown> = new Set(['text', 'refusal', 'thinking', 'input_audio']);

function isOfOtherKind(part: unknown): boolean {
  const { type } = (part ?? {}) as { type?: unknown };
  return isGiven(type) && type !== 'image_url' && !TEXT_KINDS.has(type);
}

/** Both forms that are understood: `{"image_url": {"url": …}}` and Mistral's `{"image_url": …}`. */
function imageUrlOf(part: unknown): unknown {
  const { type, image_url: image } = (part ?? {}) as { type?: unknown; image_url?: unknown };
  if (type !== 'image_url') return undefined;
  return typeof image === 'object' && image !== null ? (image as { url?: unknown }).url : image;
}
