import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../core/base/errors.ts';
import { completion, usageOf } from '../support/fake-provider.ts';
import { ask, makeProxy, PROVIDER_KEY, readAnswer } from '../support/proxy-fixtures.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const whole = (body: string, status = 200) => ({ status, headers: JSON_TYPE, reads: [body] });
const refusal = (code: string) => expect.objectContaining({ code });

describe('a provider that refuses', () => {
  test.each([400, 403, 404, 422])(
    'with %i is passed on in its own words, at no charge',
    async (status) => {
      const words = '{"error":{"message":"context too long"}}';
      const proxy = makeProxy(whole(words, status));
      const served = await proxy.serve(ask({ stream: true }));
      expect(served.status).toBe(status);
      expect(await readAnswer(served)).toBe(words);
      expect(served.headers).toMatchObject({
        'content-type': 'application/json',
        'x-hallpass-cost-usd': '0',
      });
      expect(proxy.rows()[0]).toMatchObject({ status: 'released', cost: { usd: 0n, tokens: 0n } });
      expect((await proxy.wallet())?.holds.size).toBe(0);
      expect((await proxy.wallet())?.counters.get('t:tokenA:usd:total')).toBe(0n);
    },
  );

  test.each([
    ['7', { 'retry-after': '7' }],
    ['60', { 'retry-after': '60' }],
    ['61', { 'x-should-retry': 'false' }],
    ['Fri, 20 Nov 2026 12:00:00 GMT', {}],
    ['', {}],
  ])('for its rate limit passes on a wait of "%s" as %j', async (wait, expected) => {
    const headers = { ...JSON_TYPE, 'retry-after': wait };
    const proxy = makeProxy({ status: 429, headers, reads: ['{}'] });
    const served = await proxy.serve(ask());
    const { 'retry-after': after, 'x-should-retry': should } = served.headers;
    expect(JSON.parse(JSON.stringify({ 'retry-after': after, 'x-should-retry': should }))).toEqual(
      expected,
    );
  });

  test.each([
    [401, "The provider refused the gateway's own credentials (HTTP 401)."],
    [402, "The provider refused the gateway's own credentials (HTTP 402)."],
    [307, 'The provider failed (HTTP 307).'],
    [503, 'The provider failed (HTTP 503).'],
    [529, 'The provider failed (HTTP 529).'],
  ])('with %i is a fault of the provider, at no charge', async (status, message) => {
    const proxy = makeProxy(whole(`{"error":"the key ${PROVIDER_KEY} is wrong"}`, status));
    await expect(proxy.serve(ask())).rejects.toThrowError(
      expect.objectContaining({ code: 'upstream_error', status: 502, message }),
    );
    expect(proxy.rows()[0]).toMatchObject({ status: 'released', httpStatus: status });
    expect((await proxy.wallet())?.holds.size).toBe(0);
    expect(proxy.isProviderLeft()).toBe(true);
  });

  test.each([500, 502, 504])('with %i may have billed: it costs its whole hold', async (status) => {
    const proxy = makeProxy(whole('{}', status));
    await expect(proxy.serve(ask({ model: 'openai/both', max_tokens: 100 }))).rejects.toThrowError(
      expect.objectContaining({
        code: 'upstream_error',
        message: `The provider failed (HTTP ${status}). It is counted in full, because the provider may bill it.`,
        facts: expect.objectContaining({ chargedNanoUsd: 204_000n }),
      }),
    );
    expect(proxy.rows()[0]).toMatchObject({ status: 'estimated', cost: { usd: 204_000n } });
  });

  test('is not passed on when it repeats the gateway’s key', async () => {
    const proxy = makeProxy(whole(`{"error":"${PROVIDER_KEY}"}`, 400));
    await expect(proxy.serve(ask())).rejects.toThrowError(refusal('upstream_error'));
  });

  test('is not passed on when it is too long', async () => {
    const proxy = makeProxy(whole('x'.repeat(300_000), 400));
    await expect(proxy.serve(ask())).rejects.toThrowError(refusal('upstream_error'));
    expect(proxy.rows()[0]?.status).toBe('released');
  });
});

