/**
 * The official clients as people set them up, each in its own format, behind one interface.
 */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, jsonSchema, type LanguageModel, streamText, tool } from 'ai';
import AnthropicBefore from 'anthropic-sdk-0';
import { GoogleGenAI as GoogleGenAIBefore } from 'google-genai-1';
import OpenAI from 'openai';
import OpenAIBefore from 'openai-6';

export type Format = 'chat' | 'responses' | 'messages' | 'google';

/** One question to a model, and the client's settings. */
export interface Question {
  /** Ends in `/v1`. */
  readonly baseURL: string;
  readonly apiKey: string;
  readonly model: string;
  readonly prompt: string;
  /** @default the client's own */
  readonly maxRetries?: number;
}

/** Calls a client and returns the text, or the call of the tool `add`. Rejects with the client's error. */
export interface Client {
  readonly format: Format;
  ask(question: Question): Promise<string>;
  /** @param onText is called with each piece as it comes */
  stream(question: Question, onText?: (text: string) => void): Promise<string>;
  callTool(question: Question): Promise<{ readonly name: string; readonly input: unknown }>;
}

const MAX_OUTPUT_TOKENS = 100;
const PARAMETERS = {
  type: 'object' as const,
  properties: { a: { type: 'number' as const } },
  required: ['a'],
  additionalProperties: false,
};
const NOTHING = (): void => {};

const settingsOf = ({ baseURL, apiKey, maxRetries }: Question) => ({
  baseURL,
  apiKey,
  ...(maxRetries === undefined ? {} : { maxRetries }),
});

const messagesOf = ({ prompt }: Question) => [{ role: 'user' as const, content: prompt }];

const chatOf = (Sdk: typeof OpenAI): Client => {
  const bodyOf = (question: Question) => ({
    model: question.model,
    messages: messagesOf(question),
    max_completion_tokens: MAX_OUTPUT_TOKENS,
  });
  const completionsOf = (question: Question) => new Sdk(settingsOf(question)).chat.completions;
  return {
    format: 'chat',
    ask: async (question) => {
      const answer = await completionsOf(question).create(bodyOf(question));
      return answer.choices[0]?.message.content ?? '';
    },
    stream: async (question, onText = NOTHING) => {
      const chunks = await completionsOf(question).create({ ...bodyOf(question), stream: true });
      return join(chunks, (chunk) => chunk.choices[0]?.delta.content, onText);
    },
    callTool: async (question) => {
      const { choices } = await completionsOf(question).create({
        ...bodyOf(question),
        tools: [{ type: 'function', function: { name: 'add', parameters: PARAMETERS } }],
      });
      const call = choices[0]?.message.tool_calls?.[0];
      if (call?.type !== 'function') throw new Error('no call of a function');
      return { name: call.function.name, input: JSON.parse(call.function.arguments) };
    },
  };
};

const responsesOf = (Sdk: typeof OpenAI): Client => {
  const bodyOf = ({ model, prompt }: Question) => ({
    model,
    input: prompt,
    max_output_tokens: MAX_OUTPUT_TOKENS,
  });
  const responsesAt = (question: Question) => new Sdk(settingsOf(question)).responses;
  return {
    format: 'responses',
    ask: async (question) => (await responsesAt(question).create(bodyOf(question))).output_text,
    stream: async (question, onText = NOTHING) => {
      const events = await responsesAt(question).create({ ...bodyOf(question), stream: true });
      const textOf = (event: OpenAI.Responses.ResponseStreamEvent) =>
        event.type === 'response.output_text.delta' ? event.delta : undefined;
      return join(events, textOf, onText);
    },
    callTool: async (question) => {
      const { output } = await responsesAt(question).create({
        ...bodyOf(question),
        tools: [{ type: 'function', name: 'add', parameters: PARAMETERS, strict: true }],
      });
      const call = output.find(({ type }) => type === 'function_call');
      if (call?.type !== 'function_call') throw new Error('no call of a function');
      return { name: call.name, input: JSON.parse(call.arguments) };
    },
  };
};

const messagesClientOf = (Sdk: typeof Anthropic): Client => {
  const bodyOf = (question: Question) => ({
    model: question.model,
    messages: messagesOf(question),
    max_tokens: MAX_OUTPUT_TOKENS,
  });
  // Its base URL is without /v1.
  const messagesAt = (question: Question) =>
    new Sdk({ ...settingsOf(question), baseURL: question.baseURL.replace(/\/v1$/, '') }).messages;
  return {
    format: 'messages',
    ask: async (question) => {
      const { content } = await messagesAt(question).create(bodyOf(question));
      return content.map((block) => (block.type === 'text' ? block.text : '')).join('');
    },
    stream: async (question, onText = NOTHING) => {
      const events = await messagesAt(question).create({ ...bodyOf(question), stream: true });
      const textOf = (event: Anthropic.RawMessageStreamEvent) =>
        event.type === 'content_block_delta' && event.delta.type === 'text_delta'
          ? event.delta.text
          : undefined;
      return join(events, textOf, onText);
    },
    callTool: async (question) => {
      const { content } = await messagesAt(question).create({
        ...bodyOf(question),
        tools: [{ name: 'add', input_schema: PARAMETERS }],
      });
      const call = content.find(({ type }) => type === 'tool_use');
      if (call?.type !== 'tool_use') throw new Error('no use of a tool');
      return { name: call.name, input: call.input };
    },
  };
};

