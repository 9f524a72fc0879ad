/**
 * A chat completion request as OpenAI's count route reads it, which knows responses alone.
 * Flow: reserve refused > **count** > reserve. Invariant: only text and function tools are turned, which count alike.
 */
import type { JsonObject } from '../../base/json.ts';
import type { ChatRequest } from './shape.ts';

type Message = ChatRequest['messages'][number];
type Tool = NonNullable<ChatRequest['tools']>[number];

/** The body for `POST /v1/responses/input_tokens`; undefined: something in the request has no counterpart there. */
export function toInputTokensBody(request: ChatRequest, model: string): string | undefined {
  const items = allOf(request.messages.map(toItems));
  const tools = allOf((request.tools ?? []).map(toTool));
  const format = request.response_format;
  if (items === undefined || tools === undefined || request.functions || request.prediction) {
    return undefined;
  }
  if (format && format.type !== 'json_schema') return undefined;
  const text = format && { format: { type: 'json_schema', ...(format.json_schema as object) } };
  const effort = request.reasoning_effort;
  return JSON.stringify({
    model,
    input: items.flat(),
    ...(tools.length > 0 && { tools }),
    ...(text && { text }),
    ...(effort && { reasoning: { effort } }),
  });
}

const allOf = <T>(items: readonly (T | undefined)[]): readonly T[] | undefined => {
  const given = items.filter((item) => item !== undefined);
  return given.length === items.length ? given : undefined;
};

function toItems(message: Message): readonly JsonObject[] | undefined {
  const { role, content, tool_calls: calls, name, function_call: call, refusal } = message;
  if (name || call || refusal || message.reasoning_content || message.reasoning_details) {
    return undefined;
  }
  const said = textOf(content);
  if (said === undefined) return undefined;
  switch (role) {
    case 'system':
    case 'developer':
    case 'user':
      return [{ type: 'message', role, content: said }];
    case 'tool':
      return [{ type: 'function_call_output', call_id: message.tool_call_id, output: said }];
    case 'assistant': {
      const items = allOf((calls ?? []).map(toCallItem));
      return (
        items && [...(said === '' ? [] : [{ type: 'message', role, content: said }]), ...items]
      );
    }
    default:
      return undefined;
  }
}

/** The text of a content; undefined: it holds something else. */
function textOf(content: Message['content']): string | undefined {
  if (typeof content === 'string') return content;
  const parts = (content ?? []).map((part) => (part.type === 'text' ? part.text : undefined));
  return allOf(parts)?.join('');
}

type ToolCall = NonNullable<Message['tool_calls']>[number];

const toCallItem = ({ id, function: called }: ToolCall): JsonObject | undefined =>
  called && typeof called.arguments === 'string'
    ? { type: 'function_call', call_id: id, name: called.name, arguments: called.arguments }
    : undefined;

const toTool = (tool: Tool): JsonObject | undefined =>
  tool.type === 'function' ? { type: 'function', ...tool.function } : undefined;
