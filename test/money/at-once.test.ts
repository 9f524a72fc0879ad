import { describe, expect, test } from 'vitest';
import { asRequestId } from '../../core/base/ids.ts';
import { makePriceBook } from '../../core/models/pricing.ts';
import { serve } from '../../core/serve.ts';
import { completion, usageOf } from '../support/fake-provider.ts';
import { ask, CHAT_ASK, config, makeProxy, UNCAPPED } from '../support/proxy-fixtures.ts';
import { makeGrant, NOW_MS } from '../support/wallet-fixtures.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const prices = makePriceBook({ version: 'v1', asOf: '', models: {}, rows: [] }, config.prices);

// guarantee: never-over
test('of 100 requests at once on a token that affords one, one is served', async () => {
  const grant = makeGrant(['token:usd:total=0.0001']);
  const proxy = makeProxy({ headers: JSON_TYPE, reads: [completion('x', usageOf(9, 100))] });
  const one = (at: number) =>
    serve(
      {
        ...CHAT_ASK,
        requestId: asRequestId(`r${at}`),
        grant,
        body: JSON.stringify(ask({ max_tokens: 100 })),
        deadlineAtMs: NOW_MS + 60_000,
        leaseEndsAtMs: NOW_MS + 120_000,
      },
      { config, prices, providerUrls: {} },
      proxy.ports,
    );
  const answers = await Promise.allSettled(Array.from({ length: 100 }, (_, at) => one(at)));
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(proxy.sent).toHaveLength(1);
  expect((await proxy.wallet(grant))?.counters.get('t:tokenA:usd:total')).toBe(100_000n);
});

describe('a provider that chooses among servers', () => {
  const sentFor = async (model: string, grant = makeGrant(['token:usd:total=1'])) => {
    const proxy = makeProxy({ headers: JSON_TYPE, reads: [completion('x', usageOf(1, 1))] });
    await proxy.serve(ask({ model, max_tokens: 100 }), grant);
    return JSON.parse(proxy.sent[0]?.body ?? '{}');
  };

  // guarantee: max-price-sent
  test('is sent the prices that the request is held at, under a USD limit', async () => {
    expect(await sentFor('openrouter/m')).toMatchObject({
      provider: { max_price: { prompt: 0, completion: 1 } },
    });
    expect(await sentFor('openrouter/m', UNCAPPED)).not.toHaveProperty('provider');
    expect(await sentFor('openai/m')).not.toHaveProperty('provider');
  });
});