const genaiOf = (Sdk: typeof GoogleGenAI): Client => {
  const bodyOf = ({ model, prompt }: Question) => ({
    model,
    contents: prompt,
    config: { maxOutputTokens: MAX_OUTPUT_TOKENS },
  });
  // Its base URL is without /v1, and it tries once.
  const modelsAt = ({ baseURL, apiKey }: Question) =>
    new Sdk({ apiKey, httpOptions: { baseUrl: baseURL.replace(/\/v1$/, '') } }).models;
  return {
    format: 'google',
    ask: async (question) =>
      (await modelsAt(question).generateContent(bodyOf(question))).text ?? '',
    stream: async (question, onText = NOTHING) =>
      join(
        await modelsAt(question).generateContentStream(bodyOf(question)),
        ({ text }) => text,
        onText,
      ),
    callTool: async (question) => {
      const { config, ...body } = bodyOf(question);
      const tools = [{ functionDeclarations: [{ name: 'add', parametersJsonSchema: PARAMETERS }] }];
      const answer = await modelsAt(question).generateContent({
        ...body,
        config: { ...config, tools },
      });
      const call = answer.functionCalls?.[0];
      return { name: call?.name ?? '', input: call?.args };
    },
  };
};

const aiOf = (format: Format, modelOf: (question: Question) => LanguageModel): Client => {
  const optionsOf = (question: Question) => ({
    model: modelOf(question),
    prompt: question.prompt,
    maxOutputTokens: MAX_OUTPUT_TOKENS,
    ...(question.maxRetries === undefined ? {} : { maxRetries: question.maxRetries }),
  });
  return {
    format,
    ask: async (question) => (await generateText(optionsOf(question))).text,
    stream: async (question, onText = NOTHING) => {
      const { fullStream } = streamText({ ...optionsOf(question), onError: NOTHING });
      return join(
        fullStream,
        (part) => {
          if (part.type === 'error') throw part.error;
          return part.type === 'text-delta' ? part.text : undefined;
        },
        onText,
      );
    },
    callTool: async (question) => {
      const add = tool({
        inputSchema: jsonSchema<{ a: number }>(PARAMETERS),
        execute: async ({ a }) => a,
      });
      const { toolCalls } = await generateText({ ...optionsOf(question), tools: { add } });
      return { name: toolCalls[0]?.toolName ?? '', input: toolCalls[0]?.input };
    },
  };
};

const langchainOf = (format: Format): Client => {
  const modelOf = ({ model, apiKey, baseURL, maxRetries }: Question) =>
    new ChatOpenAI({
      model,
      apiKey,
      maxTokens: MAX_OUTPUT_TOKENS,
      useResponsesApi: format === 'responses',
      configuration: { baseURL },
      ...(maxRetries === undefined ? {} : { maxRetries }),
    });
  return {
    format,
    ask: async (question) => (await modelOf(question).invoke(question.prompt)).text,
    stream: async (question, onText = NOTHING) =>
      join(await modelOf(question).stream(question.prompt), ({ text }) => text, onText),
    callTool: async (question) => {
      const tools = [{ name: 'add', description: 'adds', schema: PARAMETERS }];
      const answer = await modelOf(question).bindTools(tools).invoke(question.prompt);
      const call = answer.tool_calls?.[0];
      return { name: call?.name ?? '', input: call?.args };
    },
  };
};

async function join<Part>(
  parts: AsyncIterable<Part>,
  textOf: (part: Part) => string | null | undefined,
  onText: (text: string) => void,
): Promise<string> {
  let text = '';
  for await (const part of parts) {
    const piece = textOf(part) ?? '';
    text += piece;
    if (piece !== '') onText(piece);
  }
  return text;
}

/** Clients by name. Older major versions differ from the newest only in their types. */
export const CLIENTS: ReadonlyMap<string, Client> = new Map([
  ['openai 7', chatOf(OpenAI)],
  ['openai 6', chatOf(OpenAIBefore as unknown as typeof OpenAI)],
  ['openai 7, responses', responsesOf(OpenAI)],
  ['openai 6, responses', responsesOf(OpenAIBefore as unknown as typeof OpenAI)],
  ['ai with openai', aiOf('responses', (of) => createOpenAI(settingsOf(of))(of.model))],
  ['ai with openai, chat', aiOf('chat', (of) => createOpenAI(settingsOf(of)).chat(of.model))],
  [
    'ai with openai-compatible',
    aiOf('chat', (of) => createOpenAICompatible({ name: 'hallpass', ...settingsOf(of) })(of.model)),
  ],
  ['ai with anthropic', aiOf('messages', (of) => createAnthropic(settingsOf(of))(of.model))],
  [
    'ai with google',
    aiOf('google', (of) =>
      // It takes an id with a slash for a path below its base URL.
      createGoogle({ ...settingsOf(of), baseURL: `${of.baseURL}beta` })(`models/${of.model}`),
    ),
  ],
  ['langchain', langchainOf('chat')],
  ['langchain, responses', langchainOf('responses')],
  ['@anthropic-ai/sdk 1', messagesClientOf(Anthropic)],
  ['@anthropic-ai/sdk 0', messagesClientOf(AnthropicBefore as unknown as typeof Anthropic)],
  ['@google/genai 3', genaiOf(GoogleGenAI)],
  ['@google/genai 1', genaiOf(GoogleGenAIBefore as unknown as typeof GoogleGenAI)],
]);
