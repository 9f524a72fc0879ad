/**
 * A stream of every provider in every format that it streams, in the shape in which it was seen, with the traps that
 * each is known for. Anything it says beside what counts is there to be passed over.
 */
import { chatEvent, DONE_EVENT, FINISH_EVENT, textEvent, usageEvent } from './fake-provider.ts';

export interface Recorded {
  readonly events: readonly string[];
  /** Input, of it read from a cache, of it written to one, output, of it reasoning. */
  readonly tokens: readonly [number, number, number, number, number];
  /** Reported figures other than tokens. */
  readonly more?: {
    readonly costNanoUsd?: bigint;
    readonly longCacheWrite?: number;
    readonly toolsNanoUsd?: bigint;
  };
}
/** Its special trait, then the stream. */
type Recordings = Readonly<Record<string, Recorded>>;

const said = textEvent('Grüße, "usage":{ 👋');
const beside = (usage: object): string => chatEvent({ content: 'é' }, { usage });
const plain = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;
const typed = (data: { readonly type: string; readonly [member: string]: unknown }): string =>
  `event: ${data.type}\n${plain(data)}`;

const PLAIN = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 };
const PLAIN_TOKENS = [12, 0, 0, 5, 0] as const;
const DETAILED = {
  prompt_tokens: 40,
  completion_tokens: 25,
  total_tokens: 65,
  prompt_tokens_details: { cached_tokens: 16, cache_write_tokens: 8 },
  completion_tokens_details: { reasoning_tokens: 10 },
};
const DETAILED_TOKENS = [40, 16, 8, 25, 10] as const;
const OUTSIDE = {
  prompt_tokens: 32,
  completion_tokens: 9,
  total_tokens: 141,
  completion_tokens_details: { reasoning_tokens: 100 },
};
const PLAIN_CHAT: Recorded = {
  events: [said, FINISH_EVENT, usageEvent(PLAIN), DONE_EVENT],
  tokens: PLAIN_TOKENS,
};

const CHAT: Recordings = {
  openai: {
    events: [
      chatEvent({ content: 'a' }, { usage: null }),
      FINISH_EVENT,
      usageEvent(DETAILED),
      DONE_EVENT,
    ],
    tokens: DETAILED_TOKENS,
  },
  'azure, what its filter says first': {
    events: [
      plain({ choices: [], prompt_filter_results: [{ prompt_index: 0 }] }),
      said,
      FINISH_EVENT,
      usageEvent(DETAILED),
      DONE_EVENT,
    ],
    tokens: DETAILED_TOKENS,
  },
  bedrock: PLAIN_CHAT,
  'bedrock-mantle': {
    events: [said, FINISH_EVENT, usageEvent(DETAILED), DONE_EVENT],
    tokens: DETAILED_TOKENS,
  },
  anthropic: PLAIN_CHAT,
  'google, cumulative and thoughts outside': {
    events: [
      beside({ prompt_tokens: 32, completion_tokens: 2, total_tokens: 94 }),
      beside({ prompt_tokens: 32, completion_tokens: 9, total_tokens: 141 }),
      FINISH_EVENT,
      DONE_EVENT,
    ],
    tokens: [32, 0, 0, 109, 0],
  },
  'groq, in its own place': {
    events: [said, chatEvent({}, { x_groq: { id: 'req_1', usage: PLAIN } }), DONE_EVENT],
    tokens: PLAIN_TOKENS,
  },
  'groq, in both places': {
    events: [
      chatEvent({ role: 'assistant' }, { x_groq: { id: 'req_1' } }),
      said,
      chatEvent({}, { finish: 'stop', x_groq: { id: 'req_1', usage: PLAIN } }),
      usageEvent(PLAIN),
      DONE_EVENT,
    ],
    tokens: PLAIN_TOKENS,
  },
  mistral: {
    events: [said, beside({ ...PLAIN, num_cached_tokens: 4 }), DONE_EVENT],
    tokens: [12, 4, 0, 5, 0],
  },
  'openrouter, with its cost': {
    events: [
      ': OPENROUTER PROCESSING\n\n',
      said,
      usageEvent({ ...DETAILED, cost: 0.00125 }),
      DONE_EVENT,
    ],
    tokens: DETAILED_TOKENS,
    more: { costNanoUsd: 1_250_000n },
  },
  'deepseek, what hit its cache': {
    events: [
      ': keep-alive\n\n',
      said,
      beside({ ...PLAIN, prompt_cache_hit_tokens: 8, prompt_cache_miss_tokens: 4 }),
      DONE_EVENT,
    ],
    tokens: [12, 8, 0, 5, 0],
  },
  'xai, reasoning outside': {
    events: [said, FINISH_EVENT, usageEvent(OUTSIDE), DONE_EVENT],
    tokens: [32, 0, 0, 109, 100],
  },
  'deepinfra, reasoning outside and no total of it': {
    events: [
      said,
      FINISH_EVENT,
      usageEvent({ ...OUTSIDE, total_tokens: 41, estimated_cost: 0.1 }),
      DONE_EVENT,
    ],
    tokens: [32, 0, 0, 109, 100],
  },
  together: { events: [said, beside(PLAIN), DONE_EVENT], tokens: PLAIN_TOKENS },
  'vllm, in every event': {
    events: [1, 2, 5]
      .map((n) => beside({ prompt_tokens: 12, completion_tokens: n, total_tokens: 12 + n }))
      .concat(DONE_EVENT),
    tokens: PLAIN_TOKENS,
  },
  ollama: PLAIN_CHAT,
};

