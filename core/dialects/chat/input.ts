/**
 * The most input tokens that a chat request can be counted as. Flow: policy > price > **bound** > reserve.
 * Invariant: never under; see `input-bound.ts`.
 */

import { isRecord, type JsonObject } from '../../base/json.ts';
import { isGiven } from '../fields.ts';
import {
  boundOf,
  type FoundInput,
  INLINE_IMAGE,
  type InputRules,
  nothingFound,
} from '../input-bound.ts';

export interface ChatInput {
  /** Undefined: there is input by reference, and nothing bounds it. */
  readonly tokens: number | undefined;
  /** The first input by reference: `messages[0].content[1].image_url`. */
  readonly reference: string | undefined;
}

/** Bounds the input of a body from what will be sent. */

export function boundChatInput(body: JsonObject, serialised: string, rules: InputRules): ChatInput {
  const found = nothingFound();
  const messages = Array.isArray(body.messages) ? body.messages : [];
  for (const [index, message] of messages.entries()) look(message, `messages[${index}]`, found);
  const tools = lengthOf(body.tools) + lengthOf(body.functions);
  const tokens = boundOf(serialised, found, { messages: messages.length, tools }, rules);
  return { tokens, reference: found.reference };
}

const lengthOf = (list: unknown): number => (Array.isArray(list) ? list.length : 0);

function look(message: unknown, path: string, found: FoundInput): void {
  const { audio, content } = Object(message);
  if (isGiven(audio)) found.reference ??= `${path}.audio`;
  for (const [index, part] of Array.isArray(content) ? content.entries() : []) {
    if (!isRecord(part)) continue;
    const here = `${path}.content[${index}]`;
    if (isOfOtherKind(part)) found.reference ??= here;
    const url = imageUrlOf(part);
    if (url === undefined) continue;
    if (typeof url === 'string' && INLINE_IMAGE.test(url)) {
      found.images += 1;
      found.imageChars += url.length;
    } else found.reference ??= `${here}.image_url`;
  }
}

/** Kinds of parts whose bytes bound their tokens, beside images. A file's pages or a video's frames may be more. */
const TEXT_KINDS: ReadonlySet<unknown> = new Set(['text', 'refusal', 'thinking', 'input_audio']);

const isOfOtherKind = ({ type }: JsonObject): boolean =>
  isGiven(type) && type !== 'image_url' && !TEXT_KINDS.has(type);

/** Both forms that are understood: `{"image_url": {"url": …}}` and Mistral's `{"image_url": …}`. */
function imageUrlOf({ type, image_url: image }: JsonObject): unknown {
  if (type !== 'image_url') return undefined;
  return isRecord(image) ? image.url : image;
}
