/**
 * Google's clients through the whole gateway: what they send arrives, and what they raise is what they expect.
 */

import { createGoogle } from '@ai-sdk/google';
import { LLMock } from '@copilotkit/aimock';
import { GoogleGenAI } from '@google/genai';
import { generateText, streamText } from 'ai';
import { GoogleGenAI as GoogleGenAIBefore } from 'google-genai-1';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type FakeProvider, type Reply, startFakeProvider } from '../support/fake-provider.ts';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startAtNoon } from '../support/noon.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

startAtNoon();

const JSON_TYPE = { 'content-type': 'application/json' };
const USAGE = {
  promptTokenCount: 30,
  cachedContentTokenCount: 20,
  candidatesTokenCount: 60,
  thoughtsTokenCount: 40,
  totalTokenCount: 130,
};
/** 10 × 0.30 + 20 × 0.03 + 100 × 2.50 USD a million: the price of gemini-2.5-flash. */
const COST_USD = 0.0002536;
const answer = (parts: object[], more: object = {}): object => ({
  candidates: [{ content: { parts, role: 'model' }, index: 0, ...more }],
});
const event = (data: object): string => `data: ${JSON.stringify(data)}\r\n\r\n`;
const stop = { finishReason: 'STOP' };
const whole = (parts: object[]): Reply => ({
  headers: JSON_TYPE,
  steps: [{ write: JSON.stringify({ ...answer(parts, stop), usageMetadata: USAGE }) }],
});
const stream = (...writes: string[]): Reply => ({ steps: writes.map((write) => ({ write })) });
const FIRST = event({
  ...answer([{ text: 'Hel' }]),
  usageMetadata: { promptTokenCount: 30, totalTokenCount: 30 },
});
const LAST = event({ ...answer([{ text: 'lo' }], stop), usageMetadata: USAGE });

const folder = makeTemporaryFolder();
let provider: FakeProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({
    data: folder,
    providerUrls: { google: provider.url },
    variables: { GEMINI_API_KEY: 'AIza-provider' },
  });
});
afterAll(async () => {
  await gateway?.close();
  await provider?.close();
});

