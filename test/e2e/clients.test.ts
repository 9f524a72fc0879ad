/**
 * The clients that people use, through the whole gateway: each works unchanged and raises the same errors as with its
 * own provider. Upstream is an independent fake of the providers, and a hand-made one for failures it does not make.
 */
import { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import { CLIENTS, type Question } from '../support/clients.ts';
import {
  type FakeProvider,
  startFakeProvider,
  usageEvent,
  usageOf,
} from '../support/fake-provider.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { type Raised, raisedBy } from '../support/raised.ts';
import { inPieces, WORDINGS } from '../support/rough-provider.ts';

const ANSWER = 'Hello from an independent provider';
const PRICE = { inputUsdPerMillion: 1, outputUsdPerMillion: 10 };
const MODELS = {
  chat: ['openai/gpt-4o-mini', 'rough/m'],
  responses: ['openai/gpt-4o-mini', 'rough/m'],
  messages: ['anthropic/claude-sonnet-4-5', 'rough-anthropic/m'],
  google: ['google/gemini-2.5-flash', 'rough-google/m'],
} as const;
/** Forty seconds before the next minute. */
const NOW = new Date('2026-11-21T12:00:20Z');
const MINUTE_MS = 60_000;

let mock: LLMock;
let rough: FakeProvider;
let gateway: TestGateway;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  vi.stubGlobal('fetch', counted);
  mock = new LLMock({ port: 0 });
  mock.onMessage('Say hello', { content: ANSWER });
  mock.onMessage('Call the tool', { toolCalls: [{ name: 'add', arguments: { a: 1 } }] });
  mock.onMessage('Fail', { error: { message: 'broken', type: 'server_error' }, status: 500 });
  const tooMany = { message: 'slow down', type: 'rate_limit_error', code: 'rate_limit_exceeded' };
  mock.onMessage('Overload', { error: tooMany, status: 429 });
  const refusal = { message: 'not that', type: 'invalid_request_error' };
  mock.onMessage('Refuse', { error: refusal, status: 400 });
  const breaksOff = { chunkSize: 5, latency: 5, truncateAfterChunks: 6 };
  mock.onMessage('Break off', { content: ANSWER }, breaksOff);
  await mock.start();
  rough = await startFakeProvider();
  const config = defineConfig({
    providers: {
      openai: {},
      anthropic: {},
      google: {},
      rough: { like: 'openai', baseUrl: rough.url },
      'rough-anthropic': { like: 'anthropic', baseUrl: rough.url },
      'rough-google': { like: 'google', baseUrl: rough.url },
    },
    prices: { 'rough/m': PRICE, 'rough-anthropic/m': PRICE, 'rough-google/m': PRICE },
    defaults: { limits: ['user:requests:minute=1', 'user:requests:day=2'] },
  });
  const mockUrl = `${mock.url}/v1`;
  gateway = await startTestGateway({
    config,
    providerUrls: {
      openai: mockUrl,
      anthropic: mockUrl,
      google: `${mock.url}/v1beta`,
      rough: rough.url,
      'rough-anthropic': rough.url,
      'rough-google': rough.url,
    },
  });
});
afterAll(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  await gateway?.close();
  await rough?.close();
  await mock?.stop();
});

/** Every request that a client sends. */
let tries = 0;
const realFetch = fetch;
const counted: typeof fetch = (...request) => {
  tries += 1;
  return realFetch(...request);
};

/** The classes of the clients that read a status; the AI SDK has one for all, and so has Google. */
const CLASSES: Readonly<Record<number, string>> = {
  400: 'BadRequestError',
  401: 'AuthenticationError',
  402: 'APIError',
  403: 'PermissionDeniedError',
  429: 'RateLimitError',
  502: 'InternalServerError',
};
const classOf = (name: string, status: number): string => {
  if (name.startsWith('ai ')) return 'AI_APICallError';
  if (name.startsWith('@google')) return 'ApiError';
  return name === '@anthropic-ai/sdk 1' && status === 402
    ? 'PaymentRequiredError'
    : (CLASSES[status] ?? '');
};
/** The error for a failure in mid-stream. Google's clients keep only its status, and before version 2 not even that. */
const inMidStream = (name: string): Partial<Raised> => {
  const code = 'upstream_error';
  switch (name) {
    case '@google/genai 3':
      return { kind: 'ApiError', status: 502, code };
    case '@google/genai 1':
      return { kind: 'Error' };
    case 'ai with google':
      return { kind: 'StreamProviderError', code: 502 };
    default:
      return { kind: name.startsWith('ai ') ? 'StreamProviderError' : 'APIError', code };
  }
};
/** These clients hand an error in mid-stream to their reader like any event, with every server, and raise nothing. */
const DEAF: ReadonlySet<string> = new Set(['openai 6, responses', '@google/genai 1']);
/** The part of the answer's headers that the client shows: Google's shows none. */
const headerOf = (name: string, value: string | null): string | null | undefined =>
  name.startsWith('@google') ? undefined : value;
