/**
 * The closed shape of a chat completion request, with the fields of all providers that speak this dialect.
 * Flow: policy > **parse** > bound > write. Invariant: each member costs nothing of its own, or lies in what the bound
 * counts. https://platform.openai.com/docs/api-reference/chat/create
 */
import * as v from 'valibot';
import { cacheMark, fileData, imageUrl, storedId, url } from '../leaf-shapes.ts';
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
  oneOf,
  type Read,
  requestShapes,
  type Strictness,
  switches,
  text,
  textOrList,
  whole,
} from '../shapes.ts';

const CHOICES_MAX = 128;

function partShape(strictness: Strictness) {
  const { object, limited, typed } = objectShapes(strictness);
  // OpenAI writes to a cache of 12 hours at a price of its own.
  const breakpoint = maybe(object({ mode: text, ttl: maybe(limited('30m')) }));
  const marks = { cache_control: cacheMark, prompt_cache_breakpoint: breakpoint };
  const image = byKind({
    text: imageUrl,
    object: object({ url: imageUrl, detail: maybe(text) }),
  });
  const known = {
    text: { text, ...marks },
    refusal: { refusal: text },
    image_url: { image_url: image, ...marks },
    thinking: {
      thinking: textOrList(typed({ text: { text } })),
      signature: maybe(text),
      closed: maybe(flag),
    },
  };
  // Sound, video and files have prices of their own.
  const priced = {
    input_audio: { input_audio: object({ data: fileData, format: maybe(text) }) },
    audio_url: { audio_url: object({ url }) },
    video_url: { video_url: object({ url }) },
    file: {
      file: object({
        file_data: maybe(fileData),
        filename: maybe(text),
        file_id: maybe(storedId),
      }),
    },
  };
  return typed(strictness === 'bounded' ? known : { ...known, ...priced });
}

function messageShape(strictness: Strictness) {
  const { object, typed } = objectShapes(strictness);
  // Mistral takes an object for the text of one.
  const called = object({
    name: maybe(text),
    arguments: maybe(byKind({ text, object: jsonObject })),
  });
  const toolCall = object({
    id: maybe(text),
    type: maybe(oneOf('function', 'custom')),
    index: maybe(number),
    function: maybe(called),
    custom: maybe(object({ name: text, input: text })),
    extra_content: maybe(object({ google: maybe(object({ thought_signature: maybe(text) })) })),
  });
  const reasoningDetail = object({
    type: text,
    ...each(maybe(text), 'text', 'summary', 'data', 'signature', 'id', 'format'),
    index: maybe(number),
  });
  const citation = object({
    url: text,
    ...each(maybe(text), 'title', 'content'),
    ...each(maybe(number), 'start_index', 'end_index'),
  });
  return object({
    role: text,
    content: maybe(textOrList(partShape(strictness))),
    ...each(maybe(text), 'name', 'id', 'tool_call_id', 'refusal'),
    tool_calls: maybe(list(toolCall)),
    function_call: maybe(called),
    ...each(maybe(text), 'reasoning', 'reasoning_content'),
    reasoning_details: maybe(list(reasoningDetail)),
    annotations: maybe(list(typed({ url_citation: { url_citation: citation } }))),
    prefix: maybe(flag),
    cache_control: cacheMark,
  });
}

function toolShapes(strictness: Strictness) {
  const { object, typed } = objectShapes(strictness);
  const described = { name: text, description: maybe(text) };
  const declared = object({ ...described, parameters: maybe(jsonObject), strict: maybe(flag) });
  const grammar = object(each(text, 'definition', 'syntax'));
  const custom = object({
    ...described,
    format: maybe(typed({ text: {}, grammar: { grammar } })),
  });
  const named = object({ name: text });
  const tool = typed({
    function: { function: declared, cache_control: cacheMark },
    custom: { custom, cache_control: cacheMark },
  });
  const choice = typed({
    function: { function: named },
    custom: { custom: named },
    allowed_tools: { allowed_tools: object({ mode: text, tools: list(jsonObject) }) },
  });
  return {
    tools: maybe(list(tool)),
    tool_choice: maybe(byKind({ text, object: choice })),
    functions: maybe(list(declared)),
    function_call: maybe(byKind({ text, object: named })),
    parallel_tool_calls: maybe(flag),
  };
}

