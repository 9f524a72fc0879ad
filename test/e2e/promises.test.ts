/**
 * Failures that gateways of this kind are known for, each under its usual name, through the whole gateway.
 * docs/limits.md lists those that other tests cover.
 */
import OpenAI from 'openai';
import { afterEach, describe, expect, test } from 'vitest';
import { ERRORS } from '../../core/base/errors.ts';
import { makeFunctions } from '../../local/functions.ts';
import {
  completion,
  DONE_EVENT,
  FINISH_EVENT,
  jsonReply,
  textEvent,
  usageEvent,
  usageOf,
} from '../support/fake-provider.ts';
import {
  type FaultyGateway,
  type FaultyGatewayOptions,
  startFaultyGateway,
} from '../support/faulty-gateway.ts';
import { type Answer, open, send } from '../support/http-client.ts';
import { startAtNoon } from '../support/noon.ts';

startAtNoon();

/** One request in nano-dollars. */
const HELD = 160_000n;
const COST = 40_000n;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function start(options: FaultyGatewayOptions = {}): Promise<FaultyGateway> {
  const faulty = await startFaultyGateway(options);
  closers.push(faulty.close);
  return faulty;
}

const codeOf = ({ status, text }: Answer): string =>
  `${status} ${JSON.parse(text).error?.code ?? 'served'}`;

function tallyOf(answers: readonly Answer[]): Record<string, number> {
  const tally: Record<string, number> = {};
  for (const answer of answers) tally[codeOf(answer)] = (tally[codeOf(answer)] ?? 0) + 1;
  return tally;
}

const atOnce = (count: number, ask: () => Promise<Answer>): Promise<Answer[]> =>
  Promise.all(Array.from({ length: count }, ask));

/**
 * Sends requests at once to a provider that waits, and releases it when each of them waits there or was refused: none
 * is decided after another has given money back.
 */
async function decideAtOnce(faulty: FaultyGateway, count: number): Promise<readonly Answer[]> {
  const release = holdBack(faulty);
  let refused = 0;
  const asked = atOnce(count, async () => {
    const answer = await faulty.ask();
    refused += 1;
    return answer;
  });
  const decided = () => refused + faulty.provider.requests.length;
  await expect.poll(decided).toBe(count);
  release();
  return asked;
}

/** A provider that waits for the word, so that all requests are in flight together. */
function holdBack({ provider }: FaultyGateway): () => void {
  let release = (): void => {};
  const until = new Promise<void>((resolve) => {
    release = resolve;
  });
  const write = completion('four', usageOf(1, 4));
  provider.reply({
    headers: { 'content-type': 'application/json' },
    steps: [{ until }, { write }],
  });
  return release;
}

const idle = ({ books }: FaultyGateway) =>
  expect.poll(async () => (await books()).wallet?.inFlight).toBe(0);

