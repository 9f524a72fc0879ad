/**
 * The fields of OpenAI's response request: which a credential with a USD limit may send, and with what values.
 * Flow: policy > **fields** > price > reserve. Invariant: under a USD limit each field either costs nothing of its
 * own, or is bounded by what the hold counts; all else is refused. Without one, all fields pass.
 * https://platform.openai.com/docs/api-reference/responses/create
 */
import { isRecord, type JsonObject } from '../../base/json.ts';
import {
  type Check,
  type FieldRefusal,
  findUnboundedMember,
  freeFields,
  isGiven,
  oneOf,
} from '../fields.ts';

/** Hosted tools (search, files, code, MCP servers, images) are billed by the call, beyond any token cap. */
const ownTools: Check = (value) =>
  Array.isArray(value) &&
  value.every((tool) => isRecord(tool) && (tool.type === 'function' || tool.type === 'custom'))
    ? undefined
    : 'a list of tools of type function or custom';

/** What may come along with an answer: none of it brings a hosted tool with it. */
const included: Check = (value) =>
  Array.isArray(value) &&
  value.every(
    (item) =>
      item === 'reasoning.encrypted_content' ||
      item === 'message.output_text.logprobs' ||
      item === 'message.input_image.image_url',
  )
    ? undefined
    : 'reasoning.encrypted_content, message.output_text.logprobs or message.input_image.image_url';

/** Every field that a credential with a USD limit may send. */
const FIELDS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ...freeFields('model', 'input', 'instructions', 'stream', 'stream_options', 'store'),
  ...freeFields('max_output_tokens', 'background'),
  ['tools', ownTools],
  ['include', included],
  ['service_tier', oneOf('auto', 'default')],
  ['truncation', oneOf('auto', 'disabled')],
  // Text that becomes input, and how tokens are chosen, thought over, reported and grouped.
  ...freeFields('text', 'tool_choice', 'parallel_tool_calls', 'reasoning', 'temperature', 'top_p'),
  ...freeFields('top_logprobs', 'metadata', 'user', 'safety_identifier', 'prompt_cache_key'),
  ...freeFields('prompt_cache_retention', 'max_tool_calls'),
]);

/** What an item of the input may be: messages, and calls of the client's own tools with what came of them. */
const ITEM_TYPES: ReadonlySet<unknown> = new Set([
  ...['message', 'function_call', 'function_call_output', 'custom_tool_call'],
  ...['custom_tool_call_output', 'reasoning'],
]);
const PART_TYPES: ReadonlySet<unknown> = new Set([
  ...['input_text', 'output_text', 'input_image', 'refusal', 'summary_text', 'reasoning_text'],
]);

/** The first field of a body that a USD limit does not bound. `null` is as good as absent. */

export function findUnboundedField(body: JsonObject): FieldRefusal | undefined {
  return findUnboundedMember(body, FIELDS) ?? findUnboundedItem(body.input);
}

function findUnboundedItem(input: unknown): FieldRefusal | undefined {
  for (const [index, item] of Array.isArray(input) ? input.entries() : []) {
    const path = `input[${index}]`;
    if (!isRecord(item)) return { param: path, allowed: 'an object' };
    if (isGiven(item.type) && !ITEM_TYPES.has(item.type)) {
      return { param: `${path}.type`, allowed: `one of ${[...ITEM_TYPES].join(', ')}` };
    }
    const refusal =
      findUnboundedPart(item.content, `${path}.content`) ??
      findUnboundedPart(item.output, `${path}.output`);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function findUnboundedPart(content: unknown, path: string): FieldRefusal | undefined {
  for (const [index, part] of Array.isArray(content) ? content.entries() : []) {
    if (isRecord(part) && PART_TYPES.has(part.type)) continue;
    return {
      param: `${path}[${index}].type`,
      allowed: `one of ${[...PART_TYPES].join(', ')}`,
    };
  }
  return undefined;
}

/**
 * The first field that names something stored at the provider. All users share the gateway's account there, so an id
 * could reach another's data: only who holds a server key may name one.
 */
export function findStoredReference(body: JsonObject): string | undefined {
  const field = ['previous_response_id', 'conversation', 'prompt'].find((name) =>
    isGiven(body[name]),
  );
  if (field !== undefined) return field;
  for (const [index, item] of Array.isArray(body.input) ? body.input.entries() : []) {
    if (!isRecord(item)) continue;
    if (item.type === 'item_reference') return `input[${index}].id`;
    for (const parts of [item.content, item.output]) {
      const at = Array.isArray(parts)
        ? parts.findIndex((part) => isRecord(part) && isGiven(part.file_id))
        : -1;
      if (at >= 0) return `input[${index}].content[${at}].file_id`;
    }
  }
  return undefined;
}
