/**
 * Headers and refusals between client and provider: the request goes on, the client's identity does not, and no answer
 * holds the provider's key.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  completion,
  DONE_EVENT,
  type FakeProvider,
  FINISH_EVENT,
  jsonReply,
  type Reply,
  startFakeProvider,
  streamReply,
  textEvent,
  usageEvent,
  usageOf,
} from '../support/fake-provider.ts';
import { send } from '../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

const KEY = 'sk-provider-0123456789abcdef';
const JSON_TYPE = { 'content-type': 'application/json' };
/** A reply of a server that reports its own failure. */
const failing = (status: number, write: string, headers: object = {}): Reply => ({
  status,
  headers: { ...JSON_TYPE, ...headers },
  steps: [{ write }],
});
const ANSWER = completion('Hello', usageOf(10, 20));
let provider: FakeProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = await startFakeProvider();
  gateway = await startTestGateway({
    providerUrls: { openai: provider.url, anthropic: provider.url, google: provider.url },
    variables: { OPENAI_API_KEY: KEY, ANTHROPIC_API_KEY: KEY, GEMINI_API_KEY: KEY },
  });
});
afterAll(async () => {
  await gateway?.close();
  await provider?.close();
});

const CHAT = { model: 'openai/gpt-4o-mini', messages: [{ role: 'user', content: 'Hi' }] };
const MESSAGES = { ...CHAT, model: 'anthropic/claude-sonnet-4-5', max_tokens: 50 };
const CAPPED = { spending_limit: 1 };
const EVERYTHING = {
  'x-user-email': 'ada@example.edu',
  'x-conversation-id': 'c1',
  'x-hallpass-tags': 'project=p1',
  'x-request-id': 'mine',
  'x-forwarded-for': '203.0.113.7',
  'x-forwarded-proto': 'https',
  'x-real-ip': '203.0.113.7',
  forwarded: 'for=203.0.113.7',
  cookie: 'session=1',
  referer: 'https://app.example.edu/',
  origin: 'https://app.example.edu',
  'user-agent': 'OpenAI/JS 7.55.0',
  'accept-language': 'de',
  'idempotency-key': 'i1',
  'openai-organization': 'org-1',
  'openai-project': 'proj-1',
  'x-stainless-lang': 'js',
  'x-stainless-retry-count': '0',
  'anthropic-dangerous-direct-browser-access': 'true',
  'x-claude-code-session-id': 's1',
  'x-goog-api-client': 'google-genai-sdk/3.1.0',
  'x-goog-user-project': 'p1',
  'openai-beta': 'responses=experimental',
  'anthropic-version': '2026-10-21',
  'anthropic-beta': 'interleaved-thinking-2025-05-14',
};

function ask(path: string, body: object, headers: object = {}, claims: object = CAPPED) {
  const apiKey = gateway.newToken({ ...claims });
  return send(`${gateway.url}${path}`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, ...JSON_TYPE, ...headers },
    body: JSON.stringify(body),
  });
}
const seen = () => {
  const { host: _, 'content-length': __, ...headers } = provider.requests.at(-1)?.headers ?? {};
  return headers;
};
const ALWAYS = {
  'content-type': 'application/json',
  accept: 'application/json',
  'user-agent': 'hallpass',
  'accept-encoding': 'identity',
  connection: 'keep-alive',
};

describe('of the client’s headers,', () => {
  const openai = { authorization: `Bearer ${KEY}` };
  const beta = { 'openai-beta': 'responses=experimental' };
  const anthropic = {
    'x-api-key': KEY,
    'anthropic-version': '2026-10-21',
    'anthropic-beta': 'interleaved-thinking-2025-05-14',
  };

  // guarantee: few-headers-upstream
  test.each<[string, string, object, object]>([
    ['OpenAI’s betas', '/chat/completions', CHAT, { ...openai, ...beta }],
    [
      'OpenAI’s betas',
      '/responses',
      { model: 'openai/gpt-4o-mini', input: 'Hi' },
      { ...openai, ...beta },
    ],
    ['nothing', '/embeddings', { model: 'openai/text-embedding-3-small', input: 'Hi' }, openai],
    ['Anthropic’s version and betas', '/messages', MESSAGES, anthropic],
    ['Anthropic’s version and betas', '/messages/count_tokens', MESSAGES, anthropic],
    [
      'nothing',
      '/models/gemini-2.5-flash:generateContent',
      { contents: [] },
      { 'x-goog-api-key': KEY },
    ],
  ])(
    'sees %s on %s, beside the gateway’s key, and nothing else',
    async (_, path, body, headers) => {
      provider.reply(jsonReply('{}'));
      expect((await ask(path, body, EVERYTHING)).status).toBe(200);
      expect(seen()).toEqual({ ...ALWAYS, ...headers });
    },
  );

  test('a capped token’s beta headers are sent on only if their price is known', async () => {
    const asked = 'assistants=v2, responses=experimental,Bearer sk-1, a b';
    const betaOf = async (claims: object) => {
      provider.reply(jsonReply(ANSWER));
      await ask('/chat/completions', CHAT, { 'openai-beta': asked }, claims);
      return seen()['openai-beta'];
    };
    expect(await betaOf(CAPPED)).toBe('responses=experimental');
    expect(await betaOf({})).toBe('assistants=v2,responses=experimental');
  });
});

