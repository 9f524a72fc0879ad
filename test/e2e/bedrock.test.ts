/**
 * Bedrock behind the whole gateway, called by signature and by API key, from OpenAI's and Anthropic's clients: what is
 * signed is what arrives, what is billed is what AWS asks, and no credential is in any answer or log line.
 */
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeLog } from '../../adapters/log.ts';
import { defineConfig } from '../../core/config.ts';
import { makeFunctions } from '../../local/functions.ts';
import { type FakeBedrock, startFakeBedrock } from '../support/fake-bedrock.ts';
import {
  completion,
  DONE_EVENT,
  FINISH_EVENT,
  jsonReply,
  streamReply,
  textEvent,
  usageEvent,
} from '../support/fake-provider.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const CREDENTIALS = {
  accessKeyId: 'ASIACANARYKEYID00001',
  secretAccessKey: 'canary/secret+access=key',
  sessionToken: 'canary/session+token==',
};
const API_KEY = 'bedrock-api-key-canary';
const CANARIES = [...Object.values(CREDENTIALS), API_KEY];

const config = defineConfig({
  providers: {
    bedrock: { region: 'us-east-1', auth: 'aws-role' },
    europe: { like: 'bedrock', region: 'eu-central-1', auth: 'aws-role' },
    'bedrock-mantle': { region: 'us-west-2', auth: 'aws-role' },
    'by-key': { like: 'bedrock', region: 'us-east-1', auth: { secret: 'bedrock-key' } },
  },
  aliases: { 'claude-opus-4-8': 'bedrock/us.anthropic.claude-opus-4-8' },
});

/** The credentials of the process; some tests change them for a while. */
const variables: Record<string, string> = {};
const logged: string[] = [];
const answered: string[] = [];
let bedrock: FakeBedrock;
let gateway: TestGateway;

beforeAll(async () => {
  bedrock = await startFakeBedrock({ credentials: CREDENTIALS, apiKey: API_KEY });
  const log = makeLog((line) => logged.push(line));
  variables.AWS_BEARER_TOKEN_BEDROCK = API_KEY;
  gateway = await startTestGateway({
    config,
    variables,
    providerUrls: {
      bedrock: `${bedrock.url}/openai/v1`,
      europe: `${bedrock.url}/openai/v1`,
      'bedrock-mantle': `${bedrock.url}/v1`,
      'by-key': `${bedrock.url}/openai/v1`,
    },
    makeFunctions: (settings) => makeFunctions(settings, log),
  });
});
afterAll(async () => {
  await gateway?.close();
  await bedrock?.close();
});
beforeEach(() => {
  variables.AWS_ACCESS_KEY_ID = CREDENTIALS.accessKeyId;
  variables.AWS_SECRET_ACCESS_KEY = CREDENTIALS.secretAccessKey;
  variables.AWS_SESSION_TOKEN = CREDENTIALS.sessionToken;
});

/** Keeps every byte that the gateway answers, headers too. */
const recording: typeof fetch = async (...request) => {
  const response = await fetch(...request);
  const text = await response.text();
  answered.push(JSON.stringify([...response.headers]), text);
  const { status, headers } = response;
  return new Response(text, { status, headers });
};

const newToken = (): string => gateway.newToken({ spending_limit: 1 });
const spentOf = async (apiKey: string) => (await gateway.aboutKey(apiKey)).usage;
const openAi = (apiKey: string): OpenAI =>
  new OpenAI({ baseURL: gateway.url, apiKey, fetch: recording, maxRetries: 0 });
const anthropic = (apiKey: string): Anthropic =>
  new Anthropic({
    baseURL: gateway.url.replace(/\/v1$/, ''),
    apiKey,
    fetch: recording,
    maxRetries: 0,
  });
const messages = [{ role: 'user' as const, content: 'Hi, Zoë 🎓' }];
const chat = (model: string) => ({ model, messages, max_completion_tokens: 200 });

interface Raised {
  readonly status?: number;
  readonly code?: string | null;
  readonly message: string;
  readonly error?: { readonly error?: { readonly type?: string; readonly code?: string } };
}
const raisedBy = async (call: Promise<unknown>): Promise<Raised> =>
  call.then(
    () => {
      throw new Error('nothing was raised');
    },
    (error: Raised) => error,
  );

