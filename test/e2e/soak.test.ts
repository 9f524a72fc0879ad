/**
 * A term's traffic at once: many users; limits of token, user and key together; clients that leave; a provider that
 * fails. The counters equal the rows, the rows equal the provider's own count, and the audit finds no difference.
 * The test command plays a fifth of it; `SOAK=full` plays the 2,000 requests of 50 users, 100 at once.
 */
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asWalletId } from '../../core/base/ids.ts';
import { defineConfig } from '../../core/config.ts';
import {
  chatEvent,
  DONE_EVENT,
  type FakeProvider,
  FINISH_EVENT,
  type Reply,
  startFakeProvider,
  textEvent,
  usageEvent,
  usageOf,
} from '../support/fake-provider.ts';
import { makeSeededFraction } from '../support/faulty.ts';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startAtNoon } from '../support/noon.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

startAtNoon();

const [USERS, AT_ONCE, KEY_PERCENT] = process.env.SOAK === 'full' ? [50, 100, 97n] : [10, 20, 97n];
const REQUESTS = 40 * USERS;
const TOKENS_PER_USER = 2;
const LEAVING = 0.1;
const FAILING = 0.05;
const CAP = 16;
/** The price of output; input is free. A request holds 16 tokens and spends 1 to 16. */
const NANO_USD_PER_TOKEN = 10_000n;
const HELD = BigInt(CAP) * NANO_USD_PER_TOKEN;
/** A user sends 40 requests of about 85,000 nano-dollars, half of them by each token; the key affords less than all. */
const TOKEN_LIMIT = 1_400_000n;
const USER_LIMIT = 2_500_000n;
const KEY_LIMIT = (BigInt(USERS) * USER_LIMIT * KEY_PERCENT) / 100n;
/** The most requests that spend the rest of the key's budget when all others have ended. */
const LATE_MAX = REQUESTS / 2;

const config = defineConfig({
  providers: { openai: {} },
  prices: { 'openai/m': { inputUsdPerMillion: 0, outputUsdPerMillion: 10 } },
  defaults: {
    limits: [
      'user:usd:day=0.0025',
      'user:requests:minute=100000',
      'token:tokens:total=1000000000',
      'user:tokens:month=1000000000',
      `key:usd:month=${Number(KEY_LIMIT) / 1e9}`,
      `key:requests:week=${100 * REQUESTS}`,
      'key:tokens:total=1000000000',
    ],
  },
});

const fraction = makeSeededFraction(2026);
const folder = makeTemporaryFolder();
let provider: FakeProvider;
let gateway: TestGateway;

interface Drawn {
  readonly reply: Reply;
  /** The tokens that the provider counts; undefined if it fails. */
  readonly tokens?: number;
  /** It fails, before or after its first word: the request costs its whole hold. */
  readonly isUnknown?: true;
}

/** One in twenty fails: half of these before a word, half after one. */
function drawReply(): Drawn {
  const said = textEvent('x'.repeat(8));
  const drawn = fraction();
  if (drawn < FAILING / 2) return { reply: { status: 500, steps: [] }, isUnknown: true };
  if (drawn < FAILING)
    return { reply: { steps: [{ write: said }, { waitMs: 2 }, 'die'] }, isUnknown: true };
  const tokens = 1 + Math.floor(fraction() * CAP);
  const end = FINISH_EVENT + usageEvent(usageOf(3, tokens)) + DONE_EVENT;
  const steps = [{ write: said }, { waitMs: 5 }, { write: chatEvent({ content: 'y' }) + end }];
  return { reply: { steps }, tokens };
}

beforeAll(async () => {
  provider = await startFakeProvider();
  const providerUrls = { openai: provider.url };
  gateway = await startTestGateway({ config, providerUrls, data: folder });
});
afterAll(async () => {
  await gateway.close();
  await provider.close();
});

const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
const body = JSON.stringify({
  model: 'openai/m',
  messages: [{ role: 'user', content: 'x' }],
  max_tokens: CAP,
  stream: true,
});