/** LangChain and the AI SDK do not read `x-should-retry`. */
const readsShouldRetry = (name: string): boolean => /^(openai|@anthropic)/.test(name);

describe.each([...CLIENTS])('%s', (name, client) => {
  const [model, roughModel] = MODELS[client.format];
  const wording = WORDINGS[client.format];
  /** Each question has a token of its own, and so a user of its own. */
  const question = (prompt: string, claims: object = {}, more: Partial<Question> = {}) => ({
    baseURL: gateway.url,
    apiKey: gateway.newToken({ spending_limit: 1, ...claims }),
    model,
    prompt,
    ...more,
  });
  const once = { maxRetries: 0 };
  /** Returns the text that came before the client raised an error, and the error. */
  const readUntilRaised = async (
    of: Partial<Question> & { readonly prompt: string },
    onText = (): void => {},
  ) => {
    let text = '';
    const reading = client.stream({ ...question(of.prompt, {}, once), ...of }, (piece) => {
      text += piece;
      onText();
    });
    return { raised: await raisedBy(reading), text };
  };
  const roughly = { prompt: 'Hi', model: roughModel };

  test('gets an answer', async () => {
    expect(await client.ask(question('Say hello'))).toBe(ANSWER);
  });

  test('streams an answer', async () => {
    expect(await client.stream(question('Say hello'))).toBe(ANSWER);
  });

  test('streams an answer that comes in pieces, with comments and CRLF', async () => {
    const { start, text, end } = wording;
    rough.reply(inPieces(start + text('Grüße, ') + text('Welt 👋') + end));
    expect(await client.stream(question('Hi', {}, { model: roughModel }))).toBe('Grüße, Welt 👋');
  });

  test('tries the built-in model, with no provider at all', async () => {
    const demo = { model: 'demo/echo' };
    expect(await client.ask(question('Hello', {}, demo))).toBe('echo: Hello');
    expect(await client.stream(question('Hello you', {}, demo))).toBe('echo: Hello you');
  });

  test('calls a tool', async () => {
    const call = await client.callTool(question('Call the tool'));
    expect(call).toEqual({ name: 'add', input: { a: 1 } });
  });

  test.each([
    ['a refused model', { models: ['openai/gpt-4o'] }, 403, 'model_not_allowed'],
    ['an expired token', { exp: 1_000_000_000, iat: 999_999_000 }, 401, 'token_expired'],
    ['a spent budget', { spending_limit: 0.000_000_1 }, 402, 'insufficient_quota'],
  ])('is told of %s at once, and does not try again', async (_, claims, status, code) => {
    for (const way of ['ask', 'stream'] as const) {
      tries = 0;
      expect(await raisedBy(client[way](question('Say hello', claims)))).toMatchObject({
        kind: classOf(name, status),
        status,
        code,
        retryAfter: headerOf(name, null),
      });
      expect(tries).toBe(1);
    }
  });

  test('raises a rate limit with the time to wait', async () => {
    const asked = question('Say hello', {}, once);
    await client.ask(asked);
    expect(await raisedBy(client.ask(asked))).toMatchObject({
      kind: classOf(name, 429),
      status: 429,
      code: 'rate_limit_exceeded',
      retryAfter: headerOf(name, '40'),
    });
  });

  test('does not wait for a daily limit: it raises it after one try', async () => {
    const asked = question('Say hello', {}, readsShouldRetry(name) ? {} : once);
    for (let minute = 0; minute < 2; minute++) {
      await client.ask(asked);
      vi.setSystemTime(Date.now() + MINUTE_MS);
    }
    tries = 0;
    expect(await raisedBy(client.ask(asked))).toMatchObject({
      kind: classOf(name, 429),
      code: 'rate_limit_exceeded',
      retryAfter: headerOf(name, null),
      shouldRetry: headerOf(name, 'false'),
    });
    expect(tries).toBe(1);
  });

  test.each(['ask', 'stream'] as const)(
    'is told of a provider that fails before it answers (%s)',
    async (way) => {
      const raised = await raisedBy(client[way](question('Fail', {}, once)));
      expect(raised).toMatchObject({
        kind: classOf(name, 502),
        status: 502,
        code: 'upstream_error',
      });
    },
  );

  test('raises the provider’s own rate limit in its words, with its wait', async () => {
    expect(await raisedBy(client.ask(question('Overload', {}, once)))).toMatchObject({
      kind: classOf(name, 429),
      status: 429,
      type: 'rate_limit_error',
      retryAfter: headerOf(name, '1'),
    });
  });

  test('raises the provider’s refusal in its words', async () => {
    expect(await raisedBy(client.ask(question('Refuse')))).toMatchObject({
      kind: classOf(name, 400),
      status: 400,
      type: 'invalid_request_error',
    });
  });

  test('raises an error when an independent provider breaks off', async () => {
    const { raised, text } = await readUntilRaised({ prompt: 'Break off' });
    expect(raised).toMatchObject(inMidStream(name));
    expect(text).toMatch(/^Hello/);
  });

  test('raises an error when the provider’s stream ends before the answer is complete', async () => {
    rough.reply(inPieces(wording.start + wording.text('Half an ')));
    const { raised, text } = await readUntilRaised(roughly);
    expect(raised).toMatchObject(inMidStream(name));
    expect(text).toBe('Half an ');
  });

  test('raises an error when the provider’s connection dies', async () => {
    const { promise: until, resolve: dieNow } = Promise.withResolvers<void>();
    const half = `${wording.start}${wording.text('Half an ')}data: {"cut`;
    rough.reply({ steps: [{ write: half }, { until }, 'die'] });
    const { raised, text } = await readUntilRaised(roughly, dieNow);
    expect(raised).toMatchObject(inMidStream(name));
    expect(text).toBe('Half an ');
  });

  const deafOrNot = DEAF.has(name) ? 'ends without an error at' : 'raises';
  test(`${deafOrNot} the provider’s error in mid-stream`, async () => {
    rough.reply(inPieces(wording.start + wording.text('Half an ') + wording.error));
    if (DEAF.has(name)) {
      expect(await client.stream(question('Hi', {}, { model: roughModel }))).toBe('Half an ');
      return;
    }
    const { raised, text } = await readUntilRaised(roughly);
    expect(raised).toMatchObject({ kind: inMidStream(name).kind, ...wording.raised });
    expect(text).toBe('Half an ');
  });

  test('raises an error when the gateway cuts a stream that passes the cap', async () => {
    const long = 'x'.repeat(2_000);
    rough.reply({ steps: [{ write: wording.start + wording.text(long) }, 'hang'] });
    expect(await client.stream(question('Hi', {}, { model: roughModel }))).toBe(long);
  });
});

