/**
 * Anthropic's clients through the whole gateway: what they send arrives, and what they raise is what they expect.
 */
import { createAnthropic } from '@ai-sdk/anthropic';
import Anthropic from '@anthropic-ai/sdk';
import { streamText } from 'ai';
import AnthropicBefore from 'anthropic-sdk-0';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeProvider, type Reply, startFakeProvider } from '../support/fake-provider.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { raisedBy } from '../support/raised.ts';

const MODEL = 'anthropic/claude-sonnet-4-5';
const JSON_TYPE = { 'content-type': 'application/json' };
const event = (data: { type: string; [member: string]: unknown }): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-4-5',
  content: [] as object[],
  stop_reason: null as string | null,
  stop_sequence: null,
  usage: { input_tokens: 10, cache_read_input_tokens: 20, output_tokens: 1 },
};
const whole = (content: object[], stopReason = 'end_turn'): Reply => ({
  headers: JSON_TYPE,
  steps: [
    {
      write: JSON.stringify({
        ...message,
        content,
        stop_reason: stopReason,
        usage: { ...message.usage, output_tokens: 100 },
      }),
    },
  ],
});
const textOf = (text: string): string =>
  event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }) +
  event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });
const START = event({ type: 'message_start', message });
const END =
  event({ type: 'content_block_stop', index: 0 }) +
  event({
    type: 'message_delta',
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: 100 },
  }) +
  event({ type: 'message_stop' });
const stream = (...writes: string[]): Reply => ({ steps: writes.map((write) => ({ write })) });

let provider: FakeProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({
    providerUrls: { anthropic: provider.url },
    variables: { ANTHROPIC_API_KEY: 'sk-ant-provider' },
  });
});
afterAll(async () => {
  await gateway?.close();
  await provider?.close();
});

const ask = { model: MODEL, max_tokens: 200, messages: [{ role: 'user' as const, content: 'Hi' }] };
const baseURL = () => gateway.url.replace(/\/v1$/, '');
const spentOf = async (apiKey: string) => (await gateway.aboutKey(apiKey)).usage;

describe.each([
  ['@anthropic-ai/sdk 1', Anthropic],
  ['@anthropic-ai/sdk 0', AnthropicBefore as unknown as typeof Anthropic],
])('%s', (_, Sdk) => {
  const clientOf = (claims: Record<string, unknown> = {}) => {
    const apiKey = gateway.newToken({ spending_limit: 1, ...claims });
    return { apiKey, client: new Sdk({ baseURL: baseURL(), apiKey }) };
  };

  test('gets an answer, is billed to the nano-dollar, and the provider gets the checked request', async () => {
    provider.reply(whole([{ type: 'text', text: 'Hello' }]));
    const { client, apiKey } = clientOf();
    const before = provider.requests.length;
    const answer = await client.messages.create(ask);

    expect(answer.content).toEqual([{ type: 'text', text: 'Hello' }]);
    const seen = provider.requests[before];
    expect(seen).toMatchObject({
      path: '/v1/messages',
      headers: { 'x-api-key': 'sk-ant-provider' },
    });
    expect(seen?.headers).not.toHaveProperty('authorization');
    expect(seen?.headers['anthropic-version']).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(JSON.parse(seen?.body ?? '')).toEqual({
      ...ask,
      model: 'claude-sonnet-4-5',
      service_tier: 'standard_only',
    });
    // 10 × 3 + 20 × 0.30 + 100 × 15 USD a million.
    expect(await spentOf(apiKey)).toBe(0.001536);
  });

  test('streams, and is billed before the last event', async () => {
    provider.reply(stream(START, textOf('Hel'), event({ type: 'ping' }), textOf('lo'), END));
    const { client, apiKey } = clientOf();
    const final = await client.messages.stream(ask).finalMessage();

    expect(final.content[0]).toMatchObject({ type: 'text' });
    expect(final.usage.output_tokens).toBe(100);
    expect(await spentOf(apiKey)).toBe(0.001536);
  });

  test('lists the models it may call, in its own format', async () => {
    const { client } = clientOf({ models: ['anthropic/claude-sonnet-4-5', 'openai/*'] });
    const models = [];
    for await (const model of client.models.list()) models.push(model);
    expect(models).toEqual([expect.objectContaining({ type: 'model', id: MODEL })]);
    expect(models[0]?.max_input_tokens).toBeGreaterThan(100_000);
    for (const id of [MODEL, 'claude-sonnet-4-5']) {
      expect(await client.models.retrieve(id)).toMatchObject({ id: MODEL, display_name: MODEL });
    }
    expect(await raisedBy(client.models.retrieve('openai/gpt-4o'))).toMatchObject({
      kind: 'NotFoundError',
      code: 'model_not_found',
    });
  });

  test('counts tokens at no cost', async () => {
    provider.reply({ headers: JSON_TYPE, steps: [{ write: '{"input_tokens":9}' }] });
    const { client, apiKey } = clientOf();
    const { max_tokens: _, ...counted } = ask;
    expect(await client.messages.countTokens(counted)).toMatchObject({ input_tokens: 9 });
    expect(provider.requests.at(-1)?.path).toBe('/v1/messages/count_tokens');
    expect(await spentOf(apiKey)).toBe(0);
  });

  test('gets a refusal that names the route for a model of another format', async () => {
    const before = provider.requests.length;
    const asked = clientOf().client.messages.create({ ...ask, model: 'openai/gpt-4o' });
    expect(await raisedBy(asked)).toMatchObject({
      kind: 'BadRequestError',
      status: 400,
      code: 'invalid_request',
    });
    await expect(asked).rejects.toThrow('use /v1/chat/completions');
    expect(provider.requests.length).toBe(before);
  });

  test('raises an error in mid-stream and is billed for its reported input and its whole output cap', async () => {
    let breakOff = (): void => {};
    const until = new Promise<void>((resolve) => {
      breakOff = resolve;
    });
    provider.reply({
      steps: [{ write: START }, { write: textOf('half of it') }, { until }, 'die'],
    });
    const { client, apiKey } = clientOf();
    const reading = async () => {
      for await (const { type } of await client.messages.create({ ...ask, stream: true })) {
        if (type === 'content_block_delta') breakOff();
      }
    };
    expect((await raisedBy(reading())).code).toBe('upstream_error');
    // 10 × 3 + 20 × 0.30 + the cap of 200 × 15 USD a million.
    expect(await spentOf(apiKey)).toBe(0.003036);
  });
});

