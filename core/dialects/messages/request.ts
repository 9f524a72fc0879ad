/**
 * An Anthropic message request: read, counted, written. Flow: policy > **parse** > bound > reserve > **write**.
 * Invariant: what is written is what was read, with the provider's id of the model and one output cap.
 */
import type { JsonObject } from '../../base/json.ts';
import type { ParsedRequest } from '../dialect.ts';
import { dropTools, readRequest } from '../read-request.ts';
import { type RequestInput, requireOwnData } from '../request-input.ts';
import {
  INPUT_ONLY,
  makeOutput,
  type RequestOutput,
  thinkingBudgetUnder,
} from '../request-output.ts';
import type { RequestRules } from '../request-rules.ts';
import { messagesHeaders } from './headers.ts';
import { countMessages } from './input.ts';
import { MESSAGES_SHAPES, type MessagesRequest } from './shape.ts';

/** Agents list these tools by default; nothing bounds the input that they bring. */
const isDropped = (type: string): boolean =>
  /^\w{1,64}$/.test(type) &&
  ['web_search_', 'web_fetch_'].some((prefix) => type.startsWith(prefix));

/** @throws invalid_request naming the field that cannot be read, or that this credential may not send */
export function parseMessages(given: JsonObject, rules: RequestRules): ParsedRequest {
  const { body, dropped } = dropTools(given, isDropped, rules);
  const { request, input, headers } = read(body, rules);
  const { thinking } = request;
  const thinkingBudget = thinking?.type === 'enabled' ? thinking.budget_tokens : undefined;
  const output = makeOutput(request.max_tokens ?? undefined, rules, { thinkingBudget });
  return {
    isStream: request.stream ?? false,
    input,
    output,
    dropped,
    headers,
    write: (cap) => write(request, output, cap, rules),
    toCountBody: () => (input.isCountable ? writeCount(request, rules) : undefined),
  };
}

/** Reads a request to count tokens. The provider bills nothing for it, so nothing has to be bounded. */
export function parseCount(body: JsonObject, rules: RequestRules): ParsedRequest {
  const { request, input, headers } = read(body, { ...rules, isBounded: false });
  return {
    ...INPUT_ONLY,
    input,
    headers,
    write: () => writeCount(request, rules),
  };
}

interface ReadMessages {
  readonly request: MessagesRequest;
  readonly input: RequestInput;
  readonly headers: Record<string, string>;
}

function read(body: JsonObject, rules: RequestRules): ReadMessages {
  const request = readRequest(body, MESSAGES_SHAPES, rules);
  const headers = messagesHeaders(rules);
  const input = countMessages(request, headers['anthropic-beta']);
  requireOwnData(input, rules);
  return { request, input, headers };
}

function write(
  request: MessagesRequest,
  output: RequestOutput,
  cap: number,
  { row, model, isBounded }: RequestRules,
): string {
  const { thinking } = request;
  const tier = row.endpoints.messages?.serviceTier;
  return JSON.stringify({
    ...request,
    model,
    max_tokens: cap,
    ...(thinking?.type === 'enabled' && {
      thinking: { ...thinking, budget_tokens: thinkingBudgetUnder(output, cap) },
    }),
    ...(isBounded && tier !== undefined && { service_tier: tier }),
  });
}

/** Members that the count route does not know. */
const writeCount = (request: MessagesRequest, { model }: RequestRules): string => {
  const { max_tokens, stream, metadata, service_tier, ...counted } = request;
  return JSON.stringify({ ...counted, model });
};
