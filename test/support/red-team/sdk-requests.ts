/** The bodies of requests as the providers' own SDKs type them. Google's is put together as its REST API takes it. */
import type { MessageCreateParamsBase } from '@anthropic-ai/sdk/resources/beta/messages/messages';
import type {
  Content,
  GenerationConfig,
  SafetySetting,
  ServiceTier,
  Tool,
  ToolConfig,
} from '@google/genai';
import type { ChatCompletionCreateParamsBase } from 'openai/resources/chat/completions/completions';
import type { EmbeddingCreateParams } from 'openai/resources/embeddings';
import type { ResponseCreateParamsBase } from 'openai/resources/responses/responses';

interface GoogleRequest {
  contents: Content[];
  systemInstruction?: Content;
  tools?: Tool[];
  toolConfig?: ToolConfig;
  safetySettings?: SafetySetting[];
  generationConfig?: GenerationConfig;
  cachedContent?: string;
  serviceTier?: ServiceTier;
  labels?: Record<string, string>;
  store?: boolean;
}

interface GoogleEmbedding {
  model?: string;
  content: Content;
  taskType?: string;
  title?: string;
  outputDimensionality?: number;
}

export interface SdkRequests {
  chat: ChatCompletionCreateParamsBase;
  responses: ResponseCreateParamsBase;
  messages: MessageCreateParamsBase;
  embeddings: EmbeddingCreateParams;
  google: GoogleRequest;
  google_embed: GoogleEmbedding;
}