describe('client aborts mid-stream; leak on cancel; nothing paid on disconnect', () => {
  // guarantee: client-leaves
  test('bills each of 20 clients that leave at the first byte for all that was streamed', async () => {
    const faulty = await start({ spendingLimit: 0.01 });
    const { gateway, provider, credential, books } = faulty;
    const end = FINISH_EVENT + usageEvent(usageOf(1, 4)) + DONE_EVENT;
    provider.reply({ steps: [{ write: textEvent('x') }, { waitMs: 100 }, { write: end }] });
    const leave = async (): Promise<void> => {
      const { response, sent } = await open(`${gateway.url}/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'openai/m', messages: [], max_tokens: 16, stream: true }),
      });
      response.on('error', () => {});
      response.once('data', () => sent.destroy());
      await new Promise((resolve) => response.once('close', resolve));
    };

    await Promise.all(Array.from({ length: 20 }, leave));
    await idle(faulty);

    const { spent, billed, statuses, wallet } = await books();
    expect([spent, billed, wallet?.holds.size]).toEqual([20n * COST, 20n * COST, 0]);
    expect(new Set(statuses)).toEqual(new Set(['exact']));
    expect(provider.abortedCount()).toBe(0);
  });
});

describe('N × budget over N workers; a sync window of 60 s', () => {
  // guarantee: never-over
  test('serves exactly one budget across four workers, from the first request on', async () => {
    let next = 0;
    const faulty = await start({
      makeFunctions: (settings) => {
        const workers = Array.from({ length: 4 }, () => makeFunctions(settings));
        const [first] = workers;
        if (first === undefined) throw new Error('there are four');
        const proxy: typeof first.proxy = {
          invoke: (...call) => (workers[next++ % 4] ?? first).proxy.invoke(...call),
        };
        return { ...first, proxy };
      },
    });

    const answers = await decideAtOnce(faulty, 40);

    expect(next).toBe(40);
    // A budget of 1,000,000 holds six of 160,000.
    expect(tallyOf(answers)).toEqual({ '200 served': 6, '429 budget_in_use': 34 });
    expect((await faulty.books()).spent).toBe(6n * COST);
  });
});

describe('counters twice', () => {
  // guarantee: counted-once
  test('counts a request once in every counter and once in the rows', async () => {
    const { ask, books } = await start({ limits: ['user:usd:day=1', 'user:requests:day=9'] });

    await ask();
    await ask();

    const { wallet, billed } = await books();
    const counted = [...(wallet?.counters ?? [])].map(([name, amount]) => [
      name.replace(/^t:[^:]+:/, 't:').replace(/\d{4}-\d\d-\d\d$/, 'today'),
      amount,
    ]);
    expect(Object.fromEntries(counted)).toEqual({
      't:usd:total': 2n * COST,
      'usd:total': 2n * COST,
      'usd:day:today': 2n * COST,
      'requests:day:today': 2n,
    });
    expect(billed).toBe(2n * COST);
  });
});

describe('false refusal below the cap', () => {
  // guarantee: whole-budget
  test('lets requests one after another spend a budget until the next does not fit', async () => {
    const { ask, books } = await start();
    const answers: Answer[] = [];
    for (let at = 0; at < 24; at += 1) answers.push(await ask());

    // After 21 of 40,000 nano-dollars there is room for one hold of 160,000 more, and then there is not.
    expect(answers.map(({ status }) => status)).toEqual([...Array(22).fill(200), 402, 402]);
    expect((await books()).spent).toBe(22n * COST);
  });

  // guarantee: gone-or-in-use
  test('answers budget_in_use while requests in flight hold the money, and the money comes back', async () => {
    const faulty = await start();
    const release = holdBack(faulty);
    const asked = atOnce(6, () => faulty.ask());
    await expect.poll(() => faulty.provider.requests.length).toBe(6);

    const early = await faulty.ask();
    release();
    await asked;
    const late = await faulty.ask();

    expect([codeOf(early), codeOf(late)]).toEqual(['429 budget_in_use', '200 served']);
    expect(Number(early.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect((await faulty.books()).wallet?.holds.size).toBe(0);
  });
});

describe('concurrent requests past a tokens-per-window cap', () => {
  // guarantee: never-over-tokens
  test('admits as many of 30 requests at once as their tokens fit, and no more', async () => {
    // Each holds 119 tokens: 16 of output, 64 a request, 8 a message, 31 bytes of text. 900 has room for seven.
    const faulty = await start({ limits: ['user:tokens:day=900'], spendingLimit: 1 });

    const answers = await decideAtOnce(faulty, 30);

    const served = answers.filter(({ status }) => status === 200).length;
    expect(served).toBe(faulty.provider.requests.length);
    expect(served).toBe(7);
    const { wallet } = await faulty.books();
    const counted = [...(wallet?.counters ?? [])].find(([name]) => name.startsWith('tokens:day'));
    expect(counted?.[1]).toBe(BigInt(served) * 5n);
  });
});

describe('provider ignores max_tokens', () => {
  // guarantee: overrun-seen
  test('records the overrun, and the next request counts it', async () => {
    const { ask, books, provider, gateway } = await start();
    provider.reply(jsonReply(completion('x', usageOf(1, 100))));

    const first = await ask();
    const second = await ask();

    expect([codeOf(first), codeOf(second)]).toEqual(['200 served', '402 insufficient_quota']);
    const { spent, billed } = await books();
    expect([spent, billed]).toEqual([1_000_000n, 1_000_000n]);
    const [row] = await gateway.tables.scan('usage');
    expect(row?.overrunNanoUsd).toEqual({ N: String(1_000_000n - HELD) });
    expect(provider.requests).toHaveLength(1);
  });
});

// guarantee: spent-is-final
describe('client SDK retries', () => {
  test.each([
    ['a spent budget', { spendingLimit: 0.0001 }, 402],
    ['a limit of a day', { limits: ['user:requests:day=1'] }, 429],
  ] as const)('are none on %s: one request reaches the gateway', async (_what, options, status) => {
    const { ask, gateway, credential, provider } = await start(options as FaultyGatewayOptions);
    if (status === 429) await ask();
    const before = provider.requests.length;
    let sent = 0;
    const client = new OpenAI({
      baseURL: gateway.url,
      apiKey: credential,
      maxRetries: 2,
      fetch: (url, init) => {
        sent += 1;
        return fetch(url, init);
      },
    });

    const call = client.chat.completions.create({
      model: 'openai/m',
      messages: [],
      max_tokens: 16,
    });

    await expect(call).rejects.toMatchObject({ status });
    expect([sent, provider.requests.length]).toEqual([1, before]);
  });
});

describe('duplicate request id', () => {
  // guarantee: own-request-id
  test('makes two requests with a hold and a row each: the client’s id is not used', async () => {
    const { ask, books } = await start();
    const named = { 'x-request-id': 'mine', 'idempotency-key': 'mine' };

    const [first, second] = await atOnce(2, () => ask({}, named));

    const { spent, statuses } = await books();
    expect([spent, statuses]).toEqual([2n * COST, ['exact', 'exact']]);
    expect(first?.headers['x-request-id']).not.toBe(second?.headers['x-request-id']);
    expect(first?.headers['x-request-id']).not.toBe('mine');
  });

  // guarantee: own-request-id
  test('is never answered 409, which SDKs retry', () => {
    expect(Object.values(ERRORS).map(({ status }) => status)).not.toContain(409);
  });
});

describe('pass-through carries no reservation', () => {
  // guarantee: no-unmetered-route
  test.each(['/files', '/images/generations', '/audio/speech', '/batches', '/fine_tuning/jobs'])(
    'does not exist: POST %s never reaches a provider',
    async (path) => {
      const { gateway, provider, credential, calls } = await start();

      const answer = await send(`${gateway.url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'openai/m', input: 'x' }),
      });

      expect(answer.status).toBe(404);
      expect([provider.requests.length, calls.length]).toEqual([0, 0]);
    },
  );
});