const MODEL = 'gemini-2.5-flash';
const ask = { model: MODEL, contents: 'Hi', config: { maxOutputTokens: 200 } };
const baseUrl = () => gateway.url.replace(/\/v1$/, '');
const spentOf = async (apiKey: string) => (await gateway.aboutKey(apiKey)).usage;
const raisedBy = async (call: Promise<unknown>) => {
  const error: unknown = await call.then(
    () => undefined,
    (raised: unknown) => raised,
  );
  return error as { name: string; status?: number; message: string };
};
/** A reply that can break off after its first part. */
const broken = (): { reply: Reply; breakOff: () => void } => {
  let breakOff = (): void => {};
  const until = new Promise<void>((resolve) => {
    breakOff = resolve;
  });
  return { reply: { steps: [{ write: FIRST }, { until }, 'die'] }, breakOff: () => breakOff() };
};

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each([
  ['@google/genai 3', GoogleGenAI],
  ['@google/genai 1', GoogleGenAIBefore as unknown as typeof GoogleGenAI],
])('%s', (name, Sdk) => {
  const clientOf = (claims: Record<string, unknown> = {}) => {
    const apiKey = gateway.newToken({ spending_limit: 1, ...claims });
    const options = { apiKey, httpOptions: { baseUrl: baseUrl() } };
    return { apiKey, models: new Sdk(options).models };
  };
  const textOf = async (chunks: AsyncIterable<{ text?: string | undefined }>) => {
    let text = '';
    for await (const chunk of chunks) text += chunk.text ?? '';
    return text;
  };

  test('gets an answer, is billed to the nano-dollar, and the provider gets the checked request', async () => {
    provider.reply(whole([{ text: 'Hello' }]));
    const { models, apiKey } = clientOf();
    const before = provider.requests.length;
    expect((await models.generateContent(ask)).text).toBe('Hello');

    const seen = provider.requests[before];
    expect(seen?.path).toBe('/v1/models/gemini-2.5-flash:generateContent');
    expect(seen?.headers['x-goog-api-key']).toBe('AIza-provider');
    expect(seen?.headers).not.toHaveProperty('x-goog-api-client');
    expect(JSON.parse(seen?.body ?? '')).toEqual({
      contents: [{ parts: [{ text: 'Hi' }], role: 'user' }],
      generationConfig: { maxOutputTokens: 200 },
    });
    expect(await spentOf(apiKey)).toBe(COST_USD);
  });

  test('streams, and is billed before the stream ends', async () => {
    provider.reply(stream(FIRST, LAST));
    const { models, apiKey } = clientOf();
    expect(await textOf(await models.generateContentStream(ask))).toBe('Hello');
    expect(provider.requests.at(-1)?.path).toBe(
      '/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
    );
    expect(await spentOf(apiKey)).toBe(COST_USD);
  });

  test('counts tokens at no cost', async () => {
    provider.reply({ headers: JSON_TYPE, steps: [{ write: '{"totalTokens":9}' }] });
    const { models, apiKey } = clientOf();
    const { totalTokens } = await models.countTokens({ model: MODEL, contents: 'Hi' });
    expect(totalTokens).toBe(9);
    expect(provider.requests.at(-1)?.path).toBe('/v1/models/gemini-2.5-flash:countTokens');
    expect(await spentOf(apiKey)).toBe(0);
  });

  test('embeds texts and is billed for them', async () => {
    const embeddings = [{ values: [1, 2] }];
    const usageMetadata = { promptTokenCount: 1_000 };
    const write = JSON.stringify({ embeddings, usageMetadata });
    provider.reply({ headers: JSON_TYPE, steps: [{ write }] });
    const { models, apiKey } = clientOf();
    const model = 'gemini-embedding-001';
    const answer = await models.embedContent({ model, contents: ['Hi'] });
    expect(answer.embeddings?.[0]?.values).toEqual([1, 2]);
    const seen = provider.requests.at(-1);
    expect(seen?.path).toBe(`/v1/models/${model}:batchEmbedContents`);
    expect(JSON.parse(seen?.body ?? '').requests).toMatchObject([{ model: `models/${model}` }]);
    // 1,000 × 0.15 USD a million.
    expect(await spentOf(apiKey)).toBe(0.00015);
  });

  test('names a model with its provider', async () => {
    provider.reply(whole([{ text: 'Hello' }]));
    const { models } = clientOf({ models: ['google/gemini-2.5-flash'] });
    expect((await models.generateContent({ ...ask, model: `google/${MODEL}` })).text).toBe('Hello');
  });

  test('calls a tool of the client', async () => {
    provider.reply(whole([{ functionCall: { name: 'add', args: { a: 1 } } }]));
    const config = { tools: [{ functionDeclarations: [{ name: 'add' }] }] };
    const { functionCalls } = await clientOf().models.generateContent({ ...ask, config });
    expect(functionCalls).toMatchObject([{ name: 'add', args: { a: 1 } }]);
  });

  test.each([
    [
      'a refused model',
      { models: ['openai/*'] },
      ask,
      403,
      'PERMISSION_DENIED',
      'model_not_allowed',
    ],
    [
      'a model of another format',
      {},
      { ...ask, model: 'openai/gpt-4o' },
      400,
      'INVALID_ARGUMENT',
      'invalid_request',
    ],
    [
      'a spent budget',
      { spending_limit: 0.000_001 },
      ask,
      402,
      'RESOURCE_EXHAUSTED',
      'insufficient_quota',
    ],
    [
      'a search, which has no bound',
      {},
      { ...ask, config: { tools: [{ googleSearch: {} }] } },
      400,
      'INVALID_ARGUMENT',
      'invalid_request',
    ],
  ])(
    'gets one answer to %s: the SDK does not try again, and nothing reaches the provider',
    async (_name, claims, asked, status, words, reason) => {
      const before = provider.requests.length;
      const calls = vi.spyOn(globalThis, 'fetch');
      const raised = await raisedBy(clientOf(claims).models.generateContent(asked));
      expect(calls).toHaveBeenCalledOnce();
      expect(raised).toMatchObject({ name: 'ApiError', status });
      expect(JSON.parse(raised.message)).toMatchObject({
        error: { code: status, status: words, reason },
      });
      expect(provider.requests.length).toBe(before);
    },
  );

  test('raises token_expired with status 401 for an expired token', async () => {
    const expired = clientOf({ exp: 1_000_000_000, iat: 999_999_000 });
    const raised = await raisedBy(expired.models.generateContent(ask));
    expect(raised).toMatchObject({ name: 'ApiError', status: 401 });
    expect(JSON.parse(raised.message)).toMatchObject({ error: { code: 'token_expired' } });
  });

  test('raises a rate limit after one request, without a retry', async () => {
    provider.reply(whole([{ text: 'Hello' }]));
    const args = ['--limit', 'key:requests:day=1', '--data', folder, '--json'];
    const made = await runHere(['keys', 'create', `rated-${name.at(-1)}`, ...args]);
    const { key: apiKey } = JSON.parse(made.stdout);
    const { models } = new Sdk({ apiKey, httpOptions: { baseUrl: baseUrl() } });
    await models.generateContent(ask);
    const calls = vi.spyOn(globalThis, 'fetch');
    const raised = await raisedBy(models.generateContent(ask));
    expect(calls).toHaveBeenCalledOnce();
    expect(raised).toMatchObject({ name: 'ApiError', status: 429 });
    expect(JSON.parse(raised.message).error).toMatchObject({
      status: 'RESOURCE_EXHAUSTED',
      reason: 'rate_limit_exceeded',
    });
  });

  test('raises the provider’s own refusal, in its words', async () => {
    const words = '{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}';
    provider.reply({ status: 400, headers: JSON_TYPE, steps: [{ write: words }] });
    const raised = await raisedBy(clientOf().models.generateContent(ask));
    expect(raised).toMatchObject({ name: 'ApiError', status: 400 });
    expect(raised.message).toContain('INVALID_ARGUMENT');
  });

  test('gets 502, not 401, when the provider refuses the gateway’s own key', async () => {
    const details = [{ reason: 'API_KEY_INVALID' }];
    const words = JSON.stringify({ error: { code: 400, status: 'INVALID_ARGUMENT', details } });
    provider.reply({ status: 400, headers: JSON_TYPE, steps: [{ write: words }] });
    expect(await raisedBy(clientOf().models.generateContent(ask))).toMatchObject({ status: 502 });
  });

  test('raises a failure before the stream and is not charged', async () => {
    provider.reply({ status: 503, headers: JSON_TYPE, steps: [{ write: '{}' }] });
    const { models, apiKey } = clientOf();
    expect(await raisedBy(models.generateContentStream(ask))).toMatchObject({ status: 502 });
    expect(await spentOf(apiKey)).toBe(0);
  });

  test('raises an error in mid-stream and is billed all that it may have thought', async () => {
    const { reply, breakOff } = broken();
    provider.reply(reply);
    const { models, apiKey } = clientOf();
    const reading = async () => {
      for await (const { text } of await models.generateContentStream(ask)) {
        if (text) breakOff();
      }
    };
    expect((await raisedBy(reading()))?.name).toMatch(/Error/);
    // 30 × 0.30 + 200 × 2.50 USD a million: thoughts are billed and not streamed.
    expect(await spentOf(apiKey)).toBe(0.000509);
  });
});

