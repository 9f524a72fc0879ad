/**
 * The most input tokens that an Anthropic message request can be counted as, and what of it is not in it.
 * Flow: policy > price > **bound** > reserve. Invariant: never under; see `input-bound.ts`, whose reasons hold here.
 */

import { isRecord, type JsonObject } from '../../base/json.ts';
import { isGiven } from '../fields.ts';
import { boundOf, type FoundInput, type InputRules, nothingFound } from '../input-bound.ts';

/** The system prompt of a tool of Anthropic's making: up to 735. */
const TYPED_TOOL_OVERHEAD_TOKENS = 1_024;

export interface MessagesInput {
  /** Undefined: nothing bounds it. */
  readonly tokens: number | undefined;
  readonly reference: string | undefined;
  readonly stored: string | undefined;
}

export function boundMessagesInput(
  body: JsonObject,
  serialised: string,
  rules: InputRules,
): MessagesInput {
  const found = nothingFound();
  look(body.system, 'system', found);
  const messages = Array.isArray(body.messages) ? body.messages : [];
  for (const [index, message] of messages.entries()) {
    look(Object(message).content, `messages[${index}].content`, found);
  }
  if (isGiven(body.container)) found.stored ??= 'container';
  const tools = Array.isArray(body.tools) ? body.tools : [];
  const typed = tools.filter((tool) => isGiven(Object(tool).type)).length;
  const parts = { messages: messages.length, tools: tools.length };
  const tokens = boundOf(serialised, found, parts, rules);
  return {
    tokens:
      tokens === undefined || found.reference !== undefined
        ? tokens
        : tokens + typed * TYPED_TOOL_OVERHEAD_TOKENS,
    reference: found.reference,
    stored: found.stored,
  };
}

const BASE64 = /^[A-Za-z0-9+/_=-]*$/;

function look(content: unknown, path: string, found: FoundInput): void {
  if (!Array.isArray(content)) return;
  for (const [index, part] of content.entries()) {
    if (!isRecord(part)) continue;
    const here = `${path}[${index}]`;
    look(part.content, `${here}.content`, found);
    if (isGiven(part.file_id)) found.stored ??= `${here}.file_id`;
    if (part.type === 'image' || part.type === 'document') lookAtSource(part, here, found);
  }
}

function lookAtSource({ type, source }: JsonObject, path: string, found: FoundInput): void {
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