describe('the provider’s key', () => {
  const words = JSON.stringify({ error: { message: `Incorrect API key provided: ${KEY}` } });
  const stream = streamReply;

  // guarantee: provider-key-in-no-answer
  test.each<[string, Reply, object, number]>([
    ['a 400', failing(400, words), {}, 502],
    ['a 401', failing(401, words), {}, 502],
    ['a 403', failing(403, words), {}, 502],
    ['a 429', failing(429, words, { 'retry-after': '1' }), {}, 502],
    ['a 500', failing(500, words), {}, 502],
    ['a redirect', failing(302, words, { location: `/v1/${KEY}` }), {}, 502],
    ['an answer', jsonReply(completion(KEY, usageOf(10, 20))), {}, 502],
    ['an answer without usage', jsonReply(completion(KEY)), {}, 502],
    ['a header', failing(200, ANSWER, { 'x-key': KEY, 'set-cookie': `k=${KEY}` }), {}, 200],
    ['the type', failing(200, ANSWER, { 'content-type': `application/json; k=${KEY}` }), {}, 200],
    [
      'an event',
      stream(textEvent('a'), textEvent(KEY), FINISH_EVENT, DONE_EVENT),
      { stream: true },
      200,
    ],
    ['an error event', stream(textEvent('a'), `data: ${words}\n\n`), { stream: true }, 200],
    ['the last event', stream(textEvent('a'), `data: ${words}`), { stream: true }, 200],
  ])('is in no answer when the provider says it in %s', async (_, reply, more, status) => {
    provider.reply(reply);
    const answer = await ask('/chat/completions', { ...CHAT, ...more });
    expect(answer.status).toBe(status);
    expect(`${JSON.stringify(answer.headers)} ${answer.text}`).not.toContain(KEY);
    if (status === 502) expect(JSON.parse(answer.text).error.code).toBe('upstream_error');
    if ('stream' in more) expect(answer.text).toContain('"code":"upstream_error"');
  });
});

describe('a redirect', () => {
  // guarantee: no-redirect
  test.each([301, 302, 303, 307, 308])('%i is a failure, and nobody follows it', async (status) => {
    const before = provider.requests.length;
    provider.reply(failing(status, '{"secret":"page"}', { location: '/v1/elsewhere' }));
    const { status: told, text, headers } = await ask('/chat/completions', CHAT);
    expect([told, JSON.parse(text).error.code]).toEqual([502, 'upstream_error']);
    expect(text).not.toContain('page');
    expect(headers).not.toHaveProperty('location');
    expect(provider.requests.length).toBe(before + 1);
  });
});

describe('the provider’s own refusal', () => {
  test.each([400, 403, 404, 409, 413, 422, 429])('%i passes in its own words', async (status) => {
    const words = `{"error":{"message":"no, ${status}","code":"its_own"},"more":[1]}`;
    provider.reply(failing(status, words));
    const answer = await ask('/chat/completions', { ...CHAT, stream: true });
    expect([answer.status, answer.text]).toEqual([status, words]);
  });

  const IN_FULL = ' It is counted in full, because the provider may bill it.';
  test.each([
    [500, IN_FULL],
    [502, IN_FULL],
    [503, ''],
    [504, IN_FULL],
    [529, ''],
  ])('%i is a failure, and says if it is charged', async (status, note) => {
    provider.reply(failing(status, '{"error":{"message":"inner workings"}}'));
    const answer = await ask('/chat/completions', { ...CHAT, stream: true });
    expect([answer.status, JSON.parse(answer.text).error]).toEqual([
      502,
      {
        message: `The provider failed (HTTP ${status}).${note}`,
        type: 'api_error',
        param: null,
        code: 'upstream_error',
        ...(note === '' ? {} : { charged_usd: expect.any(Number) }),
      },
    ]);
  });
});

describe('connections to a provider', () => {
  const fresh: FakeProvider[] = [];
  afterEach(async () => {
    for (const each of fresh.splice(0)) await each.close();
  });

  test('are reused: ten requests, streamed and not, use one', async () => {
    const own = await startFakeProvider();
    fresh.push(own);
    const ownGateway = await startTestGateway({ providerUrls: { openai: own.url } });
    try {
      for (let index = 0; index < 10; index++) {
        const isStream = index % 2 === 0;
        own.reply(
          isStream
            ? streamReply(textEvent('a'), FINISH_EVENT, usageEvent(usageOf(1, 1)), DONE_EVENT)
            : jsonReply(ANSWER),
        );
        const { status } = await send(`${ownGateway.url}/chat/completions`, {
          method: 'POST',
          headers: { 'x-api-key': ownGateway.sign(CAPPED), ...JSON_TYPE },
          body: JSON.stringify({ ...CHAT, stream: isStream }),
        });
        expect(status).toBe(200);
      }
      expect([own.requests.length, own.connectionCount()]).toEqual([10, 1]);
    } finally {
      await ownGateway.close();
    }
  });
});
