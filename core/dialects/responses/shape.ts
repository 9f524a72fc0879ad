/**
 * The closed shape of a response request. Flow: policy > **parse** > bound > write. Invariant: each member costs nothing
 * of its own, or lies in what the bound counts. https://platform.openai.com/docs/api-reference/responses/create
 */
import * as v from 'valibot';
import { storedId } from '../leaf-shapes.ts';
import {
  byKind,
  each,
  flag,
  json,
  jsonObject,
  labels,
  list,
  maybe,
  number,
  objectShapes,
  type Read,
  requestShapes,
  type Strictness,
  text,
  texts,
  whole,
} from '../shapes.ts';
import { formatShape, itemShape } from './items.ts';
import { toolShape } from './tools.ts';

function requestShape(strictness: Strictness) {
  const { object, limited, typed } = objectShapes(strictness);
  const named = { name: text };
  const choice = typed({
    function: named,
    custom: named,
    allowed_tools: { mode: text, tools: list(jsonObject) },
    ...each({}, 'apply_patch', 'shell'),
  });
  const stored = byKind({ text: storedId, object: object({ id: storedId }) });
  return object({
    model: maybe(text),
    input: maybe(byKind({ text, list: list(itemShape(strictness)) })),
    instructions: maybe(text),
    max_output_tokens: maybe(whole()),
    tools: maybe(list(toolShape(strictness))),
    tool_choice: maybe(byKind({ text, object: choice })),
    parallel_tool_calls: maybe(flag),
    text: maybe(object({ verbosity: maybe(text), format: maybe(formatShape(strictness)) })),
    reasoning: maybe(
      object({
        ...each(maybe(text), 'effort', 'summary', 'generate_summary', 'context'),
        // Other modes sample more than once.
        mode: maybe(limited('standard')),
      }),
    ),
    previous_response_id: maybe(storedId),
    conversation: maybe(stored),
    prompt: maybe(object({ id: storedId, version: maybe(text), variables: maybe(jsonObject) })),
    include: maybe(texts),
    ...each(maybe(number), 'temperature', 'top_p', 'top_logprobs', 'max_tool_calls'),
    ...each(maybe(flag), 'stream', 'store', 'background'),
    stream_options: maybe(object({ include_obfuscation: maybe(flag) })),
    truncation: maybe(text),
    service_tier: maybe(limited('auto', 'default')),
    ...each(maybe(text), 'user', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention'),
    // A cache of 12 hours has a price of its own.
    prompt_cache_options: maybe(object({ mode: maybe(text), ttl: maybe(limited('30m')) })),
    ...each(maybe(labels), 'metadata', 'client_metadata'),
    access_programs: maybe(object({ cyber: maybe(text) })),
  });
}

export const RESPONSES_SHAPES = requestShapes(
  requestShape,
  v.looseObject({
    input: maybe(byKind({ text, list: list(json) })),
    max_output_tokens: maybe(whole()),
    stream: maybe(flag),
  }),
);

/** A response request as it was understood. */
export type ResponsesRequest = Read<(typeof RESPONSES_SHAPES)['bounded']>;