test('the price of Anthropic’s own tools is billed beside the tokens, streamed and not', async () => {
  const searched = { output_tokens: 100, server_tool_use: { web_search_requests: 2 } };
  const answer = { ...message, usage: { ...message.usage, ...searched } };
  provider.reply(
    { headers: JSON_TYPE, steps: [{ write: JSON.stringify(answer) }] },
    stream(
      START,
      event({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: searched }),
      event({ type: 'message_stop' }),
    ),
  );
  for (const isStream of [false, true]) {
    const apiKey = gateway.newToken();
    const client = new Anthropic({ baseURL: baseURL(), apiKey });
    const tools = [{ type: 'web_search_20250305' as const, name: 'web_search' as const }];
    const asked = await client.messages.create({ ...ask, tools, stream: isStream });
    if (Symbol.asyncIterator in asked) for await (const _ of asked);
    // The tokens of the other answers, and two searches of a cent each.
    expect(await spentOf(apiKey)).toBe(0.021536);
  }
});

test('the AI SDK streams from a model id without a provider, which is Anthropic’s here', async () => {
  provider.reply(stream(START, textOf('Hello'), END));
  const anthropic = createAnthropic({ baseURL: gateway.url, apiKey: gateway.sign() });
  const result = streamText({
    model: anthropic('claude-sonnet-4-5'),
    prompt: 'Hi',
    maxOutputTokens: 50,
  });
  expect(await result.text).toBe('Hello');
  expect(JSON.parse(provider.requests.at(-1)?.body ?? '')).toMatchObject({
    model: 'claude-sonnet-4-5',
    stream: true,
    max_tokens: 50,
  });
});

describe('Claude Code', () => {
  /** A key helper's answer goes into both headers. */
  const headersOf = (token: string) => ({
    authorization: `Bearer ${token}`,
    'x-api-key': token,
    'content-type': 'application/json',
    'anthropic-version': '2023-06-01',
    'anthropic-beta':
      'claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27',
  });
  const BODY = {
    model: 'claude-sonnet-4-5',
    max_tokens: 32_000,
    stream: true,
    metadata: { user_id: 'user_1' },
    thinking: { type: 'enabled', budget_tokens: 31_999 },
    system: [{ type: 'text', text: 'You are a coder.', cache_control: { type: 'ephemeral' } }],
    tools: [{ name: 'Bash', description: 'runs', input_schema: { type: 'object' } }],
    context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
    messages: [
      {
        role: 'user',
        content: [{ type: 'text', text: 'Hi', cache_control: { type: 'ephemeral' } }],
      },
    ],
  };
  const post = (path: string, token: string, body: object) =>
    fetch(`${gateway.url}${path}?beta=true`, {
      method: 'POST',
      headers: headersOf(token),
      body: JSON.stringify(body),
    });

  test('sends requests that a capped token may send', async () => {
    provider.reply(stream(START, textOf('Hello'), END));
    const response = await post('/messages', gateway.sign({ spending_limit: 5 }), BODY);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('message_stop');
    expect(provider.requests.at(-1)?.headers['anthropic-beta']).toBe(
      'claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27',
    );
  });

  test('counts the tokens of its request', async () => {
    provider.reply({ headers: JSON_TYPE, steps: [{ write: '{"input_tokens":9}' }] });
    const { max_tokens: _, stream: __, metadata: ___, ...counted } = BODY;
    const response = await post(
      '/messages/count_tokens',
      gateway.sign({ spending_limit: 5 }),
      counted,
    );
    expect([response.status, await response.json()]).toEqual([200, { input_tokens: 9 }]);
  });

  test('runs its key helper again after a 401', async () => {
    const expired = gateway.sign({ exp: 1_000_000_000, iat: 999_999_000 });
    const response = await post('/messages', expired, BODY);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({
      type: 'error',
      error: { type: 'authentication_error', code: 'token_expired' },
    });
  });

  test('discovers models with ids it accepts: they begin with "anthropic"', async () => {
    const token = gateway.sign({ models: ['anthropic/*', 'openai/*'] });
    const response = await fetch(`${gateway.url}/models?limit=1000`, { headers: headersOf(token) });
    const { data, has_more } = (await response.json()) as {
      data: { id: string; type: string; display_name: string }[];
      has_more: boolean;
    };
    expect(has_more).toBe(false);
    expect(data.length).toBeGreaterThan(10);
    for (const { id, type, display_name } of data) {
      expect([id, type, display_name]).toEqual([
        expect.stringMatching(/^anthropic\//),
        'model',
        id,
      ]);
    }
  });
});
