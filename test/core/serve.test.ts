import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../core/base/errors.ts';
import { asRequestId } from '../../core/base/ids.ts';
import { RESPONSES } from '../../core/dialects/responses/responses.ts';
import { makePriceBook } from '../../core/models/pricing.ts';
import { serve } from '../../core/serve.ts';
import {
  completion,
  DONE_EVENT,
  FINISH_EVENT,
  textEvent,
  usageEvent,
  usageOf,
} from '../support/fake-provider.ts';
import {
  ask,
  CAPPED,
  CHAT_ASK,
  config,
  makeProxy,
  PROVIDER_KEY,
  REQUEST_ID,
  readAnswer,
  UNCAPPED,
} from '../support/proxy-fixtures.ts';
import { makeGrant, NOW_MS, TOKEN_ID } from '../support/wallet-fixtures.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const whole = (body: string, status = 200) => ({ status, headers: JSON_TYPE, reads: [body] });
const refusal = (code: string) => expect.objectContaining({ code });

describe('a completion', () => {
  const answer = completion('hello', usageOf(9, 4));

  test('passes on unchanged, with its cost and the state of the limits', async () => {
    const proxy = makeProxy(whole(answer));
    const served = await proxy.serve(ask({ max_tokens: 100 }));
    expect(await readAnswer(served)).toBe(answer);
    expect(served.status).toBe(200);
    expect(served.headers).toEqual({
      'content-type': 'application/json',
      'cache-control': 'no-store, no-transform',
      'x-hallpass-cost-usd': '0.000004',
      'x-hallpass-budget-limit-usd': '1',
      'x-hallpass-budget-remaining-usd': '0.9999',
    });
  });

  test('is requested with the gateway’s key and nothing of the client’s', async () => {
    const proxy = makeProxy(whole(answer));
    await proxy.serve(ask({ max_tokens: 100 }));
    expect(proxy.sent).toEqual([
      {
        url: 'https://api.openai.com/v1/chat/completions',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          authorization: `Bearer ${PROVIDER_KEY}`,
        },
        body: '{"model":"m","messages":[{"role":"user","content":"hi"}],"service_tier":"default","max_completion_tokens":100}',
        deadlineAtMs: NOW_MS + 60_000,
      },
    ]);
  });

  test('is billed by what the provider reports, and its hold is released', async () => {
    const proxy = makeProxy(whole(answer));
    await proxy.serve(ask({ max_tokens: 100 }));
    expect(proxy.rows()).toEqual([
      {
        keyId: 'k',
        walletId: (await proxy.wallet())?.id,
        requestId: REQUEST_ID,
        attempt: 1,
        reservedAtMs: NOW_MS,
        status: 'exact',
        cost: { usd: 4_000n, tokens: 13n },
        overrunNanoUsd: 0n,
        tokens: { input: 9, cachedInput: 0, cacheWrite: 0, output: 4, reasoning: 0 },
        provider: 'openai',
        model: 'openai/m',
        priceVersion: 'v1',
        identity: { source: 'token', issuer: '', id: 'ada' },
        tokenId: 'tokenA',
        counted: [
          { per: 'user', unit: 'usd', window: 'total' },
          { per: 'token', unit: 'usd', window: 'total' },
        ],
        httpStatus: 200,
        latencyMs: 1,
        firstByteMs: 0,
      },
    ]);
    const wallet = await proxy.wallet();
    expect(wallet?.holds.size).toBe(0);
    expect(wallet?.counters.get('t:tokenA:usd:total')).toBe(4_000n);
  });

  test('is called for under a hold: one write before, none between', async () => {
    const calls: string[] = [];
    const inner = makeProxy(whole(answer));
    const proxy = makeProxy(whole(answer), {
      wallets: {
        ...inner.ports.wallets,
        reserve: (reservation) => {
          calls.push('reserve');
          return inner.ports.wallets.reserve(reservation);
        },
        settle: (settlement) => {
          calls.push('settle');
          return inner.ports.wallets.settle(settlement);
        },
      },
      usage: {
        put: (row) => {
          calls.push('row');
          return inner.ports.usage.put(row);
        },
      },
      upstream: {
        send: (request) => {
          calls.push('send');
          return inner.ports.upstream.send(request);
        },
      },
    });
    await proxy.serve(ask());
    expect(calls).toEqual(['reserve', 'send', 'row', 'settle']);
  });

  test('has the provider’s own cost, if its row has reportsCost', async () => {
    const usage = { ...usageOf(9, 4), cost: 0.25 };
    const believed = makeProxy(whole(completion('x', usage)));
    await believed.serve(ask({ model: 'openrouter/m' }));
    expect(believed.rows()[0]?.cost.usd).toBe(250_000_000n);
    expect(believed.rows()[0]?.overrunNanoUsd).toBe(241_808_000n);
    const priced = makeProxy(whole(completion('x', usage)));
    await priced.serve(ask());
    expect(priced.rows()[0]?.cost.usd).toBe(4_000n);
  });

  test('costs nothing if no price is known and no USD limit applies', async () => {
    const proxy = makeProxy(whole(answer));
    await proxy.serve(ask({ model: 'openai/unheard-of', anything: 1 }), UNCAPPED);
    expect(JSON.parse(proxy.sent[0]?.body ?? '')).toMatchObject({ anything: 1 });
    expect(proxy.rows()[0]).toMatchObject({ status: 'exact', cost: { usd: 0n, tokens: 13n } });
    expect(proxy.rows()[0]).not.toHaveProperty('priceVersion');
  });

  test('costs its whole hold if the provider reports no usage', async () => {
    const proxy = makeProxy(whole(completion('123456789')));
    const served = await proxy.serve(ask({ model: 'openai/both', max_tokens: 100 }));
    expect(proxy.rows()[0]).toMatchObject({
      status: 'estimated',
      tokens: { input: 104, output: 100 },
      cost: { usd: 204_000n, tokens: 204n },
    });
    expect(served.headers['x-hallpass-cost-usd']).toBe('0.000204');
  });

  test('writes one log line, without any text of the request or the answer', async () => {
    const proxy = makeProxy(whole(answer));
    await proxy.serve(ask({ max_tokens: 100 }));
    expect(proxy.log).toEqual([
      {
        level: 'info',
        event: 'request',
        requestId: REQUEST_ID,
        keyId: 'k',
        walletId: (await proxy.wallet())?.id,
        provider: 'openai',
        model: 'openai/m',
        usageStatus: 'exact',
        costNanoUsd: 4_000n,
        tokens: 13,
        writeUnits: 3,
        httpStatus: 200,
        durationMs: 1,
        firstByteMs: 0,
      },
    ]);
  });

  test('comes from the built-in provider too, at its price', async () => {
    const proxy = makeProxy();
    const body = ask({ model: 'demo/echo', max_tokens: 10 });
    const answered = JSON.parse(await readAnswer(await proxy.serve(body)));
    expect(answered.choices[0].message.content).toBe('echo: hi');
    expect(proxy.rows()[0]?.cost).toEqual({ usd: 9_000n, tokens: 3n });
    expect(proxy.sent).toHaveLength(0);
  });
});