const ASKED = {
  chat: ['/chat/completions', { messages: [], max_tokens: 100 }],
  responses: ['/responses', { input: 'Hi', max_output_tokens: 100 }],
  messages: ['/messages', { messages: [], max_tokens: 100 }],
  google: [
    '/models/rough-google/m:streamGenerateContent?alt=sse',
    { contents: [], generationConfig: { maxOutputTokens: 100 } },
  ],
} as const;
const FORMATS = ['chat', 'responses', 'messages', 'google'] as const;

describe.each(FORMATS)('a stream of %s', (format) => {
  const { start, text, end } = WORDINGS[format];
  const [path, body] = ASKED[format];
  const open = (apiKey: string, signal?: AbortSignal) =>
    fetch(`${gateway.url}${path}`, {
      method: 'POST',
      headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
      body: JSON.stringify(
        format === 'google' ? body : { ...body, model: MODELS[format][1], stream: true },
      ),
      ...(signal && { signal }),
    });
  const tokenOf = () => gateway.newToken({ spending_limit: 1 });
  /** The spent and held amounts of a token, as its issuing key sees them: that key's requests are not counted. */
  const booksOf = async (apiKey: string) => {
    const answer = await fetch(`${gateway.url}/scoped-jwt?jwtoken=${encodeURIComponent(apiKey)}`, {
      headers: { authorization: `Bearer ${gateway.key}` },
    });
    const { spent, reserved } = (await answer.json()) as { spent: number; reserved: number };
    return [spent, reserved];
  };
  /** 10 × 1 and 20 × 10 USD a million, and nothing held. */
  const BILLED = [0.00021, 0];

  test('reaches its own end for a client that stays', async () => {
    rough.reply({ steps: [{ write: start + text('Hi') + end }] });
    const apiKey = tokenOf();
    const answer = await (await open(apiKey)).text();
    const unasked = format === 'chat' ? usageEvent(usageOf(10, 20)) : '';
    expect(answer).toBe(start + text('Hi') + end.replace(unasked, ''));
    expect(await booksOf(apiKey)).toEqual(BILLED);
  });

  test('is read to its end and billed in full when the client leaves', async () => {
    const { promise: until, resolve: goOn } = Promise.withResolvers<void>();
    rough.reply({ steps: [{ write: start + text('Hi') }, { until }, { write: end }] });
    const leaving = new AbortController();
    const apiKey = tokenOf();
    const { body: reads } = await open(apiKey, leaving.signal);
    await reads?.getReader().read();
    leaving.abort();
    goOn();
    await expect.poll(() => booksOf(apiKey)).toEqual(BILLED);
  });
});
