/**
 * The input of a response request, as the bounds count it. Flow: policy > parse > **bound** > reserve.
 */
import { countInput, headOf, type MessageParts, type RequestInput } from '../request-input.ts';
import type { ResponsesRequest } from './shape.ts';
import { factsOf } from './tools.ts';

/** Members that never become input. */
const UNCOUNTED: ReadonlySet<string> = new Set([
  ...['model', 'input', 'max_output_tokens', 'max_tool_calls', 'temperature', 'top_p'],
  ...['top_logprobs', 'stream', 'store', 'background', 'stream_options', 'truncation'],
  ...['service_tier', 'user', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention'],
  ...['prompt_cache_options', 'metadata', 'client_metadata', 'access_programs', 'include'],
]);

export type InputItem = Exclude<NonNullable<ResponsesRequest['input']>, string>[number];

/** Counts the input of a request. */
export function countResponses(request: ResponsesRequest): RequestInput {
  const { input, tools, text } = request;
  const items = itemsOf(input);
  const facts = [tools, ...items.map(toolsIn)].map(factsOf);
  // The provider explains a schema of the answer to the model as it explains tools.
  const hasSchema = text?.format?.type === 'json_schema';
  return countInput({
    head: headOf(request, UNCOUNTED),
    messages: items.map(toParts),
    listName: 'input',
    tools: {
      count: facts.reduce((sum, { count }) => sum + count, hasSchema ? 1 : 0),
      typed: facts.reduce((sum, { typed }) => sum + typed, 0),
    },
    hasHostedTools: facts.some(({ hasHosted }) => hasHosted),
    hasDeferredTools: facts.some(({ hasDeferred }) => hasDeferred),
  });
}

/** The items of an input. A text alone is one message of the user. */
const itemsOf = (input: ResponsesRequest['input']): readonly InputItem[] => {
  if (typeof input === 'string') return [{ type: 'message', role: 'user', content: input }];
  return Array.isArray(input) ? input : [];
};

const toolsIn = (item: InputItem) =>
  item?.type === 'tool_search_output' || item?.type === 'additional_tools' ? item.tools : [];

/** An item of an open request may be anything. */
function toParts(item: InputItem): MessageParts {
  const type = String(item?.type);
  return {
    message: item,
    endsInToolResult: type.endsWith('_output'),
    hasHiddenReasoning: /^(?:reasoning|compaction)/.test(type),
  };
}