describe('before anything is held', () => {
  const token = { id: TOKEN_ID, issuedAtMs: NOW_MS - 2, expiresAtMs: NOW_MS + 1, revoked: false };

  test.each([
    ['token_expired', ask(), makeGrant([], { token: { ...token, expiresAtMs: NOW_MS } })],
    ['token_revoked', ask(), makeGrant([], { token: { ...token, revoked: true } })],
    ['invalid_request', '{"model":', CAPPED],
    ['invalid_request', { messages: [] }, CAPPED],
    ['invalid_request', ask({ web_search_options: {} }), CAPPED],
    ['model_not_found', ask({ model: 'nobody/m' }), CAPPED],
    ['model_not_allowed', ask(), makeGrant([], { models: ['openai/both'] })],
    ['model_price_unknown', ask({ model: 'openai/unheard-of' }), CAPPED],
    ['model_not_found', ask({ model: 'mistral/m' }), UNCAPPED],
  ])('refuses with %s', async (code, body, grant) => {
    const proxy = makeProxy();
    await expect(proxy.serve(body, grant)).rejects.toThrowError(refusal(code));
    expect(await proxy.wallet()).toBeUndefined();
    expect(proxy.rows()).toEqual([]);
    expect(proxy.sent).toEqual([]);
  });

  test('says which key a provider lacks, but calls one that needs none', async () => {
    const proxy = makeProxy(whole(completion('x')));
    await expect(proxy.serve(ask({ model: 'mistral/m' }), UNCAPPED)).rejects.toThrow(
      'provider "mistral" has no API key: set MISTRAL_API_KEY or the secret "mistral"',
    );
    const bare = makeProxy(whole(completion('x')), {
      secrets: {
        readKey: async () => '',
        readJwtSecret: async () => new Uint8Array(),
        findProviderKey: async () => undefined,
      },
    });
    await bare.serve(ask({ model: 'ollama/m' }), UNCAPPED);
    expect(bare.sent[0]?.headers).not.toHaveProperty('authorization');
  });

  test('passes an outage of the secrets on unchanged', async () => {
    const outage = new GatewayError('service_unavailable');
    const proxy = makeProxy(
      {},
      {
        secrets: {
          readKey: async () => '',
          readJwtSecret: async () => new Uint8Array(),
          findProviderKey: () => Promise.reject(outage),
        },
      },
    );
    await expect(proxy.serve(ask())).rejects.toBe(outage);
    expect(await proxy.wallet()).toBeUndefined();
  });
});

