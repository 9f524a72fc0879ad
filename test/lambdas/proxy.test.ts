import type { APIGatewayProxyEvent } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeWallets } from '../../adapters/dynamodb/wallets.ts';
import { makeLog } from '../../adapters/log.ts';
import type { Grant } from '../../core/access/grant.ts';
import { encodeGrant } from '../../core/access/grant-codec.ts';
import { asTokenId } from '../../core/base/ids.ts';
import { defineConfig } from '../../core/config.ts';
import { walletIdOf } from '../../core/wallet/payer.ts';
import { makeProxyHandler } from '../../lambdas/proxy.ts';
import { installAwsLambda } from '../../local/api-gateway/lambda.ts';
import { makeTestCall, TABLE_NAMES } from '../support/dynamodb.ts';
import {
  completion,
  DONE_EVENT,
  type FakeProvider,
  FINISH_EVENT,
  jsonReply,
  startFakeProvider,
  streamReply,
  textEvent,
  usageEvent,
  usageOf,
} from '../support/fake-provider.ts';
import {
  startFunctionSettings,
  type TestFunctions,
  unreachable,
} from '../support/function-settings.ts';
import { startAtNoon } from '../support/noon.ts';
import { streamOf } from '../support/stub-functions.ts';
import { makeGrant } from '../support/wallet-fixtures.ts';

startAtNoon();

const PROMPT = 'prompt-canary';
const SAID = 'completion-canary';
const USAGE = usageEvent(usageOf(9, 4));
const CAP = { max_tokens: 100 };

let functions: TestFunctions;
let provider: FakeProvider;
let settings: TestFunctions['settings'];
const logged: string[] = [];
let users = 0;

beforeAll(async () => {
  installAwsLambda();
  functions = await startFunctionSettings();
  provider = await startFakeProvider();
  const { environment } = functions.settings;
  settings = {
    environment: { ...environment, providerUrls: { openai: provider.url } },
    config: defineConfig({
      providers: { openai: {}, mistral: {} },
      prices: { 'openai/m': { inputUsdPerMillion: 0, outputUsdPerMillion: 1 } },
    }),
  };
});
afterAll(async () => {
  await functions.close();
  await provider.close();
});
afterEach(() => {
  for (const canary of [PROMPT, SAID]) expect(logged.join('\n')).not.toContain(canary);
  logged.length = 0;
});

/** Another user each time, so that wallets start empty. The clock is the machine's here. */
function grantOf(limits: readonly string[] = ['token:usd:total=1']): Grant {
  users += 1;
  const nowMs = Date.now();
  return makeGrant(limits, {
    identity: { source: 'token', issuer: '', id: `user${users}` },
    token: {
      id: asTokenId(`token${users}`),
      issuedAtMs: nowMs - 1_000,
      expiresAtMs: nowMs + 60_000,
      revoked: false,
    },
  });
}

const ask = (more: object = {}) =>
  JSON.stringify({
    model: 'openai/m',
    messages: [{ role: 'user', content: PROMPT }],
    ...CAP,
    ...more,
  });

const eventOf = (body: string | null, authorizer: object, more: object = {}) =>
  ({
    httpMethod: 'POST',
    path: '/v1/chat/completions',
    multiValueHeaders: {},
    queryStringParameters: null,
    body,
    isBase64Encoded: false,
    requestContext: { authorizer },
    ...more,
  }) as unknown as APIGatewayProxyEvent;

interface Call {
  readonly body?: string | null;
  readonly grant?: Grant;
  readonly authorizer?: object;
  readonly event?: object;
  readonly timeoutMs?: number;
  readonly with?: TestFunctions['settings'];
}

function call({
  body = ask(),
  grant = grantOf(),
  authorizer,
  event,
  timeoutMs = 20_000,
  ...rest
}: Call) {
  const handler = makeProxyHandler(
    rest.with ?? settings,
    makeLog((line) => logged.push(line)),
  );
  const context = authorizer ?? { grant: encodeGrant(grant) };
  return streamOf(handler, eventOf(body, context, event), timeoutMs);
}

const PRELUDE_END = Buffer.alloc(8);

async function answerTo(asked: Call) {
  const reads = await call(asked).toArray();
  const bytes = Buffer.concat(reads);
  const at = bytes.indexOf(PRELUDE_END);
  const { statusCode, headers } = JSON.parse(bytes.subarray(0, at).toString());
  return { status: statusCode, headers, text: bytes.subarray(at + 8).toString() };
}