const responseUsageOf = ({ prompt_tokens, completion_tokens, ...usage }: typeof DETAILED) => ({
  input_tokens: prompt_tokens,
  input_tokens_details: usage.prompt_tokens_details,
  output_tokens: completion_tokens,
  output_tokens_details: usage.completion_tokens_details,
  total_tokens: usage.total_tokens,
});
/** The last event; a response is sent three times, and only the last one has usage. */
const responsesOf = (type: string, usage: object): readonly string[] => [
  typed({ type: 'response.created', response: { id: 'resp_1', usage: null } }),
  typed({ type: 'response.in_progress', response: { id: 'resp_1', usage: null } }),
  typed({ type: 'response.output_text.delta', delta: 'Grüße, "usage":{ 👋' }),
  typed({ type: 'response.output_text.done', text: 'Grüße, "usage":{ 👋' }),
  typed({ type, response: { id: 'resp_1', usage } }),
];
const COMPLETED: Recorded = {
  events: responsesOf('response.completed', responseUsageOf(DETAILED)),
  tokens: DETAILED_TOKENS,
};
const PLAIN_RESPONSE: Recorded = {
  events: responsesOf('response.completed', {
    input_tokens: 12,
    output_tokens: 5,
    total_tokens: 17,
  }),
  tokens: PLAIN_TOKENS,
};

const RESPONSES: Recordings = {
  'openai, completed': COMPLETED,
  'openai, incomplete': {
    events: responsesOf('response.incomplete', responseUsageOf(DETAILED)),
    tokens: DETAILED_TOKENS,
  },
  'openai, failed': {
    events: responsesOf('response.failed', responseUsageOf(DETAILED)),
    tokens: DETAILED_TOKENS,
  },
  azure: COMPLETED,
  bedrock: PLAIN_RESPONSE,
  'bedrock-mantle': COMPLETED,
  'xai, reasoning outside': {
    events: responsesOf('response.completed', {
      input_tokens: 32,
      output_tokens: 9,
      output_tokens_details: { reasoning_tokens: 100 },
      total_tokens: 141,
      num_sources_used: 0,
    }),
    tokens: [32, 0, 0, 109, 100],
  },
  vllm: PLAIN_RESPONSE,
  ollama: PLAIN_RESPONSE,
};

const messagesOf = (start: object, ...deltas: readonly object[]): readonly string[] => [
  typed({ type: 'message_start', message: { id: 'msg_1', usage: start } }),
  typed({ type: 'ping' }),
  typed({
    type: 'content_block_delta',
    delta: { type: 'text_delta', text: 'Grüße, "usage":{ 👋' },
  }),
  ...deltas.map((usage) =>
    typed({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage }),
  ),
  typed({ type: 'message_stop' }),
];

const MESSAGES: Recordings = {
  'anthropic, cache beside the input and reports that repeat': {
    events: messagesOf(
      {
        input_tokens: 10,
        cache_read_input_tokens: 100,
        cache_creation_input_tokens: 50,
        cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 20 },
        output_tokens: 1,
        service_tier: 'standard',
      },
      { output_tokens: 20 },
      { output_tokens: 42, output_tokens_details: { thinking_tokens: 7 } },
    ),
    tokens: [160, 100, 50, 42, 7],
    more: { longCacheWrite: 20 },
  },
  'anthropic, a tool of its own, whose results are input': {
    events: messagesOf(
      { input_tokens: 10, output_tokens: 1, server_tool_use: { web_search_requests: 0 } },
      { input_tokens: 900, output_tokens: 42, server_tool_use: { web_search_requests: 2 } },
    ),
    tokens: [900, 0, 0, 42, 0],
    more: { toolsNanoUsd: 20_000_000n },
  },
  'bedrock, cache in its report': {
    events: messagesOf(
      {
        input_tokens: 10,
        cache_read_input_tokens: 100,
        cache_creation_input_tokens: 0,
        output_tokens: 1,
      },
      { output_tokens: 42 },
    ),
    tokens: [110, 100, 0, 42, 0],
  },
  'bedrock-mantle': {
    events: messagesOf({ input_tokens: 12, output_tokens: 1 }, { output_tokens: 5 }),
    tokens: PLAIN_TOKENS,
  },
  'ollama, nothing before its end': {
    events: messagesOf(
      { input_tokens: 0, output_tokens: 0 },
      { input_tokens: 12, output_tokens: 5 },
    ),
    tokens: PLAIN_TOKENS,
  },
};

const GOOGLE: Recordings = {
  'google, cumulative, thoughts and tools beside': {
    events: [
      plain({
        candidates: [{ content: { parts: [{ text: 'Grüße, "usageMetadata":{ 👋' }] } }],
        usageMetadata: { promptTokenCount: 100, thoughtsTokenCount: 3, totalTokenCount: 103 },
      }),
      plain({
        candidates: [{ content: { parts: [{ text: '!' }] }, finishReason: 'STOP', index: 0 }],
        usageMetadata: {
          promptTokenCount: 100,
          toolUsePromptTokenCount: 5,
          cachedContentTokenCount: 40,
          candidatesTokenCount: 20,
          thoughtsTokenCount: 7,
          totalTokenCount: 132,
        },
      }),
    ],
    tokens: [105, 40, 0, 27, 7],
  },
};

/** Streams by format; each name begins with the provider's. */
export const RECORDED_STREAMS = {
  chat: CHAT,
  responses: RESPONSES,
  messages: MESSAGES,
  google: GOOGLE,
};
