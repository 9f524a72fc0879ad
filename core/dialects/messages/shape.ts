/**
 * The closed shape of an Anthropic message request. Flow: policy > **parse** > bound > write. Invariant: each member
 * costs nothing of its own, or lies in what the bound counts. https://docs.anthropic.com/en/api/messages
 */
import * as v from 'valibot';
import type { JsonObject } from '../../base/json.ts';
import { cacheMark, fileData, imageData, imageMediaType, storedId, url } from '../leaf-shapes.ts';
import {
  byKind,
  each,
  flag,
  flagOr,
  json,
  jsonObject,
  list,
  maybe,
  number,
  objectShapes,
  oneOf,
  type Read,
  requestShapes,
  type Shape,
  type Strictness,
  text,
  textOrList,
  texts,
  whole,
} from '../shapes.ts';

/** Tools that Anthropic defines and the client runs: their parameters are numbers and flags. */
const CLIENT_TOOL = /^(?:bash|text_editor|computer|memory)_\d{8}$/;

/** Tools that Anthropic runs: no field bounds the input they bring. */
const HOSTED_TOOL = /^(?:web_search|web_fetch|code_execution|tool_search_tool|advisor|mcp)/;

export const isHostedTool = (type: string): boolean => HOSTED_TOOL.test(type);

function partShapes(strictness: Strictness) {
  const { object, typed } = objectShapes(strictness);
  const mark = { cache_control: cacheMark };
  const place = { cited_text: text, title: maybe(text), document_title: maybe(text) };
  const index = { document_index: maybe(number) };
  const citations = maybe(
    list(
      typed({
        char_location: { ...place, ...index, start_char_index: number, end_char_index: number },
        page_location: { ...place, ...index, start_page_number: number, end_page_number: number },
        content_block_location: {
          ...{ ...place, ...index, start_block_index: number, end_block_index: number },
        },
        web_search_result_location: { ...place, encrypted_index: text, url: text },
        search_result_location: {
          ...{ ...place, source: text, search_result_index: number },
          ...{ start_block_index: number, end_block_index: number },
        },
      }),
    ),
  );
  const caller = maybe(object({ type: text, tool_id: maybe(text) }));
  const called = { caller, toolset_name: maybe(text) };
  const isCited = maybe(object({ enabled: maybe(flag) }));
  const textPart = { text, citations, ...mark };
  const image = {
    source: typed({
      base64: { media_type: imageMediaType, data: imageData },
      url: { url },
      file: { file_id: storedId },
    }),
    transformations: maybe(object({ oversized_image: maybe(oneOf('downsize', 'error')) })),
    ...mark,
  };
  const document = {
    source: typed({
      base64: { media_type: text, data: fileData },
      text: { media_type: text, data: text },
      content: { content: textOrList(typed({ text: textPart, image })) },
      url: { url },
      file: { file_id: storedId },
    }),
    ...{ title: maybe(text), context: maybe(text), citations: isCited },
    ...mark,
  };
  const result = {
    ...{ content: list(typed({ text: textPart })), source: text, title: text },
    ...{ citations: isCited },
    ...mark,
  };
  const inResult = typed({
    text: textPart,
    image,
    document,
    search_result: result,
    tool_reference: { tool_name: text, ...mark },
  });
  const part = typed({
    text: textPart,
    image,
    document,
    search_result: result,
    thinking: { thinking: text, signature: maybe(text) },
    redacted_thinking: { data: text },
    tool_use: { id: text, name: text, input: json, ...called, ...mark },
    tool_result: {
      ...{ tool_use_id: text, content: maybe(textOrList(inResult)), is_error: maybe(flag) },
      ...{ toolset_name: maybe(text) },
      ...mark,
    },
  });
  return { part, textPart: typed({ text: textPart }) };
}

function toolShape(strictness: Strictness) {
  const { object, unknownType } = objectShapes(strictness);
  const common = {
    ...{ name: text, defer_loading: maybe(flag), strict: maybe(flag) },
    ...{ allowed_callers: maybe(texts), input_examples: maybe(list(jsonObject)) },
    ...{ eager_input_streaming: maybe(flag), cache_control: cacheMark },
  };
  const own = object({
    ...{ type: maybe(oneOf('custom')), description: maybe(text), input_schema: jsonObject },
    ...common,
  });
  const defined = object({
    ...{ type: text, display_width_px: maybe(number), display_height_px: maybe(number) },
    ...{ display_number: maybe(number), enable_zoom: maybe(flag), max_characters: maybe(number) },
    ...common,
  });
  return byKind({
    object: v.lazy((tool): Shape<Read<typeof own> | Read<typeof defined>> => {
      const { type } = tool as JsonObject;
      if (type === undefined || type === null || type === 'custom') return own;
      return typeof type === 'string' && CLIENT_TOOL.test(type) ? defined : unknownType;
    }),
  });
}

function requestShape(strictness: Strictness) {
  const { object, limited, typed } = objectShapes(strictness);
  const { part, textPart } = partShapes(strictness);
  const effort = maybe(oneOf('low', 'medium', 'high', 'xhigh', 'max'));
  const format = maybe(typed({ json_schema: { schema: jsonObject } }));
  const parallel = { disable_parallel_tool_use: maybe(flag) };
  const amount = maybe(typed(each({ value: number }, 'input_tokens', 'tool_uses')));
  const shown = {
    display: maybe(text),
    block_binding: maybe(object({ prefix_mismatch_behavior: maybe(text) })),
  };
  return object({
    model: maybe(text),
    max_tokens: maybe(whole()),
    system: maybe(textOrList(textPart)),
    tools: maybe(list(toolShape(strictness))),
    tool_choice: maybe(
      typed({ auto: parallel, any: parallel, tool: { name: text, ...parallel }, none: {} }),
    ),
    thinking: maybe(
      typed({
        enabled: { budget_tokens: number, ...shown },
        adaptive: shown,
        disabled: {},
        between_tools: {},
      }),
    ),
    output_config: maybe(
      object({
        ...{ effort, format },
        task_budget: maybe(typed({ tokens: { total: number, remaining: maybe(number) } })),
      }),
    ),
    output_format: format,
    context_management: maybe(
      object({
        edits: maybe(
          list(
            typed({
              clear_thinking_20251015: {
                keep: maybe(
                  byKind({ text, object: typed({ thinking_turns: { value: number }, all: {} }) }),
                ),
              },
              clear_tool_uses_20250919: {
                ...{ trigger: amount, keep: amount, clear_at_least: amount },
                ...{ exclude_tools: maybe(texts), clear_tool_inputs: maybe(flagOr(texts)) },
              },
            }),
          ),
        ),
      }),
    ),
    messages: list(
      object({
        role: oneOf('user', 'assistant', 'system'),
        content: textOrList(part),
        clear_at: maybe(text),
        output_config: maybe(object({ effort })),
      }),
    ),
    cache_control: cacheMark,
    stream: maybe(flag),
    ...{ temperature: maybe(number), top_p: maybe(number), top_k: maybe(number) },
    stop_sequences: maybe(texts),
    metadata: maybe(object({ user_id: maybe(text) })),
    // The others change the price of every token.
    service_tier: maybe(limited('auto', 'standard_only')),
    speed: maybe(limited('standard')),
    inference_geo: maybe(limited('global')),
  });
}

export const MESSAGES_SHAPES = requestShapes(
  requestShape,
  v.looseObject({
    messages: list(json),
    max_tokens: maybe(whole()),
    stream: maybe(flag),
  }),
);

/** A message request as it was understood. */
export type MessagesRequest = Read<(typeof MESSAGES_SHAPES)['bounded']>;
