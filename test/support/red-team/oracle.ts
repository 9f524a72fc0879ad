/**
 * Judges a request that is about to be forwarded, without any code of the dialects: whether each text in it lies in what
 * the bound counts, and whether anything in it costs more than tokens. It knows the SDKs' types, and what is written here.
 */

import type { ParsedRequest } from '../../../core/dialects/dialect.ts';
import type { DialectName } from '../../../core/providers/endpoints.ts';
import type { SdkShape } from './sdk-shapes.ts';

export interface Forwarded {
  readonly dialect: DialectName;
  readonly request: ParsedRequest;
  /** The cap it is sent under. */
  readonly cap: number;
  /** The SDK's type of its body. */
  readonly shape: SdkShape;
}

interface Leaf {
  /** Without the indexes of lists: `messages.content.text`. */
  readonly path: string;
  readonly value: unknown;
}

/** Members that never become input, whatever they hold: labels, settings of sampling, the model, the cap. */
const FREE =
  /^(?:model|stream|stream_options|user|safety_identifier|prompt_cache_key|prompt_cache_retention|prompt_cache_options|metadata|client_metadata|access_programs|include|store|stop|stop_sequences|stop_token_ids|logit_bias|service_tier|speed|inference_geo|truncation|modalities|usage|labels|safetySettings|serviceTier|encoding_format|truncate|task|input_type|taskType|n|seed|random_seed|max_\w+|min_\w+|top_\w+|temperature|\w+_penalty|logprobs|ignore_eos|dimensions|normalized|outputDimensionality|autoTruncate|background|generationConfig\.(?:maxOutputTokens|candidateCount|responseModalities|temperature|topP|topK|seed|logprobs|presencePenalty|frequencyPenalty|stopSequences|responseLogprobs|enableEnhancedCivicAnswers))(?:\.|$)/;

/** A cache mark: nothing of it is input. */
const MARK = /(?:^|\.)cache_control(?:\.(?:type|ttl))?$/;

/** JSON that a client may fill as it likes, and that nobody reads as more than text. */
const FREE_JSON =
  /(?:^|\.)(?:input_schema|parameters|parametersJsonSchema|output_schema|schema|json_schema|responseSchema|responseJsonSchema|_responseJsonSchema|responseFormat|response|args|partialArgs|arguments|input_examples|format\.grammar|partMetadata|variables|tool_choice\.(?:tools|allowed_tools)|logprobs|skills|env)(?:\.|$)|\.content\.input(?:\.|$)/;

/** Members by which a provider fetches or finds input. */
const REFERENCE =
  /(?:^|\.)(?:file_ids?|file_url|file_data|fileUri|fileData\.\w+|previous_response_id|conversation|cachedContent|cached_content|continuationToken|container|container_id|vector_store_ids|comparison_response_id|previous_message_id|server_url|connector_id|audio|thread|mcp_servers|video_url|audio_url|input_audio|prompt\.id|source\.url|image_url\.url|image_url|fallbacks|fallback_credit_token)$/;

const HOSTED =
  /^(?:web_search|web_fetch|code_execution|code_interpreter|file_search|image_generation|mcp|computer_use|computer_toolset|browser_toolset|advisor|tool_search_tool|programmatic|x_search)/;

/** Members that cost by the call, or change the price of every token. */
const PRICED =
  /(?:^|\.)(?:input_audio|audio_url|video_url|web_search_options|plugins|models|route|provider|moderation|speechConfig|audio|fallbacks|googleSearch|googleSearchRetrieval|googleMaps|codeExecution|urlContext|fileSearch|retrieval|computerUse|enterpriseWebSearch|mcpServers|imageConfig|videoMetadata|compaction|billing_policy|best_of|image)$/;

const SAFE_VALUES: Readonly<Record<string, readonly unknown[]>> = {
  service_tier: ['auto', 'default', 'standard_only'],
  serviceTier: ['standard', 'unspecified'],
  speed: ['standard'],
  inference_geo: ['global'],
  'reasoning.mode': ['standard'],
  modalities: ['text'],
  'generationConfig.responseModalities': ['TEXT'],
  store: [false],
  background: [false],
};

/** Labels, which hold whatever texts and numbers the client likes. */
const FREE_LABELS = /^(?:metadata|labels|logit_bias|client_metadata)(?:\.|$)/;

