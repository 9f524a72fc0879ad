/**
 * The clients people have, on chat completions: each works unchanged, and raises what it raises for its own provider.
 */
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { LLMock } from '@copilotkit/aimock';
import { ChatOpenAI } from '@langchain/openai';
import { APICallError, generateText, type LanguageModel, RetryError, streamText } from 'ai';
import OpenAI from 'openai';
import OpenAIBefore from 'openai-6';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const MODEL = 'openai/gpt-4o-mini';
const PROMPT = 'Say hello';
const ANSWER = 'Hello from an independent provider';

let mock: LLMock;
let gateway: TestGateway;
beforeAll(async () => {
  mock = new LLMock({ port: 0 });
  mock.onMessage(PROMPT, { content: ANSWER });
  await mock.start();
  gateway = await startTestGateway({ providerUrls: { openai: `${mock.url}/v1` } });
});
afterAll(async () => {
  await gateway?.close();
  await mock?.stop();
});

interface Client {
  /** What it says, whole or by a stream. */
  ask(apiKey: string, model?: string): Promise<string>;
  stream(apiKey: string): Promise<string>;
}

/** Every request that a client sends. */
let tries = 0;
const counted: typeof fetch = (...request) => {
  tries += 1;
  return fetch(...request);
};

const messages = [{ role: 'user' as const, content: PROMPT }];
const ofOpenAi = (Sdk: typeof OpenAI): Client => {
  const clientOf = (apiKey: string) => new Sdk({ baseURL: gateway.url, apiKey, fetch: counted });
  return {
    ask: async (apiKey, model = MODEL) => {
      const answer = await clientOf(apiKey).chat.completions.create({ model, messages });
      return answer.choices[0]?.message.content ?? '';
    },
    stream: async (apiKey) => {
      const stream = await clientOf(apiKey).chat.completions.create({
        model: MODEL,
        messages,
        stream: true,
      });
      let text = '';
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
      return text;
    },
  };
};
const ofAi = (modelOf: (apiKey: string, model: string) => LanguageModel): Client => ({
  ask: async (apiKey, model = MODEL) =>
    (await generateText({ model: modelOf(apiKey, model), prompt: PROMPT })).text,
  stream: async (apiKey) => streamText({ model: modelOf(apiKey, MODEL), prompt: PROMPT }).text,
});
const langchainOf = (apiKey: string, model = MODEL) =>
  new ChatOpenAI({ model, apiKey, configuration: { baseURL: gateway.url, fetch: counted } });

const CLIENTS: readonly (readonly [string, Client])[] = [
  ['openai 7', ofOpenAi(OpenAI)],
  ['openai 6', ofOpenAi(OpenAIBefore as unknown as typeof OpenAI)],
  [
    'ai with openai',
    ofAi((apiKey, model) =>
      createOpenAI({ baseURL: gateway.url, apiKey, fetch: counted }).chat(model),
    ),
  ],
  [
    'ai with openai-compatible',
    ofAi((apiKey, model) =>
      createOpenAICompatible({ name: 'hallpass', baseURL: gateway.url, apiKey, fetch: counted })(
        model,
      ),
    ),
  ],
  [
    'langchain',
    {
      ask: async (apiKey, model) =>
        String((await langchainOf(apiKey, model).invoke(PROMPT)).content),
      stream: async (apiKey) => {
        let text = '';
        for await (const { content } of await langchainOf(apiKey).stream(PROMPT)) text += content;
        return text;
      },
    },
  ],
];

const tokenOf = (claims: Record<string, unknown> = {}) =>
  gateway.sign({ spending_limit: 1, jti: crypto.randomUUID(), ...claims });

/** Status and code, wherever a client keeps them. */
async function raisedBy(call: Promise<unknown>): Promise<{ status: unknown; code: unknown }> {
  const raised = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  const error = RetryError.isInstance(raised) ? raised.lastError : raised;
  if (APICallError.isInstance(error)) {
    const { code } = JSON.parse(error.responseBody ?? '{}').error;
    return { status: error.statusCode, code };
  }
  const { status, code, error: body } = Object(error);
  return { status, code: body?.code ?? code };
}

describe.each(CLIENTS)('%s', (_, client) => {
  it('gets an answer of an independent fake of the provider', async () => {
    expect(await client.ask(tokenOf())).toBe(ANSWER);
  });

  it('streams one', async () => {
    expect(await client.stream(tokenOf())).toBe(ANSWER);
  });

  it.each([
    ['a refused model', { models: ['openai/gpt-4o'] }, 403, 'model_not_allowed'],
    ['an expired token', { exp: 1_000_000_000, iat: 999_999_000 }, 401, 'token_expired'],
    ['a spent budget', { spending_limit: 0.000_001 }, 402, 'insufficient_quota'],
  ])('is told of %s at once, and does not try again', async (_name, claims, status, code) => {
    tries = 0;
    expect(await raisedBy(client.ask(tokenOf(claims)))).toEqual({ status, code });
    expect(tries).toBe(1);
  });
});
