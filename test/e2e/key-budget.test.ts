/**
 * A key's budget: many users at once on a key that affords part of their requests.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { DUE_SHARDS } from '../../adapters/table-schema.ts';
import { asPoolId, asWalletId } from '../../core/base/ids.ts';
import { windowAt } from '../../core/base/limits.ts';
import { defineConfig } from '../../core/config.ts';
import { sweep } from '../../core/sweep.ts';
import { completion, jsonReply, usageOf } from '../support/fake-provider.ts';
import { startAtNoon } from '../support/noon.ts';
import { type ProxiedGateway, startProxiedGateway } from '../support/proxied-gateway.ts';
import type { Fate, TableCall } from '../support/table-proxy.ts';

startAtNoon();

/** Input is free; a request holds 0.00032 USD, for 32 tokens of output, and costs 0.00016, for 16. */
const COST_NANO_USD = 160_000n;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

type Course = ProxiedGateway;

async function startCourse(
  limits: string[],
  isConflicting: () => boolean = () => false,
  decide?: (call: TableCall) => Fate,
): Promise<Course> {
  const config = defineConfig({
    providers: { openai: {} },
    prices: { 'openai/sixteen': { inputUsdPerMillion: 0, outputUsdPerMillion: 10 } },
    defaults: { limits },
  });
  const reply = jsonReply(completion('sixteen tokens', usageOf(1, 16)));
  const course = await startProxiedGateway({
    config,
    reply,
    isConflicting,
    ...(decide && { decide }),
  });
  closers.push(() => course.close());
  return course;
}

interface Reply {
  readonly status: number;
  readonly error?: Readonly<Record<string, unknown>>;
}

async function call({ gateway }: Course, credential: string, maxTokens: number): Promise<Reply> {
  const response = await fetch(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'openai/sixteen',
      messages: [{ role: 'user', content: 'x' }],
      max_tokens: maxTokens,
    }),
  });
  const body = (await response.json()) as { error?: Reply['error'] };
  return { status: response.status, ...(body.error === undefined ? {} : { error: body.error }) };
}

const RETRIES_MAX = 20;
const RETRY_MS = 250;