const USAGE = {
  prompt_tokens: 30,
  prompt_tokens_details: { cached_tokens: 20 },
  completion_tokens: 100,
  total_tokens: 130,
};
const event = (data: { type: string; [member: string]: unknown }): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const CLAUDE_USAGE = {
  input_tokens: 10,
  cache_read_input_tokens: 20,
  cache_creation_input_tokens: 40,
  output_tokens: 1,
};
const claudeMessage = (content: object[], outputTokens: number) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-opus-4-8',
  content,
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { ...CLAUDE_USAGE, output_tokens: outputTokens },
});
const CLAUDE_STREAM = streamReply(
  event({ type: 'message_start', message: { ...claudeMessage([], 1), stop_reason: null } }),
  event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
  event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } }),
  event({ type: 'content_block_stop', index: 0 }),
  event({
    type: 'message_delta',
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: 100 },
  }),
  event({ type: 'message_stop' }),
);

describe('chat completions on Bedrock with the role', () => {
  test('are signed for the region of the provider, and billed to the nano-dollar', async () => {
    bedrock.reply(jsonReply(completion('Hello', USAGE)));
    const token = newToken();
    const answer = await openAi(token).chat.completions.create(
      chat('bedrock/openai.gpt-oss-120b-1:0'),
    );

    expect(answer.choices[0]?.message.content).toBe('Hello');
    const seen = bedrock.requests.at(-1);
    expect(seen).toMatchObject({
      path: '/openai/v1/chat/completions',
      scope: 'us-east-1/bedrock',
      headers: { 'x-amz-security-token': CREDENTIALS.sessionToken },
    });
    expect(JSON.parse(seen?.body ?? '')).toMatchObject(chat('openai.gpt-oss-120b-1:0'));
    // 30 × 0.15 + 100 × 0.60 USD a million: the price list has none for what is cached.
    expect(await spentOf(token)).toBe(0.0000645);
  });

  test('stream, from another region under another name', async () => {
    bedrock.reply(
      streamReply(textEvent('Hel'), textEvent('lo'), FINISH_EVENT, usageEvent(USAGE), DONE_EVENT),
    );
    const token = newToken();
    const stream = await openAi(token).chat.completions.create({
      ...chat('europe/eu.anthropic.claude-haiku-4-5-20251001-v1:0'),
      stream: true,
    });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';

    expect(text).toBe('Hello');
    expect(bedrock.requests.at(-1)?.scope).toBe('eu-central-1/bedrock');
    // 10 × 1.10 + 20 × 0.11 + 100 × 5.50 USD a million.
    expect(await spentOf(token)).toBe(0.0005632);
  });

  test('refuse a model that is priced for another region before anything is sent', async () => {
    const before = bedrock.requests.length;
    const model = 'europe/openai.gpt-oss-120b-1:0';
    const raised = await raisedBy(openAi(newToken()).chat.completions.create(chat(model)));
    expect(raised).toMatchObject({ status: 422, code: 'model_price_unknown' });
    expect(bedrock.requests.length).toBe(before);
  });

  test('reach mantle’s other prefix with a signature for mantle', async () => {
    bedrock.reply(jsonReply(completion('Hello', USAGE)));
    const token = newToken();
    await openAi(token).chat.completions.create(chat('bedrock-mantle/openai.gpt-5.6-luna'));
    await openAi(token).chat.completions.create(chat('bedrock-mantle/qwen.qwen3-32b'));
    expect(bedrock.requests.slice(-2)).toMatchObject([
      { path: '/openai/v1/chat/completions', scope: 'us-west-2/bedrock-mantle' },
      { path: '/v1/chat/completions', scope: 'us-west-2/bedrock-mantle' },
    ]);
    // 10 × 0.22 + 20 × 0.022 + 100 × 1.32, then 30 × 0.15 + 100 × 0.60 USD a million.
    expect(await spentOf(token)).toBe(0.00019914);
  });
});

test('responses are signed and billed like chat completions', async () => {
  bedrock.reply(
    jsonReply(
      '{"id":"r","object":"response","status":"completed","output":[],"usage":{"input_tokens":30,"input_tokens_details":{"cached_tokens":20},"output_tokens":100,"total_tokens":130}}',
    ),
  );
  const token = newToken();
  const model = 'bedrock/global.openai.gpt-5.6-luna';
  await openAi(token).responses.create({ model, input: 'Hi', max_output_tokens: 200 });
  expect(bedrock.requests.at(-1)).toMatchObject({
    path: '/openai/v1/responses',
    scope: 'us-east-1/bedrock',
  });
  // 10 × 0.20 + 20 × 0.02 + 100 × 1.20 USD a million.
  expect(await spentOf(token)).toBe(0.0001224);
});

