import { describe, expect, test } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import { MESSAGES } from '../../core/dialects/messages/messages.ts';
import { makePriceBook } from '../../core/models/pricing.ts';
import { serve } from '../../core/serve.ts';
import { makeProxy, REQUEST_ID } from '../support/proxy-fixtures.ts';
import { makeGrant, NOW_MS } from '../support/wallet-fixtures.ts';

/** Dollars a million tokens: 5 in, 0.5 read from the cache, 6.25 written to it, 25 out. */
const config = defineConfig({
  providers: { anthropic: {} },
  prices: {
    'anthropic/m': {
      inputUsdPerMillion: 5,
      cachedInputUsdPerMillion: 0.5,
      cacheWriteUsdPerMillion: 6.25,
      outputUsdPerMillion: 25,
    },
  },
});
const prices = makePriceBook({ version: 'v1', asOf: '', models: {}, rows: [] }, config.prices);
const grant = makeGrant(['token:usd:total=5']);

const event = (data: Readonly<Record<string, unknown>>): string =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const start = (usage: object): string => event({ type: 'message_start', message: { usage } });
const said = event({ type: 'content_block_delta', delta: { type: 'text_delta', text: 'x' } });
const end =
  event({
    type: 'message_delta',
    delta: { stop_reason: 'end_turn' },
    usage: { output_tokens: 100 },
  }) + event({ type: 'message_stop' });

/** 100,000 characters with a cache mark, and a cap of 1,000 tokens. */
const body = JSON.stringify({
  model: 'anthropic/m',
  max_tokens: 1_000,
  stream: true,
  messages: [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'word '.repeat(20_000), cache_control: { type: 'ephemeral' } },
      ],
    },
  ],
});

/** The hold, in nano-dollars, when each event reaches the client, and the bill. */
async function holdsOf(reads: readonly string[], breaksGiveBack = false) {
  const inner = makeProxy({ reads });
  const ports = breaksGiveBack
    ? {
        ...inner.ports,
        wallets: { ...inner.ports.wallets, giveBack: () => Promise.reject(new Error('lost')) },
      }
    : inner.ports;
  const served = await serve(
    {
      route: { dialect: MESSAGES, isStreamRoute: false },
      headers: new Map(),
      ...{ requestId: REQUEST_ID, grant, body },
      deadlineAtMs: NOW_MS + 60_000,
      leaseEndsAtMs: NOW_MS + 120_000,
    },
    { config, prices, providerUrls: {} },
    ports,
  );
  const held = async () => (await inner.wallet(grant))?.holds.get(REQUEST_ID)?.amounts.usd;
  const holds = [await held()];
  for await (const _ of served.body as AsyncIterable<Uint8Array>) holds.push(await held());
  const [row] = inner.rows();
  const wallet = await inner.wallet(grant);
  return {
    holds,
    bill: [row?.status, row?.cost.usd, row?.overrunNanoUsd],
    spent: wallet?.counters.get('t:tokenA:usd:total'),
  };
}

const WARM = { input_tokens: 10, cache_read_input_tokens: 20_000, output_tokens: 1 };

// guarantee: early-give-back
describe('a stream that begins with its exact input', () => {
  test('gives back what a cache miss would have cost, before its first event reaches the client', async () => {
    const { holds, bill, spent } = await holdsOf([start(WARM), said, end]);
    // 10 × 5 + 20,000 × 0.5 + the cap of 1,000 × 25 USD a million.
    expect(holds[0]).toBeGreaterThan(500_000_000n);
    expect(holds.slice(1, 3)).toEqual([35_050_000n, 35_050_000n]);
    // 100 tokens came.
    expect(bill).toEqual(['exact', 12_550_000n, 0n]);
    expect(spent).toBe(12_550_000n);
  });

  test('costs that input and its whole output cap if it breaks off', async () => {
    const { bill, spent } = await holdsOf([start(WARM), said]);
    expect([bill, spent]).toEqual([['estimated', 35_050_000n, 0n], 35_050_000n]);
  });

  test('keeps its hold, and is settled exactly, if the give-back is lost', async () => {
    const { holds, bill, spent } = await holdsOf([start(WARM), said, end], true);
    expect(holds[2]).toBe(holds[0]);
    expect([bill, spent]).toEqual([['exact', 12_550_000n, 0n], 12_550_000n]);
  });

  test.each([
    ['no input', { input_tokens: 0, output_tokens: 1 }],
    ['less input than a sixteenth of its characters', { input_tokens: 6_000, output_tokens: 1 }],
  ])(
    'gives nothing back for a report of %s, and costs its hold if it breaks off',
    async (_, usage) => {
      const { holds, bill } = await holdsOf([start(usage), said]);
      expect(holds[1]).toBe(holds[0]);
      expect(bill).toEqual(['estimated', holds[0], 0n]);
    },
  );
});