/** Tries again, like a client, while others hold the money or the table is slow; waits less than a client. */
async function persist(course: Course, credential: string, maxTokens: number): Promise<Reply> {
  for (let tries = 0; ; tries += 1) {
    const reply = await call(course, credential, maxTokens);
    const isWorthIt = reply.error?.code === 'budget_in_use' || reply.status === 503;
    if (!isWorthIt || tries === RETRIES_MAX) return reply;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** The number of users who call at once: as many as one process serves that is gateway, provider and table. */
const IN_PARALLEL = 40;

async function everyone(
  course: Course,
  users: number,
  ask: (token: string) => Promise<Reply>,
): Promise<Reply[]> {
  const waiting = tokensOf(course, users);
  const replies: Reply[] = [];
  const work = async (): Promise<void> => {
    for (let token = waiting.pop(); token !== undefined; token = waiting.pop()) {
      replies.push(await ask(token));
    }
  };
  await Promise.all(Array.from({ length: IN_PARALLEL }, work));
  return replies;
}

/** Sweeps as if two hours had passed: closes every hold whose lease has ended. */
async function sweepLater({ gateway }: Course): Promise<void> {
  const clock = { nowMs: () => Date.now() + 7_200_000, sleep: async () => {} };
  const { wallets, usage } = gateway.tables;
  const deadlineAtMs = clock.nowMs() + 60_000;
  await sweep({ wallets, usage, clock }, { shards: DUE_SHARDS, deadlineAtMs });
}

const tokensOf = ({ gateway }: Course, users: number): string[] =>
  Array.from({ length: users }, (_, index) => gateway.sign({ user: `student${index}`, jti: 'a' }));

const month = (): string => `usd:month:${windowAt('month', Date.now()).name}`;

/** Reads pool, slices and rows from the tables when nothing is in flight. */
async function booksOf(course: Course, name = month()) {
  await sweepLater(course);
  const { gateway } = course;
  const items = await gateway.tables.scan('wallets');
  const ids = items.map(({ pk }) => (pk as { S: string }).S);
  const pool = ids.find((id) => id.startsWith('pool#')) ?? '';
  const wallets = await Promise.all(
    ids
      .filter((id) => !id.startsWith('pool#'))
      .map((id) => gateway.tables.wallets.find(asWalletId(id))),
  );
  let inOut = 0n;
  let left = 0n;
  let held = 0;
  for (const wallet of wallets) {
    const slice = wallet?.slices.get(name);
    inOut += (slice?.drawnIn ?? 0n) - (slice?.recalledOut ?? 0n);
    left += slice?.left ?? 0n;
    held += wallet?.holds.size ?? 0;
  }
  const rows = await gateway.tables.scan('usage');
  const billed = rows.reduce((sum, row) => sum + BigInt((row.costNanoUsd as { N: string }).N), 0n);
  const drawn = await gateway.tables.wallets.findDrawn(asPoolId(pool));
  return { drawn, inOut, left, held, spent: inOut - left, billed };
}

const tallyOf = (replies: readonly Reply[]): Record<string, number> => {
  const tally: Record<string, number> = {};
  for (const { status, error } of replies) {
    const name = `${status} ${error?.code ?? 'served'}`;
    tally[name] = (tally[name] ?? 0) + 1;
  }
  return tally;
};

describe('users at once on a key that affords half of them', () => {
  test('are served to the last dollar, and never over it: 30 of 60', async () => {
    const course = await startCourse(['key:usd:month=0.0048']);

    const replies = await everyone(course, 60, (token) => persist(course, token, 16));

    const tally = tallyOf(replies);
    expect(tally['200 served']).toBe(30);
    expect((tally['402 insufficient_quota'] ?? 0) + (tally['429 budget_in_use'] ?? 0)).toBe(30);
    expect(await booksOf(course)).toEqual({
      drawn: 4_800_000n,
      inOut: 4_800_000n,
      left: 0n,
      held: 0,
      spent: 4_800_000n,
      billed: 4_800_000n,
    });
    const late = await call(course, course.gateway.sign({ user: 'late' }), 16);
    expect([late.status, late.error?.code]).toEqual([402, 'insufficient_quota']);
    expect(late.error?.limit).toEqual({ per: 'key', unit: 'usd', window: 'month' });
    expect(late.error).not.toHaveProperty('used');
    const key = await call(course, course.gateway.key, 16);
    expect(key.error).toMatchObject({ limit_value: 0.0048, used: 0.0048, reserved: 0 });
  });

  test('are served within it when they hold twice what they spend and transactions conflict', async () => {
    let transactions = 0;
    const course = await startCourse(['key:usd:month=0.0048'], () => transactions++ % 5 === 2);

    const replies = await everyone(course, 60, (token) => persist(course, token, 32));

    const served = tallyOf(replies)['200 served'] ?? 0;
    const books = await booksOf(course);
    expect(books.spent).toBeGreaterThanOrEqual(BigInt(served) * COST_NANO_USD);
    expect(books.billed).toBe(books.spent);
    expect([books.drawn, books.held]).toEqual([books.inOut, 0]);
    expect(books.spent).toBeLessThanOrEqual(4_800_000n);
    expect(transactions).toBeGreaterThan(60);
    // A request gets the idle money of 60 wallets: it may be cut to fit, down to 16 tokens.
    const last = course.gateway.sign({ user: 'last' });
    while ((await persist(course, last, 32)).status === 200);
    expect((await booksOf(course)).spent).toBe(4_800_000n);
  });

  test('never pass it, and its books are exact, while answers of the table are lost', async () => {
    let writes = 0;
    let isFaulty = true;
    const lossy = ({ operation }: TableCall) =>
      isFaulty && /^(UpdateItem|TransactWriteItems)$/.test(operation) && writes++ % 10 === 7
        ? 'lose'
        : 'pass';
    const course = await startCourse(['key:usd:month=0.0048'], () => false, lossy);

    await everyone(course, 60, (token) => persist(course, token, 16));
    isFaulty = false;

    const books = await booksOf(course);
    expect(books.spent).toBeLessThanOrEqual(4_800_000n);
    expect([books.drawn, books.billed, books.held]).toEqual([books.inOut, books.spent, 0]);
    const last = course.gateway.sign({ user: 'last' });
    while ((await persist(course, last, 16)).status === 200);
    expect((await booksOf(course)).spent).toBe(4_800_000n);
  });
});

describe('a rate of the key', () => {
  test('admits exactly 30 of 60 users at once, and shows only the key how many came', async () => {
    const course = await startCourse(['key:requests:hour=30']);

    const replies = await everyone(course, 60, (token) => call(course, token, 16));

    const tally = tallyOf(replies);
    expect(tally['200 served']).toBe(30);
    expect(tally['429 rate_limit_exceeded']).toBe(30);
    const { limits } = await course.gateway.aboutKey(course.gateway.key);
    expect(limits).toMatchObject([{ per: 'key', limit: 30, used: 30, reserved: 0 }]);
  });
});
