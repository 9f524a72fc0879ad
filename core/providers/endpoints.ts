/**
 * Endpoints of each dialect: the path and the header of the key, per provider. Rows of data, used by `known.ts`.
 * Flow: policy > **provider** > forward.
 */
import type { ApiFamily } from '../base/error-body.ts';

/** The dialects: formats of requests, as a client sends them and a provider reads them; for each its family and its route here. */
export const DIALECTS = {
  chat: { family: 'openai', route: '/v1/chat/completions' },
  responses: { family: 'openai', route: '/v1/responses' },
  embeddings: { family: 'openai', route: '/v1/embeddings' },
  messages: { family: 'anthropic', route: '/v1/messages' },
  count_tokens: { family: 'anthropic', route: '/v1/messages/count_tokens' },
  google: { family: 'google', route: '/v1beta/models/{model}:generateContent' },
  google_count_tokens: { family: 'google', route: '/v1beta/models/{model}:countTokens' },
  google_embed: { family: 'google', route: '/v1beta/models/{model}:embedContent' },
  google_batch_embed: { family: 'google', route: '/v1beta/models/{model}:batchEmbedContents' },
} as const satisfies Record<string, { readonly family: ApiFamily; readonly route: string }>;

export type DialectName = keyof typeof DIALECTS;

/** The endpoint of one dialect. */
export interface EndpointRow {
  /** The path behind the base URL. `{model}` is replaced by the model's id. */
  readonly path: string;
  /** The path of a stream, for dialects whose path says that the answer is streamed. @default `path` */
  readonly streamPath?: string;
  /** Ends of the base URL to remove before the path is added; the first that fits is removed. */
  readonly leavesOut?: string | readonly string[];
  /** The header in which a provider reads its key. */
  readonly auth: 'bearer' | 'x-api-key' | 'x-goog-api-key' | 'api-key';
  /** The path of the route that counts the input of a request of this dialect without a charge. @default none */
  readonly countPath?: string;
  /** The `service_tier` that is sent under a limit. Without one, the project's setting changes the price. */
  readonly serviceTier?: 'default' | 'standard_only';
  /** True if a stream begins with the exact count of its input. @default false */
  readonly countsInputFirst?: true;
  /** Models with another path. */
  readonly apart?: { readonly models: RegExp; readonly path: string };
}

/** The dialects that a server speaks, with their endpoints. */
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
  google_count_tokens: { path: '/models/{model}:countTokens', auth: 'x-goog-api-key' },
  google_embed: { path: '/models/{model}:embedContent', auth: 'x-goog-api-key' },
  google_batch_embed: { path: '/models/{model}:batchEmbedContents', auth: 'x-goog-api-key' },
} as const;

/** OpenAI itself. Its count route reads responses alone; a chat request is rewritten for it. */
const OPENAI_OWN = { countPath: '/responses/input_tokens', serviceTier: 'default' } as const;

export const OPENAI_OWN_ENDPOINTS = {
  chat: { ...OPENAI_ENDPOINTS.chat, ...OPENAI_OWN },
  responses: { ...RESPONSES.responses, ...OPENAI_OWN },
  embeddings: OPENAI_ENDPOINTS.embeddings,
} as const;

export const ANTHROPIC_OWN_ENDPOINTS = {
  ...ANTHROPIC_ENDPOINTS,
  messages: {
    ...ANTHROPIC_ENDPOINTS.messages,
    countPath: '/messages/count_tokens',
    serviceTier: 'standard_only',
    countsInputFirst: true,
  },
} as const;

/** The same endpoints with another property. */
const withEach = (endpoints: Endpoints, more: Partial<EndpointRow>): Endpoints =>
  Object.fromEntries(
    Object.entries(endpoints).map(([dialect, row]) => [dialect, { ...row, ...more }]),
  );

/** Google itself, whose base URL is that of its OpenAI-compatible endpoint. */
export const GOOGLE_OWN_ENDPOINTS = withEach(
  {
    ...GOOGLE_ENDPOINTS,
    google: {
      ...GOOGLE_ENDPOINTS.google,
      countPath: GOOGLE_ENDPOINTS.google_count_tokens.path,
      countsInputFirst: true,
    },
  },
  { leavesOut: '/openai' },
);

export const AZURE_ENDPOINTS = withEach({ ...OPENAI_ENDPOINTS, ...RESPONSES }, { auth: 'api-key' });

/** Anthropic's dialect on both of Bedrock's endpoints. */
const BEDROCK_MESSAGES = {
  path: '/anthropic/v1/messages',
  leavesOut: ['/openai/v1', '/v1'],
  auth: 'bearer',
  countsInputFirst: true,
} as const;

/** A dialect of OpenAI's on mantle. Its models are split over two prefixes; the wrong one answers an error. */
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
  messages: { ...BEDROCK_MESSAGES, countPath: `${BEDROCK_MESSAGES.path}/count_tokens` },
};

/** The endpoints of a server of which only its API family is known. */
export const FAMILY_ENDPOINTS: Readonly<Record<ApiFamily, Endpoints>> = {
  openai: OPENAI_ENDPOINTS,
  anthropic: ANTHROPIC_ENDPOINTS,
  google: GOOGLE_ENDPOINTS,
};