const IMAGE_KEYS = /(?:^|\.)(?:data|url|image_url|result)$/;
const IS_IMAGE = /^(?:data:image\/[a-z0-9.+-]+;base64,)?[A-Za-z0-9+/_=\r\n-]*$/;
const HAS_PRICE_OF_TEXT = /^(?:image\/|text\/|application\/(?:json|pdf)$)/i;

/** The faults of a forwarded request; empty: none. */
export function faultsOf(forwarded: Forwarded): readonly string[] {
  const { request, cap, shape } = forwarded;
  const sent: unknown = JSON.parse(request.write(cap));
  const leaves = leavesOf(sent);
  return [
    ...referenceFaults(leaves, request),
    ...countFaults(sent, request),
    ...taskFaults(sent, request),
    ...itemFaults(sent),
    ...priceFaults(leaves, request),
    ...capFaults(leaves, forwarded),
    ...mismatches(shape, sent, ''),
  ];
}

/** All members and items that are no containers, and each container too. */
function leavesOf(value: unknown, path = ''): readonly Leaf[] {
  if (Array.isArray(value)) return value.flatMap((item) => leavesOf(item, path));
  if (typeof value !== 'object' || value === null) return [{ path, value }];
  return [
    { path, value },
    ...Object.entries(value).flatMap(([name, member]) =>
      leavesOf(member, path === '' ? name : `${path}.${name}`),
    ),
  ];
}

interface Text {
  readonly text: string;
  readonly isName: boolean;
  readonly paths: readonly string[];
}

/** Every text and every name of a member, with all the places where it is. */
function textsIn(value: unknown, isFree: (path: string) => boolean): ReadonlyMap<string, Text> {
  const texts = new Map<string, Text>();
  const add = (text: string, isName: boolean, path: string): void => {
    const key = `${isName} ${text}`;
    texts.set(key, { text, isName, paths: [...(texts.get(key)?.paths ?? []), path] });
  };
  const walk = (each: unknown, path: string): void => {
    if (isFree(path)) return;
    if (typeof each === 'string') add(each, false, path);
    else if (Array.isArray(each)) for (const item of each) walk(item, path);
    else if (isObject(each)) {
      for (const [name, member] of Object.entries(each)) {
        const below = path === '' ? name : `${path}.${name}`;
        if (!isFree(below)) add(name, true, below);
        walk(member, below);
      }
    }
  };
  walk(value, '');
  return texts;
}

/** Texts that are sent more often than they are counted. Images may be, each once. */
function countFaults(sent: unknown, { input }: ParsedRequest): readonly string[] {
  const messages = input.messages.map(({ text }): unknown => JSON.parse(text));
  const counted = textsIn([JSON.parse(input.head), ...messages], () => false);
  const isCounted = (text: string): boolean => counted.has(`false ${text}`);
  let images = input.messages.reduce(
    (sum, each) => sum + each.images.length,
    input.headImages.length,
  );
  const faults: string[] = [];
  for (const [key, { text, isName, paths }] of textsIn(sent, isUncounted)) {
    const places = isName ? paths.filter((path) => !isHeader(path)) : paths;
    const missing = places.length - (counted.get(key)?.paths.length ?? 0);
    for (const path of places.slice(0, Math.max(0, missing))) {
      if (!IMAGE_KEYS.test(path)) faults.push(`not counted: "${text}" at ${path}`);
      else if (isName || isCounted(Buffer.from(text, 'base64').toString())) continue;
      else if (IS_IMAGE.test(text) && images > 0) images -= 1;
      else faults.push(`not counted: "${text}" at ${path}`);
    }
  }
  return faults;
}

/** The most words that a model puts before a text whose task it knows. */
const TASK_TOKENS = 64;

/** A task whose words are not counted, once for each text. */
function taskFaults(sent: unknown, { input }: ParsedRequest): readonly string[] {
  const { task, input_type, taskType } = Object(sent);
  const texts = taskType ? 1 : (task ?? input_type) ? input.messages.length : 0;
  return input.tokens >= texts * TASK_TOKENS ? [] : ['words of a task that are not counted'];
}

/** An item of OpenAI's responses that says neither its type nor its role stands for a stored one. */
function itemFaults(sent: unknown): readonly string[] {
  const { input } = Object(sent);
  if (!Array.isArray(input)) return [];
  const items = input.filter((item) => isObject(item) && item.type == null && item.role == null);
  return items.map(() => 'an item that its id names');
}

/** Below these, a client may write what it likes: it is counted as text, or is a label. */
const isFree = (path: string): boolean => FREE_JSON.test(path) || FREE_LABELS.test(path);

