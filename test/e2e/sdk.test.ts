/**
 * The official SDK through the whole gateway, with tokens that other people's scripts mint.
 */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  DONE_EVENT,
  type FakeProvider,
  FINISH_EVENT,
  startFakeProvider,
  streamReply,
  textEvent,
  usageEvent,
  usageOf,
} from '../support/fake-provider.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { hasPyJwt, mintWithPyJwt, PYJWT_ABSENT } from '../support/pyjwt.ts';

let provider: FakeProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({ providerUrls: { openai: provider.url } });
});
afterAll(async () => {
  await gateway.close();
  await provider.close();
});

const messages = [{ role: 'user' as const, content: 'Hello' }];
const clientOf = (apiKey: string): OpenAI => new OpenAI({ baseURL: gateway.url, apiKey });
const mint = (claims: Record<string, unknown>): string =>
  mintWithPyJwt({
    account: gateway.account,
    keyName: 'demo',
    key: gateway.key,
    lifetimeSeconds: 3600,
    claims,
  });

describe.skipIf(!hasPyJwt)('a token minted by PyJWT', () => {
  test('streams chunk by chunk: the first chunk arrives before the provider writes the second', async () => {
    let release = (): void => {};
    const received = new Promise<void>((resolve) => {
      release = resolve;
    });
    provider.reply({
      steps: [
        { write: textEvent('Good ') },
        { until: received },
        { write: textEvent('day') + FINISH_EVENT + usageEvent(usageOf(9, 2)) + DONE_EVENT },
      ],
    });
    const token = mint({ models: ['openai/gpt-4o-mini'], spending_limit: 0.5 });

    const stream = await clientOf(token).chat.completions.create({
      model: 'openai/gpt-4o-mini',
      messages,
      stream: true,
    });
    let text = '';
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      if (text === 'Good ') release();
    }

    expect(text).toBe('Good day');
  });

  test('may call only its models', async () => {
    const token = mint({ models: ['openai/gpt-4o-mini'] });

    const call = clientOf(token).chat.completions.create({ model: 'openai/gpt-4o', messages });

    await expect(call).rejects.toMatchObject({ status: 403, code: 'model_not_allowed' });
    await expect(call).rejects.toThrow(/openai\/gpt-4o.*openai\/gpt-4o-mini/);
  });

  test('may spend only its limit, and the SDK does not retry the refusal', async () => {
    const token = mint({ spending_limit: 0.000001 });
    const before = provider.requests.length;

    const call = clientOf(token).chat.completions.create({ model: 'openai/gpt-4o-mini', messages });

    await expect(call).rejects.toMatchObject({ status: 402, code: 'insufficient_quota' });
    expect(provider.requests.length).toBe(before);
  });
});

test.runIf(!hasPyJwt)(PYJWT_ABSENT, () => {
  expect(hasPyJwt).toBe(false);
});

describe('the SDK', () => {
  test('gets no usage chunk it did not ask for, and is billed exactly', async () => {
    const events = [
      textEvent('Hi'),
      FINISH_EVENT,
      usageEvent(usageOf(1000, 500)),
      DONE_EVENT,
    ] as const;
    provider.reply(streamReply(...events));
    const client = clientOf(gateway.sign({ jti: 'exact', spending_limit: 1 }));

    const stream = await client.chat.completions.create({
      model: 'openai/gpt-4o-mini',
      messages,
      stream: true,
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);

    expect(chunks.every((chunk) => chunk.choices.length === 1)).toBe(true);
    expect(JSON.parse(provider.requests.at(-1)?.body ?? '')).toMatchObject({
      model: 'gpt-4o-mini',
      stream_options: { include_usage: true },
    });
    // gpt-4o-mini: 1,000 × $0.15 and 500 × $0.60 a million.
    const key = await fetch(`${gateway.url}/key`, { headers: { 'api-key': client.apiKey ?? '' } });
    expect(await key.json()).toMatchObject({ data: { usage: 0.00045, reserved: 0, limit: 1 } });
  });

  test('talks to the built-in model and reads its usage', async () => {
    const answer = await clientOf(gateway.token).chat.completions.create({
      model: 'demo/echo',
      messages,
    });

    expect(answer.choices[0]?.message.content).toBe('echo: Hello');
    expect(answer.usage?.total_tokens).toBeGreaterThan(0);
  });

  test('embeds with it, and Google’s format has it too', async () => {
    const client = clientOf(gateway.token);
    const input = ['a cat', 'a cat', 'sky'];
    const { data } = await client.embeddings.create({ model: 'demo/echo', input });
    const [cat, same, other] = data.map(({ embedding }) => embedding);
    expect(same).toEqual(cat);
    expect(other).not.toEqual(cat);

    const response = await fetch(
      gateway.url.replace(/v1$/, 'v1beta/models/demo/echo:streamGenerateContent?alt=sse'),
      {
        method: 'POST',
        headers: { 'x-goog-api-key': gateway.token, 'content-type': 'application/json' },
        body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] }),
      },
    );
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('"parts":[{"text":" Hello"}]');
  });

  test('lists the models that the token may call, with their prices', async () => {
    const client = clientOf(gateway.sign({ models: ['openai/gpt-4o-mini'] }));

    const models = [];
    for await (const model of client.models.list()) models.push(model);

    expect(models).toEqual([
      expect.objectContaining({
        id: 'openai/gpt-4o-mini',
        object: 'model',
        pricing: expect.objectContaining({ prompt: '0.00000015', completion: '0.0000006' }),
      }),
    ]);
  });
});
