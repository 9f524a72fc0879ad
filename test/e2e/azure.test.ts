/**
 * Azure OpenAI behind the whole gateway: OpenAI's client, a deployment's name for a model, the key in Azure's header.
 */
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import {
  completion,
  type FakeProvider,
  jsonReply,
  startFakeProvider,
} from '../support/fake-provider.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

let provider: FakeProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = await startFakeProvider();
  const baseUrl = provider.url.replace('/v1', '/openai/v1');
  gateway = await startTestGateway({
    config: defineConfig({
      providers: { azure: { baseUrl } },
      prices: {
        'azure/our-chat': 'openai/gpt-4o',
        'azure/our-embeddings': 'openai/text-embedding-3-small',
      },
    }),
    providerUrls: {},
    variables: { AZURE_OPENAI_API_KEY: 'azure-key' },
  });
});
afterAll(async () => {
  await gateway?.close();
  await provider?.close();
});

const clientOf = (apiKey: string) => new OpenAI({ baseURL: gateway.url, apiKey, maxRetries: 0 });
const newToken = () => gateway.newToken({ spending_limit: 1 });
const spentOf = async (apiKey: string) => (await gateway.aboutKey(apiKey)).usage;
const messages = [{ role: 'user' as const, content: 'Hi' }];

test('bills a deployment at the price of the model that the configuration names for it', async () => {
  const usage = {
    prompt_tokens: 30,
    prompt_tokens_details: { cached_tokens: 20 },
    completion_tokens: 100,
    total_tokens: 130,
  };
  provider.reply(jsonReply(completion('Hello', usage)));
  const token = newToken();
  const answer = await clientOf(token).chat.completions.create({
    model: 'azure/our-chat',
    messages,
    max_tokens: 200,
  });

  expect(answer.choices[0]?.message.content).toBe('Hello');
  const seen = provider.requests.at(-1);
  expect(seen).toMatchObject({
    path: '/openai/v1/chat/completions',
    headers: { 'api-key': 'azure-key' },
  });
  expect(seen?.headers).not.toHaveProperty('authorization');
  expect(JSON.parse(seen?.body ?? '')).toMatchObject({
    model: 'our-chat',
    max_completion_tokens: 200,
  });
  // 10 × 2.50 + 20 × 1.25 + 100 × 10 USD a million.
  expect(await spentOf(token)).toBe(0.00105);
});

test('sends embeddings and responses to their paths', async () => {
  const token = newToken();
  provider.reply(
    jsonReply(
      '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"m","usage":{"prompt_tokens":50,"total_tokens":50}}',
    ),
  );
  await clientOf(token).embeddings.create({
    model: 'azure/our-embeddings',
    input: 'Hi',
    encoding_format: 'float',
  });
  expect(provider.requests.at(-1)).toMatchObject({
    path: '/openai/v1/embeddings',
    headers: { 'api-key': 'azure-key' },
  });
  // 50 × 0.02 USD a million.
  expect(await spentOf(token)).toBe(0.000001);

  provider.reply(
    jsonReply(
      '{"id":"r","object":"response","status":"completed","output":[],"usage":{"input_tokens":10,"output_tokens":5,"total_tokens":15}}',
    ),
  );
  await clientOf(token).responses.create({ model: 'azure/our-chat', input: 'Hi' });
  expect(provider.requests.at(-1)).toMatchObject({
    path: '/openai/v1/responses',
    headers: { 'api-key': 'azure-key' },
  });
});

test('refuses a deployment without a price under a spending limit, whatever its name', async () => {
  const before = provider.requests.length;
  await expect(
    clientOf(newToken()).chat.completions.create({ model: 'azure/gpt-4o', messages }),
  ).rejects.toMatchObject({ status: 422, code: 'model_price_unknown' });
  expect(provider.requests.length).toBe(before);
});