const isUncounted = (path: string): boolean => FREE.test(path) || MARK.test(path);

/** Names that the bound's frame covers: of the lists themselves. */
const isHeader = (path: string): boolean =>
  /^(?:messages|input|contents|requests|generationConfig|content)$/.test(path);

function referenceFaults(leaves: readonly Leaf[], { input }: ParsedRequest): readonly string[] {
  if (input.reference !== undefined) return [];
  return leaves
    .filter(({ path, value }) => {
      if (value === null || isFree(path)) return false;
      if (/(?:^|\.)image_url(?:\.url)?$/.test(path)) return isAddress(value);
      if (/(?:action|annotations|citations|sources|url_citation)\.(?:\w+\.)*url$/.test(path))
        return false;
      return REFERENCE.test(path) || value === 'item_reference';
    })
    .map(({ path }) => `a reference that was not seen: ${path}`);
}

const isAddress = (value: unknown): boolean =>
  typeof value === 'string' && !value.startsWith('data:image/');

function priceFaults(leaves: readonly Leaf[], { input }: ParsedRequest): readonly string[] {
  const marks = leaves.filter(
    ({ path, value }) => /cache_control$/.test(path) && value !== null && !isFree(path),
  );
  const isLong = leaves.some(
    ({ path, value }) => /cache_control\.ttl$/.test(path) && value === '1h',
  );
  const inPlace = leaves.filter(({ path, value }) => value !== null && !isFree(path));
  return [
    ...inPlace.flatMap(({ path, value }) => {
      const safe = SAFE_VALUES[path];
      const isContainer = typeof value === 'object';
      if (safe !== undefined && !isContainer && !safe.includes(value))
        return [`a dear value: ${path}`];
      if (PRICED.test(path)) return [`a price of its own: ${path}`];
      if (/(?:^|\.)tools(?:\.tools)?\.type$/.test(path) && HOSTED.test(String(value))) {
        return [`a hosted tool: ${String(value)}`];
      }
      if (/tools\.execution$/.test(path) && value !== 'client')
        return ['a search of the provider’s'];
      if (/tools\.environment\.type$/.test(path) && value !== 'local')
        return ['a shell of the provider’s'];
      if (/\.ttl$/.test(path) && !['5m', '1h', '30m'].includes(String(value)))
        return [`a dear cache: ${path}`];
      if (/(?:inlineData|fileData)\.mimeType$/.test(path) && !HAS_PRICE_OF_TEXT.test(String(value)))
        return [`another price: ${path}`];
      if (/chat_template$/.test(path)) return ['a template'];
      return [];
    }),
    ...(marks.length > 0 && input.cacheMark === 'none' ? ['a cache that is not priced'] : []),
    ...(isLong && input.cacheMark !== '1h' ? ['an hour’s cache that is not priced'] : []),
  ];
}

const CAPS =
  /^(?:max_tokens|max_completion_tokens|max_output_tokens|generationConfig\.maxOutputTokens)$/;
const CHOICES = /^(?:n|generationConfig\.candidateCount)$/;

function capFaults(
  leaves: readonly Leaf[],
  { request, cap, dialect }: Forwarded,
): readonly string[] {
  const { output } = request;
  const caps = leaves.filter(({ path }) => CAPS.test(path));
  const choices = leaves.filter(({ path, value }) => CHOICES.test(path) && value !== null);
  const isText = !/embed/.test(dialect);
  const budgets = leaves.filter(({ path }) =>
    /^(?:thinking\.budget_tokens|reasoning\.max_tokens)$/.test(path),
  );
  const predicted = leaves.filter(({ path }) => /^prediction\./.test(path));
  return [
    ...(isText && (caps.length !== 1 || caps[0]?.value !== cap)
      ? ['not one cap, the one held']
      : []),
    ...(choices.some(({ value }) => Number(value) > output.choices)
      ? ['more choices than held']
      : []),
    ...(cap < output.cap && budgets.some(({ value }) => Number(value) >= cap)
      ? ['a budget of thinking over the cap']
      : []),
    ...(predicted.length > 0 && output.predictionBytes === 0
      ? ['a prediction that is not held']
      : []),
  ];
}

