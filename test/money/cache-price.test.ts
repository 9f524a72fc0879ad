import { describe, expect, test } from 'vitest';
import type { Grant } from '../../core/access/grant.ts';
import { asRequestId } from '../../core/base/ids.ts';
import { completion, usageOf } from '../support/fake-provider.ts';
import { makeMemoryUsage } from '../support/memory-usage.ts';
import { makeMemoryWallets } from '../support/memory-wallets.ts';
import { ask, makeProxy, readAnswer } from '../support/proxy-fixtures.ts';
import { makeGrant } from '../support/wallet-fixtures.ts';

const DAY: Grant = makeGrant(['user:usd:day=0.1']);
const ON = { holdAtCachePrice: true };
const MARK = { cache_control: { type: 'ephemeral' } };

/** 20,000 characters. A million tokens of input cost a dollar, and ten cents if they are read from the cache. */
const prompt = (mark = {}, more = {}) =>
  ask({
    model: 'openai/cached',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'word '.repeat(4_000), ...mark }] }],
    max_tokens: 100,
    ...more,
  });

const billOf = (input: number, cached: number, output = 4) => ({
  ...usageOf(input, output),
  prompt_tokens_details: { cached_tokens: cached },
});

/** A wallet whose last request had a prompt of 5,000 tokens, of which so many were read from the cache. */
async function afterOne(cached: number, { grant = DAY, defaults = ON, mark = {} } = {}) {
  const shared = { wallets: makeMemoryWallets(), usage: makeMemoryUsage() };
  let next = 0;
  const serve = async (bill: object | undefined, body = prompt(mark)) => {
    next += 1;
    const id = asRequestId(`r${next}`);
    const proxy = makeProxy(
      { headers: { 'content-type': 'application/json' }, reads: [completion('x', bill)] },
      shared,
      defaults,
    );
    await proxy.serve(body, grant, id);
    return [...shared.usage.rows.values()].find(({ requestId }) => requestId === id);
  };
  await serve(billOf(5_000, cached));
  return { serve, ...shared };
}

/** The dollars that the next request of the same prompt holds: the provider reports nothing. */
const heldNext = async (...options: Parameters<typeof afterOne>) =>
  (await (await afterOne(...options)).serve(undefined))?.cost.usd;

const AT_CACHE_PRICE = 664_000n;
const AT_FULL_PRICE = 5_164_000n;

// guarantee: cache-price-hold
describe('holdAtCachePrice', () => {
  test('holds a prompt that was read from the cache at that price', async () => {
    expect(await heldNext(4_500)).toBe(AT_CACHE_PRICE);
    expect(await heldNext(4_500, { mark: MARK })).toBe(AT_CACHE_PRICE);
  });

  test('is off by default', async () => {
    expect(await heldNext(4_500, { defaults: { holdAtCachePrice: false } })).toBe(AT_FULL_PRICE);
  });

  test('is not used if less than nine tenths were read from the cache', async () => {
    expect(await heldNext(4_499)).toBe(AT_FULL_PRICE);
  });

  test('is not used for a token with an allowance of its own', async () => {
    const grant = makeGrant(['token:usd:total=0.1']);
    expect(await heldNext(4_500, { grant })).toBe(AT_FULL_PRICE);
  });

  test('is not used if a cache mark is gone', async () => {
    const { serve } = await afterOne(4_500, { mark: MARK });
    expect((await serve(undefined, prompt()))?.cost.usd).toBe(AT_FULL_PRICE);
  });

  test('holds one of the requests of a payer that come together so', async () => {
    const { serve } = await afterOne(4_500);
    const rows = await Promise.all([1, 2, 3].map(() => serve(undefined)));
    expect(rows.map((row) => row?.cost.usd)).toEqual([
      AT_CACHE_PRICE,
      AT_FULL_PRICE,
      AT_FULL_PRICE,
    ]);
  });

  test('passes the hold by one miss, which is recorded', async () => {
    const { serve } = await afterOne(4_500);
    const row = await serve(billOf(5_000, 0, 100));
    expect([row?.cost.usd, row?.overrunNanoUsd]).toEqual([5_100_000n, 4_436_000n]);
  });

  test('does not cut a stream whose prompt was missed', async () => {
    const shared = await afterOne(4_500);
    const chunk = (content: string, usage: object | null) =>
      `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }], usage })}\n\n`;
    const proxy = makeProxy(
      { reads: [chunk('a', billOf(5_000, 0)), chunk('last', null), 'data: [DONE]\n\n'] },
      { wallets: shared.wallets, usage: shared.usage },
      ON,
    );
    const answer = await proxy.serve(prompt({}, { stream: true }), DAY, asRequestId('streamed'));
    expect(await readAnswer(answer)).toContain('last');
  });
});