const walletOf = (grant: Grant) =>
  makeWallets(makeTestCall(settings.environment.dynamodbUrl), TABLE_NAMES.walletsTable).find(
    walletIdOf(grant),
  );

/** The wallet's nano-dollars spent and requests held, once nothing is in flight. */
async function booksOf(grant: Grant) {
  const wallet = await walletOf(grant);
  return [wallet?.counters.get('usd:total'), wallet?.holds.size, wallet?.inFlight];
}

describe('the proxy function', () => {
  test('passes a completion on and records its usage', async () => {
    const answer = completion(SAID, usageOf(9, 4));
    provider.reply(jsonReply(answer));
    const grant = grantOf();
    const { status, headers, text } = await answerTo({ grant });
    expect([status, text]).toEqual([200, answer]);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store, no-transform',
      'access-control-allow-origin': '*',
      'x-hallpass-cost-usd': '0.000004',
      'x-hallpass-budget-limit-usd': '1',
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(await booksOf(grant)).toEqual([4_000n, 0, 0]);
  });

  test('sends each event on before the provider sends the next', async () => {
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    provider.reply({
      steps: [
        { write: textEvent('first') },
        { until: first.promise },
        { write: textEvent('second') },
        { until: second.promise },
        { write: FINISH_EVENT + USAGE + DONE_EVENT },
      ],
    });
    const grant = grantOf();
    let text = '';
    for await (const read of call({ body: ask({ stream: true }), grant })) {
      text += read.toString();
      if (text.includes('first')) first.resolve();
      if (text.includes('second')) second.resolve();
    }
    expect(text).toContain(DONE_EVENT);
    expect(await booksOf(grant)).toEqual([4_000n, 0, 0]);
  });

  test('holds the whole possible cost while the provider works', async () => {
    provider.reply({
      steps: [
        { write: textEvent('x') },
        { waitMs: 200 },
        { write: FINISH_EVENT + USAGE + DONE_EVENT },
      ],
    });
    const grant = grantOf();
    const stream = call({ body: ask({ stream: true }), grant });
    for await (const read of stream) {
      if (!read.toString().includes('"x"')) continue;
      expect(await booksOf(grant)).toEqual([100_000n, 1, 1]);
    }
    expect(await booksOf(grant)).toEqual([4_000n, 0, 0]);
  });

  // guarantee: client-leaves
  test('settles when the client aborts mid-stream, which it cannot see', async () => {
    provider.reply({
      steps: [
        { write: textEvent('x') },
        { waitMs: 50 },
        { write: textEvent('y') },
        { waitMs: 50 },
        { write: FINISH_EVENT + USAGE + DONE_EVENT },
      ],
    });
    const grant = grantOf();
    const stream = call({ body: ask({ stream: true }), grant });
    stream.on('error', () => {});
    stream.once('data', () => stream.destroy());
    await expect.poll(() => booksOf(grant)).toEqual([4_000n, 0, 0]);
  });
});

describe('an awkward provider', () => {
  const hello = textEvent('12345678');
  const error = (code: string) =>
    expect.stringContaining(`"code":"${code}","charged_usd":0.0001}}\n\n`);

  test.each([
    [
      'dies mid-stream',
      { steps: [{ write: hello }, { waitMs: 20 }, 'die'] },
      error('upstream_error'),
      100_000n,
    ],
    ['answers garbage', { steps: [{ write: '<html>' }] }, error('upstream_error'), 100_000n],
    [
      'sends usage twice',
      streamReply(hello, FINISH_EVENT, USAGE, USAGE, DONE_EVENT),
      hello + FINISH_EVENT + DONE_EVENT,
      4_000n,
    ],
    [
      'sends no usage',
      streamReply(hello, FINISH_EVENT, DONE_EVENT),
      hello + FINISH_EVENT + DONE_EVENT,
      100_000n,
    ],
    [
      'ignores the cap',
      streamReply(
        ...Array(60).fill(textEvent('x'.repeat(100))),
        FINISH_EVENT,
        usageEvent(usageOf(9, 900)),
        DONE_EVENT,
      ),
      expect.stringMatching(/\[DONE\]\n\n$/),
      undefined,
    ],
    [
      'drips',
      {
        steps: [...(hello + FINISH_EVENT + USAGE + DONE_EVENT)].flatMap((write) => [
          { write },
          { waitMs: 0 },
        ]),
      },
      hello + FINISH_EVENT + DONE_EVENT,
      4_000n,
    ],
  ] as const)(
    'that %s still gives a correct end and a correct bill',
    async (_, reply, text, spent) => {
      provider.reply(reply as never);
      const grant = grantOf();
      const answer = await answerTo({ body: ask({ stream: true }), grant });
      expect([answer.status, answer.text]).toEqual([200, text]);
      const [usd, ...rest] = await booksOf(grant);
      expect(rest).toEqual([0, 0]);
      if (spent === undefined) expect(usd).toBeGreaterThan(100_000n);
      else expect(usd).toBe(spent);
    },
  );

  // guarantee: provider-hangs
  test('that never answers is given up before the function’s own timeout', async () => {
    provider.reply({ steps: ['hang'] });
    const grant = grantOf();
    const { status, text } = await answerTo({ grant, timeoutMs: 5_200 });
    expect([status, JSON.parse(text).error.code]).toEqual([504, 'upstream_timeout']);
    expect(await booksOf(grant)).toEqual([100_000n, 0, 0]);
  });

  // guarantee: provider-hangs
  test('that stops in mid-stream gives the client an error before the function’s own timeout', async () => {
    provider.reply({ steps: [{ write: hello }, 'hang'] });
    const grant = grantOf();
    const { text } = await answerTo({ body: ask({ stream: true }), grant, timeoutMs: 5_200 });
    expect(text).toContain('"code":"upstream_timeout"');
    expect(await booksOf(grant)).toEqual([100_000n, 0, 0]);
  });
});

