/**
 * The fields of an Anthropic message request: which a credential with a USD limit may send, and with what values.
 * Flow: policy > **fields** > price > reserve. Invariant: under a USD limit each field either costs nothing of its
 * own, or is bounded by what the hold counts; all else is refused. Without one, all fields pass.
 * https://docs.anthropic.com/en/api/messages
 */
import { isRecord, type JsonObject } from '../../base/json.ts';
import {
  type Check,
  type FieldRefusal,
  findUnboundedMember,
  freeFields,
  isGiven,
  isShortCache,
  oneOf,
  SHORT_CACHE,
} from '../fields.ts';

/** Tools that the client runs; those that Anthropic runs are billed by the call, beyond any token cap. */
const CLIENT_TOOL = /^(custom|(bash|text_editor|computer|memory)_\d{8})$/;

/** Whether the client runs a tool, of its own making or of Anthropic's. */
const isClientTool = (tool: unknown): boolean =>
  isRecord(tool) &&
  (!isGiven(tool.type) || (typeof tool.type === 'string' && CLIENT_TOOL.test(tool.type))) &&
  isShortCache(tool);

const clientTools: Check = (value) =>
  Array.isArray(value) && value.every(isClientTool)
    ? undefined
    : 'a list of tools that the client runs, cached for five minutes at most';

/** Clearing makes the input smaller; a summary is output that the cap does not bound. */
const clearing: Check = (value) =>
  isRecord(value) &&
  (!isGiven(value.edits) ||
    (Array.isArray(value.edits) &&
      value.edits.every(
        (edit) => isRecord(edit) && typeof edit.type === 'string' && edit.type.startsWith('clear_'),
      )))
    ? undefined
    : 'edits that clear';

const shortCache: Check = (value) =>
  isShortCache({ cache_control: value }) ? undefined : SHORT_CACHE;

/** Every field that a credential with a USD limit may send. */
const FIELDS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ...freeFields('model', 'messages', 'system', 'max_tokens', 'stream'),
  ['tools', clientTools],
  ['service_tier', oneOf('auto', 'standard_only')],
  // Both change the price of every token.
  ['speed', oneOf('standard')],
  ['inference_geo', oneOf('global')],
  ['context_management', clearing],
  ['cache_control', shortCache],
  ...freeFields('temperature', 'top_p', 'top_k', 'stop_sequences', 'metadata', 'tool_choice'),
  // How much it thinks and in which form it answers: output, inside the cap.
  ...freeFields('thinking', 'output_config', 'output_format'),
]);

/** What a part may be. A document's pages are bounded by the context window; see `messages-input.ts`. */
const PART_TYPES: ReadonlySet<unknown> = new Set([
  ...['text', 'image', 'document', 'tool_use', 'tool_result', 'search_result'],
  ...['thinking', 'redacted_thinking', 'tool_reference'],
]);

/** The first field of a body that a USD limit does not bound. `null` is as good as absent. */

export function findUnboundedField(body: JsonObject): FieldRefusal | undefined {
  return (
    findUnboundedMember(body, FIELDS) ??
    findUnboundedPart(body.system, 'system') ??
    findUnboundedMessage(body.messages)
  );
}

function findUnboundedMessage(messages: unknown): FieldRefusal | undefined {
  for (const [index, message] of Array.isArray(messages) ? messages.entries() : []) {
    const path = `messages[${index}]`;
    if (!isRecord(message)) return { param: path, allowed: 'an object' };
    const refusal = findUnboundedPart(message.content, `${path}.content`);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** Parts nest: a tool's result and a document hold parts again. The body's depth is bounded where it is read. */
function findUnboundedPart(content: unknown, path: string): FieldRefusal | undefined {
  if (!Array.isArray(content)) return undefined;
  for (const [index, part] of content.entries()) {
    const here = `${path}[${index}]`;
    if (!isRecord(part) || !PART_TYPES.has(part.type)) {
      return { param: `${here}.type`, allowed: `one of ${[...PART_TYPES].join(', ')}` };
    }
    if (!isShortCache(part)) return { param: `${here}.cache_control`, allowed: SHORT_CACHE };
    const nested = isRecord(part.source) ? part.source.content : undefined;
    const refusal =
      findUnboundedPart(part.content, `${here}.content`) ??
      findUnboundedPart(nested, `${here}.source.content`);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}