test('Google’s SDK needs only two environment variables', async () => {
  vi.stubEnv('GOOGLE_GEMINI_BASE_URL', baseUrl());
  vi.stubEnv('GEMINI_API_KEY', gateway.sign({ spending_limit: 1 }));
  try {
    provider.reply(whole([{ text: 'Hello' }]));
    expect((await new GoogleGenAI({}).models.generateContent(ask)).text).toBe('Hello');
  } finally {
    vi.unstubAllEnvs();
  }
});

describe('@ai-sdk/google', () => {
  const modelOf = (claims: Record<string, unknown> = {}) => {
    const apiKey = gateway.newToken({ spending_limit: 1, ...claims });
    return { apiKey, model: createGoogle({ baseURL: gateway.url, apiKey })(MODEL) };
  };

  test('gets an answer and a stream', async () => {
    provider.reply(whole([{ text: 'Hello' }]));
    const { model, apiKey } = modelOf();
    expect((await generateText({ model, prompt: 'Hi' })).text).toBe('Hello');
    provider.reply(stream(FIRST, LAST));
    const streamed = streamText({ model, prompt: 'Hi' });
    expect(await streamed.text).toBe('Hello');
    expect(await spentOf(apiKey)).toBe(2 * COST_USD);
  });

  test('raises a spent budget after one request', async () => {
    const { model } = modelOf({ spending_limit: 0.000_001 });
    const raised = await raisedBy(generateText({ model, prompt: 'Hi' }));
    expect(raised).toMatchObject({ name: 'AI_APICallError', statusCode: 402 });
  });

  test('raises an error in mid-stream', async () => {
    const { reply, breakOff } = broken();
    provider.reply(reply);
    const errors: unknown[] = [];
    const { model } = modelOf();
    const streamed = streamText({
      model,
      prompt: 'Hi',
      onError: ({ error }) => errors.push(error),
    });
    for await (const _ of streamed.textStream) breakOff();
    expect(errors).toHaveLength(1);
  });
});

test('answers of an independent fake of Google pass through, whole and streamed', async () => {
  const mock = new LLMock({ port: 0 });
  await mock.start();
  mock.onMessage('Hi', {
    content: 'Hello there',
    usage: { prompt_tokens: 11, completion_tokens: 7 },
  });
  const own = await startTestGateway({ providerUrls: { google: `${mock.url}/v1beta` } });
  try {
    const apiKey = own.sign({ spending_limit: 1 });
    const client = new GoogleGenAI({
      apiKey,
      httpOptions: { baseUrl: own.url.replace(/\/v1$/, '') },
    });
    expect((await client.models.generateContent(ask)).text).toBe('Hello there');
    let text = '';
    for await (const chunk of await client.models.generateContentStream(ask))
      text += chunk.text ?? '';
    expect(text).toBe('Hello there');
  } finally {
    await own.close();
    await mock.stop();
  }
});

describe('the list of models', () => {
  test('is read by Google’s client, all pages of it, and a model by its own id', async () => {
    const apiKey = gateway.sign({ models: ['google/*', 'demo/echo'] });
    const httpOptions = { baseUrl: gateway.url.replace(/\/v1$/, '') };
    const client = new GoogleGenAI({ apiKey, httpOptions });
    const names: (string | undefined)[] = [];
    for await (const { name } of await client.models.list({ config: { pageSize: 20 } })) {
      names.push(name);
    }
    expect(names.length).toBeGreaterThan(20);
    expect(names).toContain('models/demo/echo');
    expect(new Set(names).size).toBe(names.length);
    const found = await client.models.get({ model: 'gemini-2.5-flash' });
    expect(found).toMatchObject({
      name: 'models/google/gemini-2.5-flash',
      inputTokenLimit: expect.any(Number),
    });
  });
});
