/**
 * OpenAI's clients on responses and embeddings, through the whole gateway.
 */
import { createOpenAI } from '@ai-sdk/openai';
import { embed, streamText } from 'ai';
import OpenAI from 'openai';
import OpenAIBefore from 'openai-6';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeProvider, type Reply, startFakeProvider } from '../support/fake-provider.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { raisedBy } from '../support/raised.ts';

const MODEL = 'openai/gpt-4o-mini';
const JSON_TYPE = { 'content-type': 'application/json' };
const event = (data: { type: string; [member: string]: unknown }): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const USAGE = {
  input_tokens: 20,
  input_tokens_details: { cached_tokens: 10 },
  output_tokens: 30,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 50,
};
/** 10 × 0.15 + 10 × 0.075 + 30 × 0.60 USD a million. */
const COST_USD = 0.00002025;
const messageOf = (text: string) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text, annotations: [] }],
});
const responseOf = (output: readonly object[], more: object = {}) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  model: 'gpt-4o-mini',
  status: 'completed',
  output,
  usage: USAGE,
  ...more,
});
const whole = (output: readonly object[]): Reply => ({
  headers: JSON_TYPE,
  steps: [{ write: JSON.stringify(responseOf(output)) }],
});
const CREATED = event({
  type: 'response.created',
  sequence_number: 0,
  response: responseOf([], { status: 'in_progress', usage: null }),
});
const ITEM = event({
  type: 'response.output_item.added',
  sequence_number: 1,
  output_index: 0,
  item: { ...messageOf(''), content: [], status: 'in_progress' },
});
const deltaOf = (delta: string): string =>
  event({
    type: 'response.output_text.delta',
    sequence_number: 2,
    item_id: 'msg_1',
    output_index: 0,
    content_index: 0,
    delta,
    logprobs: [],
  });
const COMPLETED = event({
  type: 'response.completed',
  sequence_number: 9,
  response: responseOf([messageOf('Hello')]),
});

let provider: FakeProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ providerUrls: { openai: provider.url } });
});
afterAll(async () => {
  await gateway?.close();
  await provider?.close();
});

const spentOf = async (apiKey: string) => (await gateway.aboutKey(apiKey)).usage;
const tokenOf = (claims: Record<string, unknown> = {}) =>
  gateway.newToken({ spending_limit: 1, ...claims });
const ask = { model: MODEL, input: 'Hi', max_output_tokens: 100 };
const bodySent = () => JSON.parse(provider.requests.at(-1)?.body ?? '');

describe.each([
  ['openai 7', OpenAI],
  ['openai 6', OpenAIBefore as unknown as typeof OpenAI],
])('%s', (_, Sdk) => {
  const clientOf = (claims: Record<string, unknown> = {}) => {
    const apiKey = tokenOf(claims);
    return { apiKey, client: new Sdk({ baseURL: gateway.url, apiKey }) };
  };
  const readAll = async (client: OpenAI) => {
    const types: string[] = [];
    for await (const { type } of await client.responses.create({ ...ask, stream: true })) {
      types.push(type);
    }
    return types;
  };

  test('gets an answer billed with its cached tokens, and the provider stores nothing', async () => {
    provider.reply(whole([messageOf('Hello')]));
    const { client, apiKey } = clientOf();
    const answer = await client.responses.create({ ...ask, store: true });

    expect(answer.output_text).toBe('Hello');
    expect(provider.requests.at(-1)?.path).toBe('/v1/responses');
    expect(bodySent()).toEqual({
      ...ask,
      model: 'gpt-4o-mini',
      store: false,
      service_tier: 'default',
    });
    expect(await spentOf(apiKey)).toBe(COST_USD);
  });

  test('streams, and is billed before the last event', async () => {
    provider.reply({
      steps: [CREATED, ITEM, deltaOf('Hello'), COMPLETED].map((write) => ({ write })),
    });
    const { client, apiKey } = clientOf();
    const stream = await client.responses.create({ ...ask, stream: true });
    let spent = 0;
    for await (const { type } of stream) {
      if (type === 'response.completed') spent = await spentOf(apiKey);
    }
    expect(spent).toBe(COST_USD);
  });

  test.each([
    ['what runs on unseen', { background: true }],
    ['another’s answer', { previous_response_id: 'resp_2' }],
    ['a search of OpenAI’s', { tools: [{ type: 'web_search' }] }],
    ['a model of another format', { model: 'anthropic/claude-sonnet-4-5' }],
  ])('is refused %s', async (_name, more) => {
    const before = provider.requests.length;
    const asked = clientOf().client.responses.create({ ...ask, ...more } as never);
    expect(await raisedBy(asked)).toMatchObject({
      kind: 'BadRequestError',
      status: 400,
      code: 'invalid_request',
    });
    expect(provider.requests.length).toBe(before);
  });

  test('gets the provider’s own failure', async () => {
    const response = responseOf([], {
      status: 'failed',
      error: { code: 'server_error', message: 'no' },
    });
    provider.reply({
      steps: [
        { write: CREATED + event({ type: 'response.failed', sequence_number: 1, response }) },
      ],
    });
    expect(await readAll(clientOf().client)).toEqual(['response.created', 'response.failed']);
  });

  test('embeds, and pays only for the input', async () => {
    const vector = Buffer.from(new Float32Array([0.5, 0.25]).buffer).toString('base64');
    const data = [{ object: 'embedding', index: 0, embedding: vector }];
    const usage = { prompt_tokens: 50, total_tokens: 50 };
    const answer = { object: 'list', model: 'text-embedding-3-small', data, usage };
    provider.reply({ headers: JSON_TYPE, steps: [{ write: JSON.stringify(answer) }] });
    const { client, apiKey } = clientOf();
    const model = 'openai/text-embedding-3-small';
    const { data: embedded } = await client.embeddings.create({ model, input: 'Hi' });

    expect(embedded[0]?.embedding).toEqual([0.5, 0.25]);
    expect(bodySent()).toEqual({
      model: 'text-embedding-3-small',
      input: 'Hi',
      encoding_format: 'base64',
    });
    // 50 × 0.02 USD a million.
    expect(await spentOf(apiKey)).toBe(0.000001);
    const poor = clientOf({ spending_limit: 0.000_000_001 }).client;
    expect(await raisedBy(poor.embeddings.create({ model, input: 'Hi' }))).toMatchObject({
      status: 402,
      code: 'insufficient_quota',
    });
  });
});

test('the AI SDK streams by its default format', async () => {
  provider.reply({
    steps: [CREATED, ITEM, deltaOf('Hello'), COMPLETED].map((write) => ({ write })),
  });
  const openai = createOpenAI({ baseURL: gateway.url, apiKey: tokenOf() });
  expect(await streamText({ model: openai(MODEL), prompt: 'Hi', maxOutputTokens: 100 }).text).toBe(
    'Hello',
  );
  expect(provider.requests.at(-1)?.path).toBe('/v1/responses');
});

test('the AI SDK embeds', async () => {
  const data = [{ object: 'embedding', index: 0, embedding: [0.5] }];
  const usage = { prompt_tokens: 5, total_tokens: 5 };
  provider.reply({
    headers: JSON_TYPE,
    steps: [{ write: JSON.stringify({ object: 'list', model: 'm', data, usage }) }],
  });
  const openai = createOpenAI({ baseURL: gateway.url, apiKey: tokenOf() });
  const model = openai.embeddingModel('openai/text-embedding-3-small');
  expect((await embed({ model, value: 'Hi' })).embedding).toEqual([0.5]);
});