// guarantee: provider-fails-before
describe('a provider that fails', () => {
  test.each([
    ['was never reached', new GatewayError('upstream_error', { transient: true }), 'released', 0n],
    [
      'took the request and never answered',
      new GatewayError('upstream_timeout'),
      'estimated',
      204_000n,
    ],
    ['is called wrongly', new TypeError('a bug'), 'released', 0n],
  ])('and %s is billed as follows: %s', async (_, failure, status, cost) => {
    const proxy = makeProxy({ failure });
    await expect(
      proxy.serve(ask({ model: 'openai/both', max_tokens: 100 })),
    ).rejects.toBeInstanceOf(GatewayError);
    expect(proxy.rows()[0]).toMatchObject({ status, cost: { usd: cost } });
    expect((await proxy.wallet())?.holds.size).toBe(0);
  });

  test.each([
    ['garbage', ['<html>oops</html>'], 'upstream_error'],
    ['a list', ['[1]'], 'upstream_error'],
    ['nothing', [], 'upstream_error'],
    ['half of an answer', ['{"choi', new GatewayError('upstream_error')], 'upstream_error'],
    [
      'an answer that takes too long',
      ['{', new GatewayError('upstream_timeout')],
      'upstream_timeout',
    ],
    [
      'an answer of 10 MB and more',
      ['{"more":"', ...Array(10).fill('x'.repeat(1_048_576)), '"}'],
      'upstream_error',
    ],
  ])('with %s at status 200 may have billed it', async (_, reads, code) => {
    const proxy = makeProxy({ headers: JSON_TYPE, reads });
    await expect(proxy.serve(ask({ model: 'openai/both', max_tokens: 100 }))).rejects.toThrowError(
      refusal(code),
    );
    expect(proxy.rows()[0]).toMatchObject({ status: 'estimated', tokens: { input: 104 } });
    expect((await proxy.wallet())?.holds.size).toBe(0);
  });

  test.each([
    ['its usage', usageOf(9, 4), 'exact', 13_000n],
    ['none', undefined, 'estimated', 204_000n],
  ])(
    'with its key in an answer with %s is billed, and not passed on',
    async (_, usage, ...bill) => {
      const proxy = makeProxy(whole(completion(PROVIDER_KEY, usage)));
      await expect(
        proxy.serve(ask({ model: 'openai/both', max_tokens: 100 })),
      ).rejects.toThrowError(refusal('upstream_error'));
      expect([proxy.rows()[0]?.status, proxy.rows()[0]?.cost.usd]).toEqual(bill);
    },
  );

  test('with a whole answer to a request for a stream is billed', async () => {
    const proxy = makeProxy(whole(completion('x', usageOf(9, 4))));
    await expect(proxy.serve(ask({ stream: true }))).rejects.toThrowError(
      refusal('upstream_error'),
    );
    expect(proxy.rows()[0]).toMatchObject({ status: 'exact', cost: { usd: 4_000n } });
  });
});

describe('books that cannot be written', () => {
  test('leave the hold to its lease, and the client gets its answer', async () => {
    const outage = () =>
      Promise.reject(new GatewayError('service_unavailable', { transient: true }));
    const proxy = makeProxy(whole(completion('x', usageOf(9, 4))), { usage: { put: outage } });
    const served = await proxy.serve(ask());
    expect(served.headers['x-hallpass-cost-usd']).toBe('0.000004');
    expect((await proxy.wallet())?.holds.size).toBe(1);
    expect(proxy.log.map(({ event }) => event)).toEqual(['request', 'left_to_lease']);
  });

  test('never fail a request, whatever goes wrong', async () => {
    const proxy = makeProxy(whole(completion('x', usageOf(9, 4))), {
      usage: {
        put: () => {
          throw new TypeError('a bug');
        },
      },
    });
    expect((await proxy.serve(ask())).status).toBe(200);
  });
});