describe('Claude on Bedrock in its own format', () => {
  test.each([
    ['bedrock/us.anthropic.claude-opus-4-8', 'us-east-1/bedrock', 'us.anthropic.claude-opus-4-8'],
    [
      'bedrock-mantle/anthropic.claude-opus-4-8',
      'us-west-2/bedrock-mantle',
      'anthropic.claude-opus-4-8',
    ],
  ])('answers %s, whole and streamed, billed alike', async (model, scope, sent) => {
    const ask = { model, messages, max_tokens: 200 };
    const whole = newToken();
    bedrock.reply(jsonReply(JSON.stringify(claudeMessage([{ type: 'text', text: 'Hello' }], 100))));
    const answer = await anthropic(whole).messages.create(ask);
    expect(answer.content).toEqual([{ type: 'text', text: 'Hello' }]);
    const seen = bedrock.requests.at(-1);
    expect(seen).toMatchObject({ path: '/anthropic/v1/messages', scope });
    expect(seen?.headers['anthropic-version']).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(seen?.headers.authorization).toContain(';anthropic-version;');
    expect(JSON.parse(seen?.body ?? '')).toEqual({ ...ask, model: sent });

    const streamed = newToken();
    bedrock.reply(CLAUDE_STREAM);
    const final = await anthropic(streamed).messages.stream(ask).finalMessage();
    expect(final.content).toMatchObject([{ type: 'text', text: 'Hello' }]);
    expect(bedrock.requests.at(-1)?.scope).toBe(scope);

    // 10 × 5.50 + 20 × 0.55 + 40 × 6.875 + 100 × 27.50 USD a million.
    expect(await spentOf(whole)).toBe(0.003091);
    expect(await spentOf(streamed)).toBe(0.003091);
  });

  test('answers to Anthropic’s own model id where an alias maps it, as Claude Code sends it', async () => {
    bedrock.reply(CLAUDE_STREAM);
    const ask = { model: 'claude-opus-4-8', messages, max_tokens: 200 };
    const apiKey = newToken();
    await anthropic(apiKey).messages.stream(ask).finalMessage();
    expect(JSON.parse(bedrock.requests.at(-1)?.body ?? '').model).toBe(
      'us.anthropic.claude-opus-4-8',
    );
    expect(await spentOf(apiKey)).toBe(0.003091);
    const { data } = await anthropic(apiKey).models.list();
    expect(data.map(({ id }) => id)).toContain('claude-opus-4-8');
  });

  test('has no route that counts tokens: the refusal names the routes it has', async () => {
    const model = 'bedrock/us.anthropic.claude-opus-4-8';
    const raised = await raisedBy(anthropic(newToken()).messages.countTokens({ model, messages }));
    expect(raised.status).toBe(400);
    expect(raised.message).toContain('/v1/messages');
  });
});

describe('a provider with a Bedrock API key', () => {
  test('sends the key and no signature, in either format', async () => {
    bedrock.reply(jsonReply(completion('Hello', USAGE)));
    const token = newToken();
    await openAi(token).chat.completions.create(chat('by-key/openai.gpt-oss-20b-1:0'));
    expect(await spentOf(token)).toBe(0.0000321);
    bedrock.reply(jsonReply(JSON.stringify(claudeMessage([{ type: 'text', text: 'Hello' }], 100))));
    const model = 'by-key/us.anthropic.claude-opus-4-8';
    await anthropic(token).messages.create({ model, messages, max_tokens: 200 });
    for (const { scope, headers } of bedrock.requests.slice(-2)) {
      expect(scope).toBeUndefined();
      expect(headers).not.toHaveProperty('x-amz-date');
      expect(headers).not.toHaveProperty('x-amz-security-token');
    }
  });
});

