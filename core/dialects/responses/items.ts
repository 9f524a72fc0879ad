/**
 * The closed shapes of a response's input items. Flow: policy > **parse** > bound > write. Invariant: an item holds all
 * that it adds to the input. An item that only names what OpenAI stored is a reference.
 */
import * as v from 'valibot';
import type { JsonObject } from '../../base/json.ts';
import { fileData, imageData, imageUrl, storedId, url } from '../leaf-shapes.ts';
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
  type Shape,
  type Strictness,
  text,
  textOrList,
  texts,
} from '../shapes.ts';
import { toolShape } from './tools.ts';

function partShape(strictness: Strictness) {
  const { object, limited, typed } = objectShapes(strictness);
  // A cache of 12 hours has a price of its own.
  const breakpoint = maybe(object({ mode: text, ttl: maybe(limited('30m')) }));
  const citation = {
    ...each(maybe(text), 'url', 'title'),
    ...each(maybe(number), 'start_index', 'end_index'),
  };
  return typed({
    input_text: { text, prompt_cache_breakpoint: breakpoint },
    output_text: {
      text,
      annotations: maybe(list(typed({ url_citation: citation }))),
      logprobs: maybe(list(jsonObject)),
    },
    refusal: { refusal: text },
    input_image: {
      image_url: maybe(imageUrl),
      file_id: maybe(storedId),
      detail: maybe(text),
      prompt_cache_breakpoint: breakpoint,
    },
    input_file: {
      file_data: maybe(fileData),
      file_url: maybe(url),
      file_id: maybe(storedId),
      ...each(maybe(text), 'filename', 'detail'),
      prompt_cache_breakpoint: breakpoint,
    },
  });
}

/** The form of an answer. */
export const formatShape = (strictness: Strictness) =>
  objectShapes(strictness).typed({
    text: {},
    json_object: {},
    json_schema: {
      ...each(maybe(text), 'name', 'description'),
      schema: jsonObject,
      strict: maybe(flag),
    },
  });

/** Calls of tools and their outputs, as agents send them back. */
function callShapes(strictness: Strictness) {
  const { object, typed } = objectShapes(strictness);
  const caller = maybe(typed({ direct: {}, program: { caller_id: text } }));
  const item = { ...each(maybe(text), 'id', 'status', 'call_id'), caller };
  const called = { ...item, ...each(maybe(text), 'name', 'namespace'), async: maybe(flag) };
  const output = { ...called, output: textOrList(partShape(strictness)) };
  const outcome = typed({ timeout: {}, exit: { exit_code: number } });
  const streams = object({ outcome, ...each(text, 'stdout', 'stderr') });
  const tools = list(toolShape(strictness));
  return {
    function_call: { ...called, arguments: text },
    function_call_output: output,
    custom_tool_call: { ...called, input: text },
    custom_tool_call_output: output,
    local_shell_call: {
      ...item,
      action: typed({
        exec: {
          command: texts,
          env: maybe(labels),
          timeout_ms: maybe(number),
          ...each(maybe(text), 'user', 'working_directory'),
        },
      }),
    },
    local_shell_call_output: { ...item, output: text },
    shell_call: {
      ...item,
      action: object({
        commands: texts,
        ...each(maybe(number), 'max_output_length', 'timeout_ms'),
      }),
      environment: maybe(typed({ local: { skills: maybe(list(jsonObject)) } })),
    },
    shell_call_output: { ...item, output: list(streams), max_output_length: maybe(number) },
    apply_patch_call: {
      ...item,
      operation: typed({
        ...each({ path: text, diff: text }, 'create_file', 'update_file'),
        delete_file: { path: text },
      }),
    },
    apply_patch_call_output: { ...item, output: maybe(text) },
    tool_search_call: { ...item, execution: maybe(text), arguments: json },
    tool_search_output: { ...item, execution: maybe(text), tools },
    additional_tools: { id: maybe(text), role: text, tools },
    web_search_call: {
      ...item,
      action: maybe(
        typed({
          search: {
            query: maybe(text),
            queries: maybe(texts),
            sources: maybe(list(typed({ url: { url: text } }))),
          },
          open_page: { url: maybe(text) },
          ...each(each(maybe(text), 'url', 'pattern'), 'find_in_page', 'find'),
        }),
      ),
    },
    image_generation_call: {
      ...item,
      result: imageData,
      ...each(maybe(text), 'action', 'background', 'output_format', 'quality', 'size'),
      revised_prompt: maybe(text),
    },
  };
}

export function itemShape(strictness: Strictness) {
  const { object, typed } = objectShapes(strictness);
  const thought = each({ text }, 'summary_text', 'reasoning_text', 'text');
  const sealed = { id: maybe(text), encrypted_content: text };
  const message = {
    role: text,
    content: textOrList(partShape(strictness)),
    ...each(maybe(text), 'id', 'status', 'phase', 'name'),
  };
  const items = typed({
    message,
    ...callShapes(strictness),
    reasoning: {
      ...each(maybe(text), 'id', 'status', 'encrypted_content'),
      summary: maybe(list(typed(thought))),
      content: maybe(list(typed(thought))),
    },
    ...each(sealed, 'compaction', 'compaction_summary'),
    configuration_update: {
      id: maybe(text),
      reasoning: maybe(object({ effort: maybe(text) })),
      text: maybe(object({ format: formatShape(strictness) })),
    },
    item_reference: { id: storedId },
  });
  // A message may lack its type, but not its role: an id alone names what OpenAI stored.
  const untyped = object({ type: v.nullish(v.never('"message"')), ...message });
  return byKind({
    object: v.lazy((item): Shape<Read<typeof items>> => {
      const { type = null } = item as JsonObject;
      return type === null ? (untyped as Shape<never>) : items;
    }),
  });
}
