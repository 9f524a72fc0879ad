/**
 * The input of a chat completion request, as the bounds count it. Flow: policy > parse > **bound** > reserve.
 */
import { isRecord } from '../../base/json.ts';
import { countInput, headOf, type MessageParts, type RequestInput } from '../request-input.ts';
import type { ChatRequest } from './shape.ts';

/** Members that never become input. Tools, schemas and settings of thinking do. */
const UNCOUNTED: ReadonlySet<string> = new Set([
  ...['model', 'messages', 'max_tokens', 'max_completion_tokens', 'n', 'stream', 'stream_options'],
  ...['store', 'background', 'modalities', 'service_tier', 'usage', 'metadata', 'user'],
  ...['safety_identifier', 'prompt_cache_key', 'prompt_cache_retention', 'prompt_cache_options'],
  ...['temperature', 'top_p', 'top_k', 'top_a', 'min_p', 'min_tokens', 'seed', 'random_seed'],
  ...['frequency_penalty', 'presence_penalty', 'repetition_penalty', 'logit_bias', 'logprobs'],
  ...['top_logprobs', 'ignore_eos', 'stop', 'stop_token_ids'],
]);

type Message = ChatRequest['messages'][number];

/** Counts the input of a request. */
export function countChat(request: ChatRequest): RequestInput {
  const { messages, tools, functions, response_format: format } = request;
  const lists = [tools, functions].map((list) => (Array.isArray(list) ? list.length : 0));
  // The provider explains a schema of the answer to the model as it explains tools.
  const hasSchema = isRecord(format) && format.type !== 'text';
  const count = lists.reduce((sum, length) => sum + length, hasSchema ? 1 : 0);
  return countInput({
    head: headOf(request, UNCOUNTED),
    messages: messages.map(toParts),
    listName: 'messages',
    tools: { count, typed: 0 },
  });
}

/** A message of an open request may be anything. */
const toParts = (message: Message): MessageParts => ({
  message,
  endsInToolResult: message?.role === 'tool' || message?.role === 'function',
  hasHiddenReasoning: message?.role === 'assistant' && hasReasoning(message),
});

function hasReasoning(message: Message): boolean {
  const { reasoning, reasoning_content, reasoning_details, content, tool_calls } = message;
  return (
    [reasoning, reasoning_content, reasoning_details].some((given) => Boolean(given)) ||
    (Array.isArray(content) && content.some((part) => part?.type === 'thinking')) ||
    (Array.isArray(tool_calls) && tool_calls.some((call) => Boolean(call?.extra_content)))
  );
}