describe('what goes wrong', () => {
  const model = 'bedrock/openai.gpt-oss-120b-1:0';
  const tryIt = async (token = newToken()) => {
    const raised = await raisedBy(openAi(token).chat.completions.create(chat(model)));
    return { raised, spent: await spentOf(token) };
  };

  test.each<[string, Record<string, string>, string]>([
    ['secret', { AWS_SECRET_ACCESS_KEY: 'canary/wrong' }, 'The request signature we calculated'],
    ['key id', { AWS_ACCESS_KEY_ID: 'ASIAOTHER' }, 'The security token included'],
    ['session', { AWS_SESSION_TOKEN: 'ended' }, 'included in the request is expired'],
  ])(
    'a wrong %s is the gateway’s fault, at no charge, and AWS’s words stay here',
    async (_, wrong, words) => {
      Object.assign(variables, wrong);
      const before = bedrock.refusedCount();
      const { raised, spent } = await tryIt();
      expect(raised).toMatchObject({ status: 502, code: 'upstream_error' });
      expect(raised.message).toContain(
        "The provider refused the gateway's own credentials (HTTP 403)",
      );
      expect(raised.message).not.toContain(words);
      expect(bedrock.refusedCount()).toBe(before + 1);
      expect(bedrock.lastRefusal()).toContain(words);
      expect(spent).toBe(0);
      expect(JSON.parse(logged.at(-1) ?? '')).toMatchObject({
        event: 'refused',
        detail: 'the provider answered HTTP 403 InvalidSignatureException',
      });
    },
  );

  test('is over with the next request once the credentials are right', async () => {
    variables.AWS_SECRET_ACCESS_KEY = 'canary/wrong';
    expect((await tryIt()).raised.status).toBe(502);
    variables.AWS_SECRET_ACCESS_KEY = CREDENTIALS.secretAccessKey;
    bedrock.reply(jsonReply(completion('Hello', USAGE)));
    const answer = await openAi(newToken()).chat.completions.create(chat(model));
    expect(answer.choices[0]?.message.content).toBe('Hello');
  });

  test.each(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'])(
    'without %s nothing is sent or charged, and it is said what is missing',
    async (name) => {
      delete variables[name];
      const before = bedrock.requests.length + bedrock.refusedCount();
      const { raised, spent } = await tryIt();
      expect(raised).toMatchObject({ status: 503, code: 'service_unavailable' });
      expect(raised.message).toContain(
        'no AWS credentials to call "bedrock" with: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
      );
      expect(bedrock.requests.length + bedrock.refusedCount()).toBe(before);
      expect(spent).toBe(0);
    },
  );

  test.each([
    [
      400,
      'User: arn:aws:sts::123456789012:assumed-role/Hallpass-Proxy/f is not authorized to perform: bedrock:InvokeModel',
    ],
    [400, `The Canonical String should have been x-amz-security-token:${CREDENTIALS.sessionToken}`],
    [403, 'You do not have access to the model with the specified model ID.'],
  ])('words of the account or the role do not go on: %i', async (status, message) => {
    bedrock.reply(jsonReply(JSON.stringify({ message }), status));
    const { raised, spent } = await tryIt();
    expect(raised).toMatchObject({ status: 502, code: 'upstream_error' });
    expect(raised.message).not.toContain(message);
    expect(spent).toBe(0);
  });

  test('words on the request do, with their status', async () => {
    const error = { message: 'The provided model identifier is invalid.', type: 'invalid_request' };
    bedrock.reply(jsonReply(JSON.stringify({ error }), 400));
    const { raised, spent } = await tryIt();
    expect(raised.status).toBe(400);
    expect(raised.message).toContain('The provided model identifier is invalid.');
    expect(spent).toBe(0);
  });

  test('a stream that breaks off ends with an error in its format and costs its whole hold', async () => {
    let breakOff = (): void => {};
    const until = new Promise<void>((resolve) => {
      breakOff = resolve;
    });
    bedrock.reply({ steps: [{ write: textEvent('half of it') }, { until }, 'die'] });
    const token = newToken();
    const client = new OpenAI({ baseURL: gateway.url, apiKey: token, maxRetries: 0 });
    const reading = async () => {
      const stream = await client.chat.completions.create({ ...chat(model), stream: true });
      for await (const _ of stream) breakOff();
    };
    expect((await raisedBy(reading())).code).toBe('upstream_error');
    // 115, the most that the request can be counted as, × 0.15, and its cap of 200 × 0.60 USD a million.
    expect(await spentOf(token)).toBe(0.00013725);
  });
});

test('no answer or log line holds a credential', () => {
  expect(answered.length).toBeGreaterThan(20);
  expect(logged.length).toBeGreaterThan(5);
  for (const text of [...answered, ...logged]) {
    for (const canary of [...CANARIES, 'canary', '123456789012', 'AWS4-HMAC']) {
      expect(text).not.toContain(canary);
    }
  }
});