describe('a limit', () => {
  test('that affords less lowers the output cap and says so', async () => {
    const proxy = makeProxy(whole(completion('x', usageOf(1, 1))));
    const grant = makeGrant(['token:usd:total=0.00005']);
    const served = await proxy.serve(ask({ max_tokens: 1_000 }), grant);
    expect(JSON.parse(proxy.sent[0]?.body ?? '').max_completion_tokens).toBe(50);
    expect(served.headers['x-hallpass-max-output-tokens']).toBe('50');
    expect(served.headers['x-hallpass-budget-remaining-usd']).toBe('0');
  });

  test('that affords all of it sets no header about the cap', async () => {
    const proxy = makeProxy(whole(completion('x', usageOf(1, 1))));
    const served = await proxy.serve(ask());
    expect(JSON.parse(proxy.sent[0]?.body ?? '').max_completion_tokens).toBe(8_192);
    expect(served.headers).not.toHaveProperty('x-hallpass-max-output-tokens');
  });

  test('that cannot bound a tool of the provider’s leaves it out and says so', async () => {
    const proxy = makeProxy(whole('{"output":[],"usage":{"input_tokens":1,"output_tokens":1}}'));
    const shell = { type: 'local_shell' };
    const tools = [shell, { type: 'web_search' }, { type: 'image_generation' }];
    const body = { model: 'openai/m', input: 'hi', tools };
    const served = await proxy.serve(body, CAPPED, REQUEST_ID, RESPONSES);
    expect(served.headers['x-hallpass-dropped']).toBe('web_search, image_generation');
    expect(JSON.parse(proxy.sent[0]?.body ?? '').tools).toEqual([shell]);
    const plain = await proxy.serve(
      { model: 'openai/m', input: 'hi' },
      CAPPED,
      asRequestId('r2'),
      RESPONSES,
    );
    expect(plain.headers).not.toHaveProperty('x-hallpass-dropped');
  });

  test('that does not afford a budget of thinking says which output cap it affords', async () => {
    const proxy = makeProxy();
    const grant = makeGrant(['token:usd:total=0.0005']);
    const body = ask({ max_tokens: 9_000, thinking: { type: 'enabled', budget_tokens: 4_000 } });
    await expect(proxy.serve(body, grant)).rejects.toThrowError(
      expect.objectContaining({
        code: 'invalid_request',
        message:
          '"thinking.budget_tokens" must be under the output cap that the budget affords, 500',
      }),
    );
    expect(proxy.sent).toEqual([]);
    const none = makeGrant(['token:usd:total=0.000001']);
    await expect(proxy.serve(body, none)).rejects.toThrowError(
      expect.objectContaining({ status: 402 }),
    );
  });

  test('that does not afford 16 tokens refuses, and nothing is sent', async () => {
    const proxy = makeProxy();
    const grant = makeGrant(['token:usd:total=0.000015']);
    await expect(proxy.serve(ask(), grant)).rejects.toThrowError(refusal('insufficient_quota'));
    expect(proxy.sent).toEqual([]);
  });
});

