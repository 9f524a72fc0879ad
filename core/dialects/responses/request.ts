/**
 * A response request: read, counted, written. Flow: policy > **parse** > bound > reserve > **write**.
 * Invariant: what is written is what was read, with one output cap, and nothing is stored at the provider.
 */
import type { JsonObject } from '../../base/json.ts';
import type { ParsedRequest } from '../dialect.ts';
import { readOpenAiBetas } from '../openai-betas.ts';
import { dropTools, readRequest } from '../read-request.ts';
import { unreadable } from '../refusals.ts';
import { requireOwnData } from '../request-input.ts';
import { makeOutput, OUTPUT_CAP_MIN } from '../request-output.ts';
import type { RequestRules } from '../request-rules.ts';
import { countResponses, type InputItem } from './input.ts';
import { RESPONSES_SHAPES, type ResponsesRequest } from './shape.ts';
import { isDroppedTool } from './tools.ts';

/** Agents send no cap, and take an answer that was cut for an error. A whole file must fit. */
const AGENT_CAP_TOKENS = 32_000;
const AGENT_CAP_MIN_TOKENS = 4_096;

/** @throws invalid_request naming the field that cannot be read, or that this credential may not send */
export function parseResponses(given: JsonObject, rules: RequestRules): ParsedRequest {
  const { body, dropped } = dropTools(given, isDroppedTool, rules);
  const request = withoutIds(readRequest(body, RESPONSES_SHAPES, rules), rules);
  requireInput(request);
  const input = countResponses(request);
  requireOwnData(input, rules);
  const cap = request.max_output_tokens ?? undefined;
  const isAgent = Boolean(request.prompt_cache_key ?? request.client_metadata);
  const output = makeOutput(cap, rules, {
    ...(isAgent && { capDefault: AGENT_CAP_TOKENS }),
    capMin: isAgent && cap === undefined ? AGENT_CAP_MIN_TOKENS : OUTPUT_CAP_MIN,
  });
  const sendsCap = rules.isBounded || cap !== undefined;
  const sent = toSent(request, rules);
  return {
    isStream: request.stream ?? false,
    input,
    output,
    dropped,
    headers: readOpenAiBetas(rules),
    write: (sentCap) => JSON.stringify(sendsCap ? { ...sent, max_output_tokens: sentCap } : sent),
    toCountBody: () => (input.isCountable ? toCountBody(request, rules) : undefined),
  };
}

function requireInput({ input, prompt, conversation }: ResponsesRequest): void {
  if (typeof input === 'string' || Array.isArray(input) || prompt || conversation) return;
  throw unreadable('input', 'a text or a list', input);
}

/**
 * Removes the ids of items, by which a provider could find an item that it stored for somebody else. Nothing is stored
 * for this client, so its items need no ids. A server of one's own stores nothing, and may require them.
 */
function withoutIds(
  request: ResponsesRequest,
  { row, isServerKey }: RequestRules,
): ResponsesRequest {
  const { input } = request;
  if (isServerKey || row.keyless || !Array.isArray(input)) return request;
  return {
    ...request,
    input: input.map((item) => {
      const { id: _id, ...rest } = item;
      return KEEPS_ID.has(item.type) ? item : (rest as InputItem);
    }),
  };
}

/** OpenAI requires the id of an image beside the image. A reference is nothing but its id, and is judged by it. */
const KEEPS_ID: ReadonlySet<string> = new Set(['image_generation_call', 'item_reference']);

/** The members that go upstream, without the output cap. */
function toSent(request: ResponsesRequest, { row, model, isBounded }: RequestRules): JsonObject {
  const { max_output_tokens: _cap, background: _background, ...rest } = request;
  const tier = row.endpoints.responses?.serviceTier;
  return {
    ...rest,
    model,
    store: false,
    ...(isBounded && tier !== undefined && { service_tier: tier }),
  };
}

/** https://platform.openai.com/docs/api-reference/responses/input-tokens */
function toCountBody(request: ResponsesRequest, { model }: RequestRules): string {
  const { input, instructions, tools, tool_choice, text, reasoning, truncation } = request;
  return JSON.stringify({
    model,
    input,
    instructions,
    tools,
    tool_choice,
    text,
    reasoning,
    truncation,
  });
}