/** Sends a request and reads its answer, or leaves with the first bytes of it; answers what became of it, in words. */
function send(credential: string, isLeaving: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${credential}`, 'content-type': 'application/json' };
    const request = http.request(
      `${gateway.url}/chat/completions`,
      { method: 'POST', agent, headers },
      async (response) => {
        const chunks: Buffer[] = [];
        try {
          for await (const chunk of response) {
            chunks.push(chunk);
            if (isLeaving && response.statusCode === 200) {
              resolve('left');
              return request.destroy();
            }
          }
        } catch (error) {
          return reject(error);
        }
        const text = Buffer.concat(chunks).toString();
        const code = /"code":"(\w+)"/.exec(text)?.[1] ?? 'served';
        const per = /"limit":\{"per":"(\w+)"/.exec(text)?.[1];
        resolve(`${response.statusCode} ${code}${per === undefined ? '' : ` of ${per}`}`);
      },
    );
    request.on('error', (error) => (isLeaving ? resolve('left') : reject(error)));
    request.end(body);
  });
}

type Row = Readonly<Record<string, { readonly S: string; readonly N: string }>>;

/** All items of a table, page by page. */
async function readAll(table: string): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let from: unknown;
  do {
    const page = await gateway.tables.call('Scan', {
      TableName: table,
      ...(from === undefined ? {} : { ExclusiveStartKey: from }),
    });
    rows.push(...((page.Items ?? []) as Row[]));
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return rows;
}

const sumOf = (rows: readonly Row[], name: string): bigint =>
  rows.reduce((sum, row) => sum + BigInt(row[name]?.N ?? 0), 0n);

/** Holds each counter of a wallet against the rows of its user, token and day. */
async function expectExact(walletId: string, rows: readonly Row[]): Promise<void> {
  const wallet = await gateway.tables.wallets.find(asWalletId(walletId));
  expect([wallet?.holds.size, wallet?.inFlight]).toEqual([0, 0]);
  let seen = 0;
  for (const [name, counted] of wallet?.counters ?? []) {
    const [, token, unit, window, span] =
      /^(?:t:([^:]+):)?(usd|tokens):(day|month|total)(?::(.+))?$/.exec(name) ?? [];
    if (unit === undefined) continue;
    seen += 1;
    const own = rows.filter(
      (row) =>
        row.wallet?.S === walletId &&
        (token === undefined || row.token?.S === token) &&
        (span === undefined ||
          new Date(Number(row.sk?.S.split('#')[0])).toISOString().startsWith(span)),
    );
    expect(counted, name).toBe(sumOf(own, unit === 'usd' ? 'costNanoUsd' : 'costTokens'));
    if (unit === 'usd' && token !== undefined) expect(counted <= TOKEN_LIMIT, name).toBe(true);
    if (unit === 'usd' && window === 'day') expect(counted <= USER_LIMIT, name).toBe(true);
  }
  // Dollars and tokens of the user, and of each token that was let through; one who came last may have got nothing.
  const isServed = rows.some((row) => row.wallet?.S === walletId);
  expect(seen).toBeGreaterThanOrEqual(isServed ? 5 : 0);
}

/** Spends what is left of the key's budget, one request after the other. Answers how many users that took. */
async function spendTheRest(): Promise<number> {
  let user = 1;
  for (let sent = 0; sent < LATE_MAX; sent += 1) {
    const outcome = await send(gateway.sign({ user: `late${user}` }), false);
    if (outcome === '402 insufficient_quota of key') return user;
    if (outcome === '402 insufficient_quota of user') user += 1;
  }
  throw new Error('the budget of the key has no end');
}

describe(`${REQUESTS} requests of ${USERS} users, ${AT_ONCE} at once`, () => {
  test('keep every limit, and leave every counter exact to the nano-dollar', {
    timeout: 180_000,
  }, async () => {
    const credentials = Array.from({ length: USERS * TOKENS_PER_USER }, (_, at) =>
      gateway.sign({ user: `u${at % USERS}`, jti: `t${at}`, spending_limit: 0.0014 }),
    );
    const drawn = Array.from({ length: REQUESTS + LATE_MAX }, drawReply);
    provider.reply(...drawn.map(({ reply }) => reply), { status: 500, steps: [] });
    let next = 0;
    const tally: Record<string, number> = {};
    const work = async (): Promise<void> => {
      while (next < REQUESTS) {
        const credential = credentials[next++ % credentials.length] ?? '';
        const outcome = await send(credential, fraction() < LEAVING);
        tally[outcome] = (tally[outcome] ?? 0) + 1;
      }
    };

    await Promise.all(Array.from({ length: AT_ONCE }, work));
    // Requests whose client left run on; the gateway ends after the last of them.
    const isIdle = async () =>
      (await readAll('hallpass-wallets')).every(({ inFlight }) => (inFlight?.N ?? '0') === '0');
    await expect.poll(isIdle, { interval: 100 }).toBe(true);
    const lateUsers = await spendTheRest();
    agent.destroy();
    await expect.poll(isIdle, { interval: 100 }).toBe(true);

    const itemIds = (await readAll('hallpass-wallets')).map((item) => item.pk?.S ?? '');
    // A mark of a secret, and an item whose name ends in `!`, which holds facts of a person, hold no money.
    const walletIds = itemIds.filter((id) => !/^pool#|^secret#|!$/.test(id));
    const rows = await readAll('hallpass-usage');
    expect(walletIds.length).toBeGreaterThanOrEqual(USERS + lateUsers - 1);
    for (const walletId of walletIds) await expectExact(walletId, rows);
    // The key's budget is spent to the last request that fits.
    const billed = sumOf(rows, 'costNanoUsd');
    expect([billed <= KEY_LIMIT, billed > KEY_LIMIT - HELD], `${billed}`).toEqual([true, true]);
    // Every call of the provider has its row, at what the provider says; a row without a call costs nothing.
    const called = drawn.slice(0, provider.requests.length);
    const reported = called.flatMap(({ tokens }) => tokens ?? []);
    const reportedTokens = BigInt(reported.reduce((sum, tokens) => sum + tokens, 0));
    const of = (status: string) => rows.filter((row) => row.status?.S === status);
    expect(of('exact')).toHaveLength(reported.length);
    expect(sumOf(of('exact'), 'costNanoUsd')).toBe(reportedTokens * NANO_USD_PER_TOKEN);
    expect(of('estimated')).toHaveLength(called.filter(({ isUnknown }) => isUnknown).length);
    expect(sumOf(of('released'), 'costNanoUsd')).toBe(0n);
    const audit = await runHere(['usage', 'audit', '--key', 'demo', '--data', folder, '--json']);
    expect(audit.status).toBe(0);
    expect(JSON.parse(audit.stdout)).toMatchObject([
      { rows: rows.length, wallets: walletIds.length, pools: 3, differences: [], busy: [] },
    ]);
    // The limits were met, by users and by tokens.
    expect(refusalsOf('token', tally)).toBeGreaterThan(0);
    expect(refusalsOf('user', tally)).toBeGreaterThan(0);
    expect(tally.left ?? 0).toBeGreaterThan(REQUESTS * LEAVING * 0.4);
    expect(tally['200 served'] ?? 0).toBeGreaterThan(REQUESTS / 4);
  });
});

const refusalsOf = (per: string, tally: Readonly<Record<string, number>>): number =>
  (tally[`402 insufficient_quota of ${per}`] ?? 0) + (tally[`429 budget_in_use of ${per}`] ?? 0);
