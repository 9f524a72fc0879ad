/**
 * Alerts through the whole gateway: marked by requests, sent by the sweep, taken by a webhook on this machine.
 */
import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import { endServer, listen } from '../../local/listen.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startAtNoon } from '../support/noon.ts';

startAtNoon();

const SECRET = 'a-secret-of-more-than-thirty-two-letters';

interface Received {
  readonly signature: string;
  readonly text: string;
  readonly body: {
    readonly id: string;
    readonly level: number;
    readonly user: string | null;
    readonly token: string | null;
    readonly key: string;
    readonly limit: { readonly per: string; readonly window: string };
  };
}

const received: Received[] = [];
/** The statuses of the next answers; 204 after them. */
let answers: number[] = [];
let receiver: Server;
let hooksUrl: string;
let gateway: TestGateway;

beforeAll(async () => {
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const signature = String(request.headers['x-hallpass-signature']);
      received.push({ signature, text, body: JSON.parse(text) });
      response.writeHead(answers.shift() ?? 204, { location: '/elsewhere' }).end();
    });
  });
  hooksUrl = await listen(receiver);
  gateway = await startTestGateway({
    config: defineConfig({ providers: {}, alerts: { webhook: `${hooksUrl}/hook` } }),
    variables: { HALLPASS_ALERT_SECRET: SECRET },
  });
});
afterAll(async () => {
  await gateway.close();
  await endServer(receiver);
});

async function chat(credential: string, content = 'hello', url = gateway.url): Promise<number> {
  const response = await fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'demo/echo',
      max_tokens: 16,
      messages: [{ role: 'user', content }],
    }),
  });
  await response.text();
  return response.status;
}

/** Sets the own limit of a user that tokens name. */
async function setLimit(user: string, usd: number): Promise<void> {
  const response = await fetch(`${gateway.url}/users/token:${user}`, {
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${gateway.key}`,
      'content-type': 'application/json',
      'idempotency-key': `${user}-${usd}`,
    },
    body: JSON.stringify({ limits: [{ per: 'user', unit: 'usd', window: 'month', limit: usd }] }),
  });
  expect([response.status, await response.text()]).toMatchObject([200, expect.anything()]);
}

const usd = (amount: number): number => Number(amount.toFixed(9));

/** A prompt that costs many times as much as `hello`. */
const LONG = 'w '.repeat(40_000);

/** Makes a user spend under a large limit. Returns what that was, and what `hello` costs. */
async function spend(user: string, token: string): Promise<{ spent: number; cost: number }> {
  await setLimit(user, 1000);
  await chat(token);
  const { usage: cost } = await gateway.aboutKey(token);
  await chat(token, LONG);
  return { spent: (await gateway.aboutKey(token)).usage, cost };
}

const of = (user: string) => received.filter(({ body }) => body.user === user);

// guarantee: one-alert-a-level
test('a webhook gets one alert with one id when a hundred requests at once cross 80 %', async () => {
  const token = gateway.newToken({ user: 'ada' });
  await setLimit('ada', 1000);
  await chat(token);
  const { usage: cost } = await gateway.aboutKey(token);
  while ((await gateway.aboutKey(token)).usage < 8_000 * cost) {
    await chat(token, LONG);
  }
  const { usage } = await gateway.aboutKey(token);
  const limit = usd((usage + 95 * cost) / 0.8);
  await setLimit('ada', limit);

  const statuses = await Promise.all(Array.from({ length: 100 }, () => chat(token)));
  await gateway.sweep();
  await gateway.sweep();

  expect(statuses.filter((status) => status === 200)).toHaveLength(100);
  const alerts = of('ada').filter(({ body }) => body.level === 80);
  expect(alerts).toHaveLength(1);
  expect(alerts[0]?.body).toMatchObject({
    id: expect.stringMatching(/^al_[\w-]{22}$/),
    type: 'limit.reached',
    level: 80,
    percent: 80,
    key: 'demo',
    limit: { per: 'user', unit: 'usd', window: 'month' },
    limit_usd: limit,
  });
  expect(alerts[0]?.text).not.toContain(token);
  const { limits } = await gateway.aboutKey(token);
  expect(limits).toMatchObject([{ per: 'user', window: 'month', percent: 80 }]);
});

test('each alert is signed over its time and its body', async () => {
  const [first] = of('ada');
  const [, seconds, digest] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(first?.signature ?? '') ?? [];

  const expected = createHmac('sha256', SECRET).update(`${seconds}.${first?.text}`).digest('hex');

  expect(digest).toBe(expected);
  expect(Math.abs(Date.now() / 1_000 - Number(seconds))).toBeLessThan(600);
});

test('a limit that is raised has alerts anew', async () => {
  const token = gateway.newToken({ user: 'ben' });
  const { spent, cost } = await spend('ben', token);

  await setLimit('ben', usd(2 * spent + cost)); // The next request reaches 50 %.
  await chat(token);
  await gateway.sweep();
  await setLimit('ben', usd(2 * spent + 3 * cost)); // The next request reaches 50 %.
  await chat(token);
  await gateway.sweep();

  const alerts = of('ben');
  expect(alerts.map(({ body }) => body.level)).toEqual([50, 50]);
  expect(new Set(alerts.map(({ body }) => body.id)).size).toBe(2);
});

test('a token that is refused because its money is gone reaches 100', async () => {
  const free = gateway.newToken();
  await chat(free);
  const { usage: cost } = await gateway.aboutKey(free);
  const token = gateway.newToken({ jti: 'small', spending_limit: cost / 2 });

  expect(await chat(token)).toBe(402);
  expect(await chat(token)).toBe(402);
  await gateway.sweep();

  const alerts = received.filter(({ body }) => body.token === 'small');
  expect(alerts.map(({ body }) => [body.level, body.limit])).toEqual([
    [100, { per: 'token', unit: 'usd', window: 'total' }],
  ]);
});

test('the budget of a key has alerts when wallets have drawn so much of it, and when it is gone', async () => {
  const config = defineConfig({
    providers: {},
    defaults: { limits: ['key:usd:month=0.001'] },
    alerts: { webhook: `${hooksUrl}/hook`, at: [50, 100] },
  });
  const other = await startTestGateway({ config, variables: { HALLPASS_ALERT_SECRET: SECRET } });
  const levels = () =>
    received.filter(({ body }) => body.limit.per === 'key').map(({ body }) => body.level);
  const token = other.newToken();

  let status = 200;
  for (let requests = 0; requests < 500 && status === 200; requests += 1) {
    status = await chat(token, 'hello', other.url);
    if (requests % 20 === 0) await other.sweep();
  }
  await other.sweep();

  expect(status).toBe(402);
  expect(levels()).toEqual([50, 100]);
  await other.close();
});

test('an alert that the webhook refuses or redirects is sent again under the same id', async () => {
  const token = gateway.newToken({ user: 'eve' });
  const { spent, cost } = await spend('eve', token);
  await setLimit('eve', usd(2 * spent + cost));
  await chat(token);

  answers = [307];
  await gateway.sweep();
  const afterFirst = of('eve').length;
  await gateway.sweep(); // The next try is five minutes later.

  expect(afterFirst).toBe(1);
  expect(of('eve')).toHaveLength(1);
  const items = await gateway.tables.scan('wallets');
  const waiting = items.filter((item) => 'dueAt' in item && /\beve\b/.test(JSON.stringify(item)));
  expect(waiting).toHaveLength(1);
});
