/**
 * Where each wire format is posted to, by whose format it is and as which provider has it. Rows of data, for `known.ts`.
 * Flow: policy > **provider** > forward.
 */

/** How a provider is given its key: in which header. */
export type EndpointAuth = 'bearer' | 'x-api-key' | 'x-goog-api-key' | 'api-key';

/** Whose wire format: that of OpenAI's APIs, Anthropic's or Google's. */
type WireName = 'openai' | 'anthropic' | 'google';

/** Where a wire format is posted to. */
export interface EndpointRow {
  /** Behind the base URL; `{model}` stands for the model's id. */
  readonly path: string;
  /** The same of a stream, where the path says that one is asked for. */
  readonly streamPath?: string;
  /** What of the base URL's end is left out before it: the first of several that it ends in. */
  readonly leavesOut?: string | readonly string[];
  readonly auth: EndpointAuth;
  /** Models that are served elsewhere, and the path that takes the place of the other. */
  readonly apart?: { readonly models: RegExp; readonly path: string };
}

/** The wire formats that a server speaks, and where. */
export type Endpoints = Readonly<Partial<Record<DialectName, EndpointRow>>>;

export const RESPONSES = { responses: { path: '/responses', auth: 'bearer' } } as const;
export const OPENAI_ENDPOINTS = {
  chat: { path: '/chat/completions', auth: 'bearer' },
  embeddings: { path: '/embeddings', auth: 'bearer' },
} as const;

export const CHAT_ONLY = { chat: OPENAI_ENDPOINTS.chat } as const;

export const ANTHROPIC_ENDPOINTS = {
  messages: { path: '/messages', auth: 'x-api-key' },
  count_tokens: { path: '/messages/count_tokens', auth: 'x-api-key' },
} as const;

export const GOOGLE_ENDPOINTS = {
  google: {
    path: '/models/{model}:generateContent',
    streamPath: '/models/{model}:streamGenerateContent?alt=sse',
    auth: 'x-goog-api-key',
  },
} as const;

export const AZURE_ENDPOINTS = {
  chat: { path: '/chat/completions', auth: 'api-key' },
  responses: { path: '/responses', auth: 'api-key' },
  embeddings: { path: '/embeddings', auth: 'api-key' },
} as const;

/** Claude in its own format, beside what is OpenAI's, on both endpoints of Bedrock. */
const BEDROCK_MESSAGES = {
  path: '/anthropic/v1/messages',
  leavesOut: ['/openai/v1', '/v1'],
  auth: 'bearer',
} as const;

/** An OpenAI format on mantle. Under the wrong one of its two prefixes a model "isn't supported on this route". */
const onMantle = (path: string): EndpointRow => ({
  path: `/v1${path}`,
  leavesOut: ['/openai/v1', '/v1'],
  auth: 'bearer',
  apart: { models: /^(?:openai\.gpt-(?!oss)|google\.gemma-4|xai\.)/, path: `/openai/v1${path}` },
});

export const BEDROCK_ENDPOINTS = { ...CHAT_ONLY, ...RESPONSES, messages: BEDROCK_MESSAGES };

export const MANTLE_ENDPOINTS = {
  chat: onMantle('/chat/completions'),
  responses: onMantle('/responses'),
  messages: BEDROCK_MESSAGES,
};

/** What is posted to a server of which only its wire format is known, by the configuration's name of the format. */
export const WIRE_ENDPOINTS: Readonly<Record<WireName, Endpoints>> = {
  openai: OPENAI_ENDPOINTS,
  anthropic: ANTHROPIC_ENDPOINTS,
  google: GOOGLE_ENDPOINTS,
};

/** By whose wire format each is. */
export const WIRE_OF: Readonly<Record<DialectName, WireName>> = {
  chat: 'openai',
  responses: 'openai',
  embeddings: 'openai',
  messages: 'anthropic',
  count_tokens: 'anthropic',
  google: 'google',
};

export type DialectName =
  | 'chat'
  | 'responses'
  | 'embeddings'
  | 'messages'
  | 'count_tokens'
  | 'google';
