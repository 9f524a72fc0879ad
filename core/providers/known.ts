/**
 * The known providers as rows of data: their URLs and how each differs from OpenAI.
 * Invariant: a provider's differences are in its row and nowhere else.
 */
import {
  ANTHROPIC_ENDPOINTS,
  ANTHROPIC_OWN_ENDPOINTS,
  AZURE_ENDPOINTS,
  BEDROCK_ENDPOINTS,
  CHAT_ONLY,
  type Endpoints,
  GOOGLE_ENDPOINTS,
  GOOGLE_OWN_ENDPOINTS,
  MANTLE_ENDPOINTS,
  OPENAI_ENDPOINTS,
  OPENAI_OWN_ENDPOINTS,
  RESPONSES,
} from './endpoints.ts';

/** The differences between providers. */
export interface ProviderRow {
  /**
   * The URL before `/chat/completions`, without a slash at its end. `{region}` is replaced by the configured region.
   * Absent: the configuration must give the URL.
   */
  readonly baseUrl?: string;
  /** The AWS service for which requests can be signed, in place of a key. */
  readonly signedFor?: 'bedrock' | 'bedrock-mantle';
  /** The dialects that it speaks. */
  readonly endpoints: Endpoints;
  /** The environment variable with its API key on a developer's machine. */
  readonly keyVariable?: string;
  /** True if it can be called without a key. */
  readonly keyless: boolean;
  /** The field for the output cap. The other one is never sent. */
  readonly capField: 'max_tokens' | 'max_completion_tokens';
  /**
   * The way in which a stream's usage is requested. `inject`: the gateway sets `stream_options.include_usage`. `always`: usage comes
   * anyway, and the client's field is passed on. `never`: usage comes anyway, but the field is an error and is removed.
   */
  readonly includeUsage: 'inject' | 'always' | 'never';
  /** Fields that the provider refuses and that do not change the answer. */
  readonly dropFields: readonly string[];
  readonly renameFields: Readonly<Record<string, string>>;
  /** The most input tokens that one image can count, at any size. */
  readonly imageTokensMax: number;
  /** True if `usage.cost`, in USD, is the amount it bills. */
  readonly reportsCost: boolean;
  /** Refusals that it bills all the same. Other refusals (4xx but 408) cost nothing. */
  readonly billsRefusals: readonly BilledRefusal[];
  /**
   * True if it made the models that it serves, so that it refuses input beyond a model's published window. Others serve
   * models with a window of their own, or cut the input.
   */
  readonly isModelsOwn: boolean;
}

/** A refusal that is billed: its status, and a word that its body contains. */
export interface BilledRefusal {
  readonly status: number;
  readonly word: string;
}

/** The row of an unknown OpenAI-compatible server. */
export const GENERIC_ROW: ProviderRow = {
  endpoints: OPENAI_ENDPOINTS,
  keyless: false,
  capField: 'max_tokens',
  includeUsage: 'inject',
  dropFields: [],
  renameFields: {},
  // Qwen2-VL's default bound, the largest of the open models' (max_pixels / 28²).
  imageTokensMax: 16_384,
  reportsCost: false,
  billsRefusals: [],
  isModelsOwn: false,
};

const row = (differences: Partial<ProviderRow>): ProviderRow => ({
  ...GENERIC_ROW,
  ...differences,
});

/** The built-in provider, which speaks every dialect. It has paths but no server. */
export const DEMO_ROW: ProviderRow = row({
  endpoints: {
    ...OPENAI_ENDPOINTS,
    ...RESPONSES,
    ...ANTHROPIC_ENDPOINTS,
    ...GOOGLE_ENDPOINTS,
  },
});