describe('what was sent', () => {
  // guarantee: checked-body-only
  test('is what was checked: the last of members given twice', async () => {
    const proxy = makeProxy(whole(completion('x', usageOf(1, 1))));
    await proxy.serve(
      '{"model":"openai/both","max_tokens":1000000,"messages":[],"max_tokens":20,"model":"openai/m"}',
    );
    expect(proxy.sent[0]?.body).toBe(
      '{"model":"m","messages":[],"service_tier":"default","max_completion_tokens":20}',
    );
    const [hold] = [...((await proxy.wallet())?.holds.values() ?? [])];
    expect(hold).toBeUndefined();
    expect(proxy.rows()[0]?.model).toBe('openai/m');
  });
});

describe('no secret', () => {
  const PROMPT = 'prompt-canary';
  const COMPLETION = 'completion-canary';

  // guarantee: no-secret-in-output
  test.each([
    ['an answer', whole(completion(COMPLETION, usageOf(1, 1)))],
    ['a refusal', whole(`{"error":"${COMPLETION}"}`, 400)],
    ['a refusal of the key', whole(`{"error":"${PROVIDER_KEY}"}`, 401)],
    ['garbage', whole(`${COMPLETION} ${PROVIDER_KEY}`)],
    [
      'a dead provider',
      { failure: new GatewayError('upstream_error', { cause: new Error(PROVIDER_KEY) }) },
    ],
    [
      'a stream',
      { reads: [textEvent(COMPLETION), FINISH_EVENT, usageEvent(usageOf(1, 1)), DONE_EVENT] },
    ],
    ['a stream that dies', { reads: [textEvent(COMPLETION), new Error(COMPLETION)] }],
  ])('is in the log or the error after %s', async (_, script) => {
    const proxy = makeProxy(script);
    const body = ask({
      messages: [{ role: 'user', content: PROMPT }],
      stream: 'reads' in script && !('headers' in script),
    });
    const said = await proxy
      .serve(body)
      .then(async (served) => {
        await readAnswer(served);
        return '';
      })
      .catch((error: GatewayError) => `${error.message} ${error.detail}`);
    const logged = proxy.log.map(({ cause, ...entry }) => ({ ...entry, cause: typeof cause }));
    const everything = `${said} ${JSON.stringify(logged, (_key, value) => (typeof value === 'bigint' ? `${value}` : value))}`;
    for (const canary of [PROMPT, COMPLETION, PROVIDER_KEY])
      expect(everything).not.toContain(canary);
  });
});

describe('a URL that replaces a provider’s', () => {
  test('gets the traffic, with or without a key', async () => {
    const proxy = makeProxy(whole(completion('x', usageOf(1, 1))), {
      secrets: {
        readKey: async () => '',
        readJwtSecret: async () => new Uint8Array(),
        findProviderKey: async () => undefined,
      },
    });
    const prices = makePriceBook({ version: 'v1', asOf: '', models: {}, rows: [] }, config.prices);
    await serve(
      {
        ...CHAT_ASK,
        requestId: REQUEST_ID,
        grant: CAPPED,
        body: JSON.stringify(ask()),
        deadlineAtMs: NOW_MS,
        leaseEndsAtMs: NOW_MS,
      },
      { config, prices, providerUrls: { openai: 'http://127.0.0.1:9/v1/' } },
      proxy.ports,
    );
    expect(proxy.sent[0]?.url).toBe('http://127.0.0.1:9/v1/chat/completions');
  });
});
