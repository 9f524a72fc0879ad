/**
 * A token's cap: many requests at once on a token that affords some of them, also while parts fail.
 */
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { callDynamoDb } from '../../adapters/aws/https-call.ts';
import { makeUsageRows } from '../../adapters/dynamodb/usage-rows.ts';
import { makeWallets } from '../../adapters/dynamodb/wallets.ts';
import { DUE_SHARDS } from '../../adapters/table-schema.ts';
import { asWalletId } from '../../core/base/ids.ts';
import { defineConfig } from '../../core/config.ts';
import { sweep } from '../../core/sweep.ts';
import { decodeRequestId } from '../../core/wallet/hold-codec.ts';
import { completion, jsonReply, usageOf } from '../support/fake-provider.ts';
import { type ProxiedGateway, startProxiedGateway } from '../support/proxied-gateway.ts';
import { type Fate, isReserve, type TableCall } from '../support/table-proxy.ts';

/** Input is free and 16 tokens of output cost 0.00016 USD: a request costs exactly its hold. */
const config = defineConfig({
  providers: { openai: {} },
  prices: { 'openai/sixteen': { inputUsdPerMillion: 0, outputUsdPerMillion: 10 } },
});
const COST_NANO_USD = 160_000n;
const AFFORDS = 50;
const LIMIT_USD = 0.008;
const REQUESTS = 150;
const TWO_HOURS_MS = 7_200_000;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Course extends ProxiedGateway {
  readonly credential: string;
}

async function startCourse(decide?: (call: TableCall) => Fate): Promise<Course> {
  const reply = jsonReply(completion('sixteen tokens', usageOf(1, 16)));
  const started = await startProxiedGateway({ config, reply, ...(decide && { decide }) });
  closers.push(() => started.close());
  const credential = started.gateway.sign({ jti: 'course', spending_limit: LIMIT_USD });
  return { ...started, credential };
}

interface Reply {
  readonly status: number;
  readonly code: string | undefined;
}

const body = JSON.stringify({
  model: 'openai/sixteen',
  messages: [{ role: 'user', content: 'x' }],
  max_tokens: 16,
});

/** Sends one request; a client that leaves closes its connection right after sending. */
function call({ gateway, credential }: Course, isLeaving: boolean): Promise<Reply | 'left'> {
  return new Promise((resolve, reject) => {
    const request = http.request(`${gateway.url}/chat/completions`, {
      method: 'POST',
      agent: false,
      headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    });
    request.on('error', (error) => (isLeaving ? resolve('left') : reject(error)));
    request.on('response', async (response) => {
      const answer = JSON.parse(await text(response));
      resolve({ status: response.statusCode ?? 0, code: answer.error?.code });
    });
    request.end(body, () => {
      if (isLeaving) request.destroy();
    });
  });
}

const inParallel = (course: Course, leavers = 0): Promise<(Reply | 'left')[]> =>
  Promise.all(
    Array.from({ length: REQUESTS }, (_, at) => call(course, at % 10 === 0 && at / 10 < leavers)),
  );

/** Reads the token's wallet and the rows of its requests from the tables. */
async function booksOf({ gateway, proxy }: Course) {
  const direct = callDynamoDb({ ...gateway.environment, dynamodbUrl: proxy.url }, 60_000);
  const ports = {
    wallets: makeWallets(direct, gateway.environment.walletsTable),
    usage: makeUsageRows(direct, gateway.environment.usageTable),
  };
  // Beside the wallet there may be the note of its person.
  const [item] = (await gateway.tables.scan('wallets')).filter((each) => 'usd:total' in each);
  const id = (item?.pk as { S: string } | undefined)?.S ?? '';
  const wallet = await ports.wallets.find(asWalletId(id));
  const rows = await gateway.tables.scan('usage');
  const spent = [...(wallet?.counters ?? [])].find(([name]) => /^t:.*:usd:total$/.test(name))?.[1];
  return { ports, wallet, rows, spent: spent ?? 0n };
}

const costOf = (row: Record<string, unknown>): bigint =>
  BigInt((row.costNanoUsd as { N: string }).N);
const sumOf = (rows: readonly Record<string, unknown>[]): bigint =>
  rows.reduce((sum, row) => sum + costOf(row), 0n);

describe('a token that affords 50 of 150 requests at once', () => {
  // guarantee: never-over
  test('serves exactly 50 and refuses the others for want of money', async () => {
    const course = await startCourse();

    const replies = await inParallel(course);

    const tally: Record<string, number> = {};
    for (const reply of replies) {
      const name = reply === 'left' ? reply : `${reply.status} ${reply.code ?? 'served'}`;
      tally[name] = (tally[name] ?? 0) + 1;
    }
    const refused = (tally['402 insufficient_quota'] ?? 0) + (tally['429 budget_in_use'] ?? 0);
    expect(tally['200 served']).toBe(AFFORDS);
    expect(refused).toBe(REQUESTS - AFFORDS);
    const { wallet, rows, spent } = await booksOf(course);
    expect(spent).toBe(8_000_000n);
    expect(sumOf(rows)).toBe(8_000_000n);
    expect(wallet?.holds.size).toBe(0);
    expect(wallet?.inFlight).toBe(0);
  });

  test('keeps the cap and exact books while invocations die, clients leave and answers are lost', async () => {
    const dead = new Set<string>();
    let reserves = 0;
    let answers = 0;
    let isFaulty = true;
    const requestOf = ({ text }: TableCall): string =>
      decodeRequestId(/"~([\w-]{22})"/.exec(text)?.[1] ?? '');
    const rowOf = ({ text }: TableCall): string => /([\w-]{36})"\}/.exec(text)?.[1] ?? '';
    const course = await startCourse((call) => {
      if (!isFaulty || !/^(UpdateItem|PutItem)$/.test(call.operation)) return 'pass';
      const request = requestOf(call) || rowOf(call);
      // A tenth of the invocations reach the table no more after their reserve, as if they had died.
      const takesHold = isReserve(call);
      if (!takesHold && dead.has(request)) return 'drop';
      if (takesHold && reserves++ % 10 === 3) dead.add(request);
      return answers++ % 10 === 7 ? 'lose' : 'pass';
    });

    const replies = await inParallel(course, 15);
    // A client that left leaves its request to run on: the books are read when all of them have ended.
    await course.gateway.close(60_000).catch(() => {});
    isFaulty = false;

    expect(dead.size).toBeGreaterThan(5);
    expect(replies.filter((reply) => reply === 'left').length).toBeGreaterThan(0);
    const before = await booksOf(course);
    expect(before.spent).toBeLessThanOrEqual(8_000_000n);
    const clock = { nowMs: () => Date.now() + TWO_HOURS_MS, sleep: async () => {} };
    const random = { uuid: () => '', fraction: () => 0.5 };
    await sweep({ ...before.ports, clock, random } as Parameters<typeof sweep>[0], {
      shards: DUE_SHARDS,
      deadlineAtMs: clock.nowMs() + 60_000,
    });
    const after = await booksOf(course);
    expect(after.wallet?.holds.size).toBe(0);
    expect(after.wallet?.inFlight).toBe(0);
    expect(after.spent).toBe(sumOf(after.rows));
    expect(after.spent).toBeLessThanOrEqual(8_000_000n);
    const served = replies.filter((reply) => reply !== 'left' && reply.status === 200).length;
    expect(after.spent).toBeGreaterThanOrEqual(BigInt(served) * COST_NANO_USD);
  });
});