/** Settings of thinking. Thinking is output, inside the cap. */
function thinkingShapes(strictness: Strictness) {
  const { object } = objectShapes(strictness);
  const googleThinking = object({
    include_thoughts: maybe(flag),
    thinking_budget: maybe(number),
    thinking_level: maybe(text),
  });
  return {
    reasoning: maybe(
      object({
        ...each(maybe(text), 'effort', 'summary'),
        ...each(maybe(flag), 'enabled', 'exclude'),
        max_tokens: maybe(number),
      }),
    ),
    ...each(maybe(text), 'reasoning_effort', 'reasoning_format', 'verbosity'),
    ...each(maybe(flag), 'include_reasoning', 'enable_thinking'),
    thinking: maybe(
      object({
        type: text,
        budget_tokens: maybe(number),
        clear_thinking: maybe(flag),
      }),
    ),
    thinking_budget: maybe(number),
    // A template from the client could make more input than its bytes.
    chat_template_kwargs: maybe(strictness === 'bounded' ? switches : object({})),
    extra_body: maybe(
      object({ google: maybe(object({ thinking_config: maybe(googleThinking) })) }),
    ),
  };
}

function requestShape(strictness: Strictness) {
  const { object, limited, typed } = objectShapes(strictness);
  const schema = maybe(jsonObject);
  const prediction = typed({ content: { content: textOrList(typed({ text: { text } })) } });
  return object({
    model: maybe(text),
    messages: list(messageShape(strictness)),
    ...each(maybe(whole()), 'max_tokens', 'max_completion_tokens'),
    n: maybe(whole(CHOICES_MAX)),
    prediction: maybe(prediction),
    ...toolShapes(strictness),
    response_format: maybe(
      typed({
        text: {},
        json_object: { schema },
        json_schema: { json_schema: schema, schema },
        ...each({ grammar: maybe(text), pattern: maybe(text) }, 'grammar', 'regex'),
      }),
    ),
    ...thinkingShapes(strictness),
    stream: maybe(flag),
    stream_options: maybe(
      object(each(maybe(flag), 'include_usage', 'include_obfuscation', 'continuous_usage_stats')),
    ),
    modalities: maybe(list(limited('text'))),
    service_tier: maybe(limited('auto', 'default')),
    usage: maybe(object({ include: maybe(flag) })),
    ...each(maybe(number), 'temperature', 'top_p', 'top_k', 'top_a', 'min_p', 'min_tokens'),
    ...each(maybe(number), 'seed', 'random_seed', 'top_logprobs'),
    ...each(maybe(number), 'frequency_penalty', 'presence_penalty', 'repetition_penalty'),
    ...each(maybe(flag), 'logprobs', 'ignore_eos', 'store', 'background'),
    logit_bias: maybe(switches),
    stop: maybe(textOrList(text)),
    stop_token_ids: maybe(list(number)),
    ...each(maybe(text), 'user', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention'),
    prompt_cache_options: maybe(object({ mode: maybe(text), ttl: maybe(limited('30m')) })),
    metadata: maybe(labels),
  });
}

export const CHAT_SHAPES = requestShapes(
  requestShape,
  v.looseObject({
    messages: list(json),
    ...each(maybe(whole()), 'max_tokens', 'max_completion_tokens'),
    n: maybe(whole(CHOICES_MAX)),
    stream: maybe(flag),
    stream_options: maybe(byKind({ object: v.looseObject({ include_usage: maybe(flag) }) })),
  }),
);

/** A chat completion request as it was understood. */
export type ChatRequest = Read<(typeof CHAT_SHAPES)['bounded']>;