/** Members that the SDK does not type but other providers of the dialect read; each is text, or a setting. */
const EXTRA =
  /(?:^|\.)(?:random_seed|temperature|top_p|top_k|top_a|min_p|min_tokens|repetition_penalty|stop_token_ids|ignore_eos|reasoning|reasoning_content|reasoning_details|reasoning_format|include_reasoning|thinking|thinking_budget|enable_thinking|chat_template_kwargs|extra_body|extra_content|usage|cache_control|prefix|annotations|continuous_usage_stats|index|truncate|task|normalized|input_type|client_metadata|autoTruncate|_responseJsonSchema|schema|pattern|caller|compaction_summary|name|env|signature|closed|role|skills|status|arguments|image_url)(?:\.|$)/;

/** The places where a value differs from a type: an unknown member, another kind of value. */
export function mismatches(shape: SdkShape, value: unknown, path: string): readonly string[] {
  if (value === null || EXTRA.test(path)) return [];
  if (FREE_LABELS.test(path))
    return isObject(value) || path.includes('.') ? [] : [`no map: ${path}`];
  if (
    FREE_JSON.test(path) &&
    isObject(value) &&
    (shape.kind === 'object' || shape.kind === 'map')
  ) {
    return [];
  }
  switch (shape.kind) {
    case 'any':
      return [];
    case 'union': {
      const fitting = shape.of.filter((one) => fitsKind(one, value));
      if (fitting.length === 0) return [`another kind of value: ${path}`];
      const tries = fitting.map((one) => mismatches(one, value, path));
      return tries.reduce((best, each) => (each.length < best.length ? each : best));
    }
    case 'list':
      return Array.isArray(value)
        ? value.flatMap((item) => mismatches(shape.item, item, path))
        : [`no list: ${path}`];
    case 'map':
      return isObject(value)
        ? Object.values(value).flatMap((member) => mismatches(shape.value, member, path))
        : [`no map: ${path}`];
    case 'object':
      return isObject(value)
        ? Object.entries(value).flatMap(([name, member]) => {
            const below = path === '' ? name : `${path}.${name}`;
            const known = shape.members.get(name);
            if (EXTRA.test(below)) return [];
            return known ? mismatches(known.shape, member, below) : [`an unknown member: ${below}`];
          })
        : [`no object: ${path}`];
    case 'text':
      return typeof value === 'string' ? [] : [`no text: ${path}`];
    case 'number':
      return typeof value === 'number' ? [] : [`no number: ${path}`];
    case 'flag':
      return typeof value === 'boolean' ? [] : [`no flag: ${path}`];
    case 'null':
      return [`not null: ${path}`];
    case 'literal':
      return typeof value === typeof shape.value ? [] : [`no constant: ${path}`];
  }
}

/** True if a value is of the kind of a type: a text for a text, an object for an object with its `type`. */
function fitsKind(shape: SdkShape, value: unknown): boolean {
  switch (shape.kind) {
    case 'list':
      return Array.isArray(value);
    case 'object': {
      const type = shape.members.get('type')?.shape;
      const isTyped = type?.kind === 'literal' && isObject(value) && (value.type ?? null) !== null;
      return isObject(value) && (!isTyped || value.type === type.value);
    }
    case 'map':
      return isObject(value);
    case 'literal':
      return typeof value === typeof shape.value;
    case 'union':
      return shape.of.some((one) => fitsKind(one, value));
    case 'any':
      return true;
    case 'text':
      return typeof value === 'string';
    case 'number':
      return typeof value === 'number';
    case 'flag':
      return typeof value === 'boolean';
    case 'null':
      return value === null;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Members that name data stored at a provider, wherever they stand. */
const STORED =
  /(?:^|[._])(?:file_?ids?|fileIds?|previous_response_id|conversation|cached_?[cC]ontent|continuationToken|container|container_id|vector_store_ids|comparison_response_id|previous_message_id|connector_id|thread|skill_id|unheard_of\.id|audio\.id|prompt\.id|fileSearchStoreNames|stored)$/;

/** Addresses that are shown to the model, and not fetched. */
const SHOWN = /(?:^|\.)(?:citations|annotations|url_citation|action|sources)\./;

/** Places of a scoped credential's request that could reach what is stored for somebody else. */
export const storedFaultsOf = (sent: unknown): readonly string[] =>
  leavesOf(sent)
    .filter(({ path, value }) => {
      if (value === null || isFree(path)) return false;
      const isFetched = /(?:url|[uU]ri|file_data)$/.test(path) && !SHOWN.test(path);
      const isGoogles = typeof value === 'string' && /^gs:|googleapis\.com/.test(value);
      return STORED.test(path) || value === 'item_reference' || (isFetched && isGoogles);
    })
    .map(({ path }) => path);