describe('a refusal', () => {
  const errorOf = async (asked: Call) => {
    const { status, text, headers } = await answerTo(asked);
    expect(headers).toMatchObject({
      'access-control-allow-origin': '*',
      'x-request-id': expect.any(String),
      'content-type': 'application/json',
    });
    const { code, param } = JSON.parse(text).error;
    return [status, code, param];
  };

  test.each([
    ['unreadable JSON', { body: `{"model":"${PROMPT}` }, [400, 'invalid_request', null]],
    ['no body', { body: null }, [400, 'invalid_request', null]],
    ['no model', { body: ask({ model: undefined }) }, [400, 'invalid_request', 'model']],
    [
      'a body of 6 MB and more',
      { body: ask({ x: 'x'.repeat(6_300_000) }) },
      [413, 'request_too_large', null],
    ],
    ['an unbounded field', { body: ask({ plugins: [] }) }, [400, 'invalid_request', 'plugins']],
    ['an unknown model', { body: ask({ model: 'nobody/m' }) }, [404, 'model_not_found', 'model']],
    ['another route', { event: { path: '/v1/other' } }, [404, 'not_found', null]],
    ['another method', { event: { httpMethod: 'GET' } }, [404, 'not_found', null]],
    ['no grant', { authorizer: {} }, [503, 'service_unavailable', null]],
  ])('of %s comes in OpenAI’s form', async (_, asked, expected) => {
    expect(await errorOf(asked)).toEqual(expected);
  });

  test('of a limit names the limit and its figures', async () => {
    const { status, text } = await answerTo({ grant: grantOf(['token:usd:total=0.000001']) });
    expect(status).toBe(402);
    expect(JSON.parse(text).error).toMatchObject({
      code: 'insufficient_quota',
      limit: { per: 'token', unit: 'usd', window: 'total' },
      limit_value: 0.000001,
      resets_at: null,
    });
  });

  test('is 503, and nothing is sent, when the table cannot be reached', async () => {
    const sent = provider.requests.length;
    const cut = unreachable(settings);
    const secretsManagerUrl = settings.environment.secretsManagerUrl;
    const dead = { ...cut, environment: { ...cut.environment, secretsManagerUrl } };
    expect(await errorOf({ with: dead })).toEqual([503, 'service_unavailable', null]);
    expect(provider.requests).toHaveLength(sent);
  });

  // guarantee: secrets-fail
  test('is 503, nothing is held and nothing is sent, when the secrets cannot be reached', async () => {
    const sent = provider.requests.length;
    const { dynamodbUrl } = settings.environment;
    const cut = unreachable(settings);
    const dead = { ...cut, environment: { ...cut.environment, dynamodbUrl } };
    const grant = grantOf();
    expect(await errorOf({ with: dead, grant })).toEqual([503, 'service_unavailable', null]);
    expect(provider.requests).toHaveLength(sent);
    expect(await walletOf(grant)).toBeUndefined();
  });

  test('is logged by its code', async () => {
    await errorOf({ body: '{' });
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'info', event: 'refused', code: 'invalid_request', httpStatus: 400 },
    ]);
  });
});