const ROWS: Readonly<Record<string, ProviderRow>> = {
  openai: row({
    baseUrl: 'https://api.openai.com/v1',
    keyVariable: 'OPENAI_API_KEY',
    endpoints: OPENAI_OWN_ENDPOINTS,
    // Reasoning models answer 400 to "max_tokens".
    capField: 'max_completion_tokens',
    // gpt-4o-mini: 2,833 + 5,667 a tile, 8 tiles at most (https://platform.openai.com/docs/guides/images-vision).
    imageTokensMax: 48_169,
    isModelsOwn: true,
  }),
  // The configuration gives https://{resource}.openai.azure.com/openai/v1; a model is the name of a deployment.
  azure: row({
    endpoints: AZURE_ENDPOINTS,
    keyVariable: 'AZURE_OPENAI_API_KEY',
    capField: 'max_completion_tokens',
    imageTokensMax: 48_169,
    // It charges for 400 by a content filter or an input limit, and for 408:
    // https://learn.microsoft.com/azure/ai-foundry/openai/how-to/manage-costs
    billsRefusals: [
      { status: 400, word: 'content_filter' },
      { status: 400, word: 'ResponsibleAIPolicyViolation' },
      { status: 400, word: 'context_length_exceeded' },
    ],
  }),
  // https://docs.aws.amazon.com/bedrock/latest/userguide/inference-messages-api.html, inference-responses-api.html
  bedrock: row({
    baseUrl: 'https://bedrock-runtime.{region}.amazonaws.com/openai/v1',
    signedFor: 'bedrock',
    endpoints: BEDROCK_ENDPOINTS,
    keyVariable: 'AWS_BEARER_TOKEN_BEDROCK',
    capField: 'max_completion_tokens',
    imageTokensMax: 48_169,
  }),
  // Models that the runtime lacks. https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html
  'bedrock-mantle': row({
    baseUrl: 'https://bedrock-mantle.{region}.api.aws/v1',
    signedFor: 'bedrock-mantle',
    endpoints: MANTLE_ENDPOINTS,
    keyVariable: 'AWS_BEARER_TOKEN_BEDROCK',
    capField: 'max_completion_tokens',
    imageTokensMax: 48_169,
  }),
  // https://docs.anthropic.com/en/api/openai-sdk
  anthropic: row({
    baseUrl: 'https://api.anthropic.com/v1',
    endpoints: { ...CHAT_ONLY, ...ANTHROPIC_OWN_ENDPOINTS },
    keyVariable: 'ANTHROPIC_API_KEY',
    imageTokensMax: 8_192,
    isModelsOwn: true,
  }),
  // https://ai.google.dev/gemini-api/docs/openai
  google: row({
    baseUrl: 'https://generativelanguage.googleapis.com/v1beta/openai',
    endpoints: { ...OPENAI_ENDPOINTS, ...GOOGLE_OWN_ENDPOINTS },
    keyVariable: 'GEMINI_API_KEY',
    isModelsOwn: true,
  }),
  deepinfra: row({
    baseUrl: 'https://api.deepinfra.com/v1/openai',
    keyVariable: 'DEEPINFRA_API_KEY',
  }),
  // https://openrouter.ai/docs/use-cases/usage-accounting: the last event always has usage with its cost.
  openrouter: row({
    baseUrl: 'https://openrouter.ai/api/v1',
    keyVariable: 'OPENROUTER_API_KEY',
    includeUsage: 'always',
    reportsCost: true,
    imageTokensMax: 48_169,
  }),
  // https://console.groq.com/docs/openai: "max_tokens" is deprecated; usage also comes in "x_groq".
  groq: row({
    baseUrl: 'https://api.groq.com/openai/v1',
    endpoints: CHAT_ONLY,
    keyVariable: 'GROQ_API_KEY',
    capField: 'max_completion_tokens',
  }),
  // It answers 422 (extra_forbidden) to any unknown field, "stream_options" and "max_completion_tokens" included.
  mistral: row({
    baseUrl: 'https://api.mistral.ai/v1',
    keyVariable: 'MISTRAL_API_KEY',
    includeUsage: 'never',
    dropFields: [
      'user',
      'safety_identifier',
      'prompt_cache_key',
      'metadata',
      'service_tier',
      'logprobs',
      'top_logprobs',
      'logit_bias',
    ],
    renameFields: { seed: 'random_seed' },
    isModelsOwn: true,
  }),
  together: row({ baseUrl: 'https://api.together.xyz/v1', keyVariable: 'TOGETHER_API_KEY' }),
  deepseek: row({
    baseUrl: 'https://api.deepseek.com',
    endpoints: CHAT_ONLY,
    keyVariable: 'DEEPSEEK_API_KEY',
    isModelsOwn: true,
  }),
  xai: row({
    baseUrl: 'https://api.x.ai/v1',
    keyVariable: 'XAI_API_KEY',
    endpoints: { ...CHAT_ONLY, ...RESPONSES },
    isModelsOwn: true,
  }),
  vllm: row({
    baseUrl: 'http://127.0.0.1:8000/v1',
    keyVariable: 'VLLM_API_KEY',
    keyless: true,
    endpoints: { ...OPENAI_ENDPOINTS, ...RESPONSES },
  }),
  // https://docs.ollama.com/api/openai-compatibility, https://docs.ollama.com/api/anthropic-compatibility
  ollama: row({
    baseUrl: 'http://127.0.0.1:11434/v1',
    keyVariable: 'OLLAMA_API_KEY',
    keyless: true,
    endpoints: {
      ...OPENAI_ENDPOINTS,
      ...RESPONSES,
      messages: { path: '/messages', auth: 'bearer' },
    },
  }),
};

/** The known providers by name. */
export const KNOWN_PROVIDERS: ReadonlyMap<string, ProviderRow> = new Map(Object.entries(ROWS));
