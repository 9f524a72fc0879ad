/**
 * The input of an Anthropic message request, as the bounds count it. Flow: policy > parse > **bound** > reserve.
 */
import { isRecord } from '../../base/json.ts';
import { countJson } from '../leaves.ts';
import {
  countInput,
  headOf,
  type MessageParts,
  type Repeat,
  type RequestInput,
} from '../request-input.ts';
import { isHostedTool, type MessagesRequest } from './shape.ts';

/** Members that never become input. */
const UNCOUNTED: ReadonlySet<string> = new Set([
  ...['model', 'messages', 'max_tokens', 'stream', 'temperature', 'top_p', 'top_k'],
  ...['stop_sequences', 'metadata', 'service_tier', 'speed', 'inference_geo'],
]);

type Message = MessagesRequest['messages'][number];
type Part = Exclude<Message['content'], string>[number];
type Tool = NonNullable<MessagesRequest['tools']>[number];

/**
 * Counts the input of a request.
 * @param betas that go on: some change how a prompt is rendered
 */
export function countMessages(request: MessagesRequest, betas: string | undefined): RequestInput {
  const { messages } = request;
  const tools = Array.isArray(request.tools) ? request.tools : [];
  const schemas = schemasOf(tools, messages);
  const types = tools.map((tool) => Object(tool).type ?? 'custom');
  // The provider explains a schema of the answer to the model as it explains tools.
  const formats = request.output_config?.format ?? request.output_format;
  return countInput({
    head: { ...headOf(request, UNCOUNTED), ...(betas !== undefined && { betas }) },
    messages: messages.map((message) => toParts(message, schemas)),
    listName: 'messages',
    tools: {
      count: tools.length + (formats ? 1 : 0),
      typed: types.filter((type) => type !== 'custom').length,
    },
    repeats: repeatsOf(tools, messages, schemas),
    hasHostedTools: types.some((type) => isHostedTool(String(type))),
  });
}

/** A message of an open request may be anything. */
const partsOf = (message: Message): readonly Part[] =>
  Array.isArray(message?.content) ? (message.content.filter(isRecord) as readonly Part[]) : [];

/**
 * A text alone is a list of one part. Claude Code sends a message as a list with a cache mark first, and then as a text:
 * both have to be one prefix.
 */
const withParts = (message: Message): object =>
  typeof message?.content === 'string'
    ? { ...message, content: [{ type: 'text', text: message.content }] }
    : message;

function toParts(message: Message, schemasByName: ReadonlyMap<unknown, string>): MessageParts {
  const parts = partsOf(message);
  const schemas = referencesIn([message]).flatMap((name) => schemasByName.get(name) ?? []);
  return {
    message: withParts(message),
    endsInToolResult: parts.at(-1)?.type === 'tool_result',
    hasHiddenReasoning: parts.some(({ type }) => /^(?:redacted_)?thinking$/.test(type)),
    ...(schemas.length > 0 && { schemas }),
  };
}

/** The names of the tools whose schemas the messages bring in. */
const referencesIn = (messages: readonly Message[]): readonly unknown[] =>
  messages
    .flatMap(partsOf)
    .flatMap((part) =>
      part.type === 'tool_result' && Array.isArray(part.content) ? part.content : [],
    )
    .flatMap((inner) => (inner?.type === 'tool_reference' ? [inner.tool_name] : []));

/** The schemas of the tools that the messages bring in. Tools of one name, which the provider refuses, count together. */
function schemasOf(
  tools: readonly Tool[],
  messages: readonly Message[],
): ReadonlyMap<unknown, string> {
  const names = new Set(referencesIn(messages));
  const schemas = new Map<unknown, string>();
  for (const tool of tools) {
    const { name } = Object(tool);
    if (names.has(name)) schemas.set(name, (schemas.get(name) ?? '') + countJson(tool).text);
  }
  return schemas;
}

/** A reference to a tool brings in its schema. The first one to a deferred tool is the schema that the head counts. */
function repeatsOf(
  tools: readonly Tool[],
  messages: readonly Message[],
  schemas: ReadonlyMap<unknown, string>,
): readonly Repeat[] {
  const times = new Map<unknown, number>();
  for (const name of referencesIn(messages)) times.set(name, (times.get(name) ?? 0) + 1);
  return tools.flatMap((tool) => {
    const more = (times.get(Object(tool).name) ?? 0) - (Object(tool).defer_loading ? 1 : 0);
    return more > 0 ? [{ text: schemas.get(Object(tool).name) ?? '', times: more }] : [];
  });
}
