/**
 * The most input tokens that an Anthropic message request can be counted as, and what of it is not in it.
 * Flow: policy > price > **bound** > reserve. Invariant: never under; see `input-bound.ts`, whose reasons hold here.
 */
import { utf8BytesMax } from '../input-bound.ts';
import type { JsonObject } from '../request-body.ts';
import { isGiven, isRecord } from './fields.ts';

/** Default system prompts and the template's frame around a conversation. */
const REQUEST_OVERHEAD_TOKENS = 64;
const MESSAGE_OVERHEAD_TOKENS = 8;
/** The system prompt that tools bring with them: 313 to 530, and up to 735 for a tool of Anthropic's making. */
const TOOLS_OVERHEAD_TOKENS = 640;
const TOOL_OVERHEAD_TOKENS = 16;
const TYPED_TOOL_OVERHEAD_TOKENS = 1_024;

interface Found {
  images: number;
  /** Characters, and so bytes, of base64 texts that become pixels and not text. */
  imageChars: number;
  /** The first input whose size its bytes do not bound: a URL, a file, the pages of a document. */
  reference: string | undefined;
  /** The first part that names what is stored at the provider. */
  stored: string | undefined;
}

export interface MessagesInput {
  /** Undefined: nothing bounds it. */
  readonly tokens: number | undefined;
  readonly reference: string | undefined;
  readonly stored: string | undefined;
}

export function boundMessagesInput(
  body: JsonObject,
  serialised: string,
  rules: { readonly imageTokensMax: number; readonly contextWindow: number | undefined },
): MessagesInput {
  const found: Found = { images: 0, imageChars: 0, reference: undefined, stored: undefined };
  look(body.system, 'system', found);
  const messages = Array.isArray(body.messages) ? body.messages : [];
  for (const [index, message] of messages.entries()) {
    if (isRecord(message)) look(message.content, `messages[${index}].content`, found);
  }
  if (isGiven(body.container)) found.stored ??= 'container';
  const tokens =
    utf8BytesMax(serialised) -
    found.imageChars +
    found.images * rules.imageTokensMax +
    REQUEST_OVERHEAD_TOKENS +
    messages.length * MESSAGE_OVERHEAD_TOKENS +
    overheadOf(body.tools);
  const { reference, stored } = found;
  // What the model cannot take, the provider refuses: so the window bounds the whole input.
  return { tokens: reference === undefined ? tokens : rules.contextWindow, reference, stored };
}

function overheadOf(tools: unknown): number {
  if (!Array.isArray(tools) || tools.length === 0) return 0;
  const typed = tools.filter((tool) => isRecord(tool) && isGiven(tool.type)).length;
  return (
    TOOLS_OVERHEAD_TOKENS + tools.length * TOOL_OVERHEAD_TOKENS + typed * TYPED_TOOL_OVERHEAD_TOKENS
  );
}

const BASE64 = /^[A-Za-z0-9+/_=-]*$/;

function look(content: unknown, path: string, found: Found): void {
  if (!Array.isArray(content)) return;
  for (const [index, part] of content.entries()) {
    if (!isRecord(part)) continue;
    const here = `${path}[${index}]`;
    look(part.content, `${here}.content`, found);
    if (isGiven(part.file_id)) found.stored ??= `${here}.file_id`;
    if (part.type === 'image' || part.type === 'document') lookAtSource(part, here, found);
  }
}

function lookAtSource({ type, source }: JsonObject, path: string, found: Found): void {
  if (!isRecord(source)) return;
  if (isGiven(source.file_id) || source.type === 'file') found.stored ??= `${path}.source`;
  if (type === 'image' && source.type === 'base64' && typeof source.data === 'string') {
    if (BASE64.test(source.data)) {
      found.images += 1;
      found.imageChars += source.data.length;
      return;
    }
  }
  if (type === 'document' && source.type === 'text') return;
  if (type === 'document' && source.type === 'content') {
    look(source.content, `${path}.source.content`, found);
    return;
  }
  found.reference ??= `${path}.source`;
}
