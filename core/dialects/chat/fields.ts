/**
 * The fields of a chat completion request: which a credential with a USD limit may send, and with what values.
 * Flow: policy > **fields** > price > reserve. Invariant: under a USD limit each field either costs nothing of its
 * own, or is bounded by what the hold counts; all else is refused. Without one, all fields pass.
 * https://platform.openai.com/docs/api-reference/chat/create
 */
import { isRecord } from '../../base/json.ts';
import {
  type Check,
  type FieldRefusal,
  findUnboundedMember,
  freeFields,
  isGiven,
  isShortCache,
  nameField,
  oneOf,
  SHORT_CACHE,
} from '../fields.ts';

/** Hosted tools (search, code, MCP servers) are billed by the call, beyond any token cap. */
const ownTools: Check = (value) =>
  Array.isArray(value) &&
  value.every(
    (tool) =>
      isRecord(tool) && (tool.type === 'function' || tool.type === 'custom') && isShortCache(tool),
  )
    ? undefined
    : 'a list of tools of type function or custom, cached for five minutes at most';

const textOnly: Check = (value) =>
  Array.isArray(value) && value.every((item) => item === 'text') ? undefined : '["text"]';

/** OpenRouter's switch for usage, which it always sends; nothing else of that name. */
const usageSwitch: Check = (value) =>
  isRecord(value) && Object.keys(value).every((name) => name === 'include')
    ? undefined
    : '{"include": true}';

/** Every field that a credential with a USD limit may send. */
const FIELDS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ...freeFields('model', 'messages', 'stream', 'stream_options'),
  ...freeFields('max_tokens', 'max_completion_tokens', 'n', 'prediction'),
  // Read by `chat-request.ts`.
  ...freeFields('store', 'background'),
  ['tools', ownTools],
  ['modalities', textOnly],
  ['service_tier', oneOf('auto', 'default')],
  ['usage', usageSwitch],
  // Text that becomes input: its bytes are counted with the rest of the body.
  ...freeFields(
    'functions',
    'function_call',
    'tool_choice',
    'response_format',
    'chat_template_kwargs',
  ),
  // How tokens are chosen, reported and grouped.
  ...freeFields('temperature', 'top_p', 'top_k', 'top_a', 'min_p', 'seed', 'random_seed', 'stop'),
  ...freeFields('frequency_penalty', 'presence_penalty', 'repetition_penalty', 'logit_bias'),
  ...freeFields('logprobs', 'top_logprobs', 'min_tokens', 'stop_token_ids', 'ignore_eos'),
  ...freeFields('parallel_tool_calls', 'verbosity', 'user', 'safety_identifier', 'metadata'),
  ...freeFields('prompt_cache_key', 'prompt_cache_retention'),
  // How much it thinks: thinking is output, inside the cap.
  ...freeFields('reasoning', 'reasoning_effort', 'reasoning_format', 'include_reasoning'),
  ...freeFields('thinking', 'enable_thinking'),
]);

/** The first field of a body that a USD limit does not bound. `null` is as good as absent. */

export function findUnboundedField(
  body: Readonly<Record<string, unknown>>,
): FieldRefusal | undefined {
  return findUnboundedMember(body, FIELDS) ?? findUnboundedMessage(body.messages);
}

/** Members of a message. `audio` is input by reference, so it is not among them. */
const MESSAGE_FIELDS: ReadonlySet<string> = new Set([
  ...['role', 'content', 'name', 'tool_calls', 'tool_call_id', 'function_call', 'refusal'],
  ...['reasoning', 'reasoning_content', 'reasoning_details', 'annotations', 'prefix'],
  ...['cache_control', 'id'],
]);

/** Audio, video and files are priced by rules of their own, some are references to another's data. */
const PART_TYPES: ReadonlySet<unknown> = new Set(['text', 'refusal', 'image_url', 'thinking']);

function findUnboundedMessage(messages: unknown): FieldRefusal | undefined {
  if (!Array.isArray(messages)) return undefined;
  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`;
    if (!isRecord(message)) return { param: path, allowed: 'an object' };
    for (const [name, value] of Object.entries(message)) {
      if (value !== null && !MESSAGE_FIELDS.has(name))
        return { param: `${path}.${nameField(name)}` };
    }
    if (!isShortCache(message)) return { param: `${path}.cache_control`, allowed: SHORT_CACHE };
    const refusal = findUnboundedPart(message.content, `${path}.content`);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function findUnboundedPart(content: unknown, path: string): FieldRefusal | undefined {
  if (content === undefined || content === null || typeof content === 'string') return undefined;
  if (!Array.isArray(content)) return { param: path, allowed: 'a text or a list of parts' };
  for (const [index, part] of content.entries()) {
    if (!isRecord(part) || !PART_TYPES.has(part.type)) {
      const allowed = 'one of text, image_url, refusal, thinking';
      return { param: `${path}[${index}].type`, allowed };
    }
    if (!isShortCache(part)) {
      return { param: `${path}[${index}].cache_control`, allowed: SHORT_CACHE };
    }
  }
  return undefined;
}

/** Fields that name what is stored at the provider; `prompt` is a text elsewhere, and an object where it is stored. */
const STORED_FIELDS = ['previous_response_id', 'conversation', 'cached_content', 'file_ids'];

/**
 * The first field that names something stored at the provider. All users share the gateway's account there, so an
 * id could reach another's data: only who holds a server key may name one, whatever limits apply.
 */
export function findStoredReference(body: Readonly<Record<string, unknown>>): string | undefined {
  const field = STORED_FIELDS.find((name) => isGiven(body[name]));
  if (field !== undefined) return field;
  if (isRecord(body.prompt)) return 'prompt';
  if (!Array.isArray(body.messages)) return undefined;
  for (const [index, message] of body.messages.entries()) {
    if (!isRecord(message)) continue;
    const path = `messages[${index}]`;
    if (isRecord(message.audio) && isGiven(message.audio.id)) return `${path}.audio.id`;
    if (isGiven(message.file_ids)) return `${path}.file_ids`;
    const parts = Array.isArray(message.content) ? message.content : [];
    const part = parts.findIndex((each) => isRecord(each) && namesFile(each));
    if (part >= 0) return `${path}.content[${part}].file_id`;
  }
  return undefined;
}

const namesFile = (part: Readonly<Record<string, unknown>>): boolean =>
  isGiven(part.file_id) ||
  Object.values(part).some((member) => isRecord(member) && isGiven(member.file_id));
