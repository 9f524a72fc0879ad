/**
 * Runs the bundles that `cdk synth` makes by AWS's own runtime client, behind the local API Gateway. So the tests of
 * handlers in this process hold for the code that Lambda runs.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Variables } from '../../adapters/aws/environment.ts';
import { DUE_SHARDS } from '../../adapters/table-schema.ts';
import { sweep } from '../../core/sweep.ts';
import { open, send } from '../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { SYNTH_MS_MAX, type SynthResult, synthesize } from '../support/synth.ts';
import { makeHold } from '../support/wallet-fixtures.ts';
import { makeSandboxes, type Sandboxes } from './sandboxes.ts';

const TIMEOUT_MS = {
  authorizer: 10_000,
  proxy: 900_000,
  account: 30_000,
  sweep: 300_000,
  pages: 10_000,
};

let gateway: TestGateway;
let sandboxes: Record<keyof typeof TIMEOUT_MS, Sandboxes>;

beforeAll(async () => {
  const synth = await synthesize();
  gateway = await startTestGateway({
    makeFunctions(_settings, variables) {
      const start = (name: keyof typeof TIMEOUT_MS) => startFunction(synth, name, variables);
      sandboxes = {
        authorizer: start('authorizer'),
        proxy: start('proxy'),
        account: start('account'),
        sweep: start('sweep'),
        pages: start('pages'),
      };
      return {
        authorizer: sandboxes.authorizer.buffered,
        proxy: sandboxes.proxy.streaming,
        account: sandboxes.account.buffered,
        pages: sandboxes.pages.streaming,
        sweep: async () => {
          await sandboxes.sweep.buffered.invoke({});
        },
      };
    },
  });
}, SYNTH_MS_MAX);

afterAll(async () => {
  for (const each of Object.values(sandboxes)) each.close();
  await gateway.close();
});

function startFunction(
  synth: SynthResult,
  name: keyof typeof TIMEOUT_MS,
  variables: Variables,
): Sandboxes {
  const set = Object.entries(variables).filter((entry): entry is [string, string] => !!entry[1]);
  return makeSandboxes({
    name,
    taskRoot: synth.functionFolder(name),
    handler: 'index.handler',
    environment: Object.fromEntries(set),
    timeoutMs: TIMEOUT_MS[name],
  });
}

const chat = (credential: string, more: object = {}) => ({
  method: 'POST',
  headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
  body: JSON.stringify({
    model: 'demo/echo',
    stream: true,
    max_tokens: 50,
    messages: [{ role: 'user', content: 'one two three' }],
    ...more,
  }),
});

const errorOf = (text: string): Record<string, unknown> => JSON.parse(text).error;

/** The answer of GET /v1/key for a credential. */
async function aboutItself(token: string) {
  const { text } = await send(`${gateway.url}/key`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return JSON.parse(text).data;
}

describe("under AWS's runtime", () => {
  test('a stream arrives chunk by chunk and is settled at its cost', async () => {
    const token = gateway.sign({ jti: 'stream', spending_limit: 1, models: ['demo/echo'] });
    const { response } = await open(`${gateway.url}/chat/completions`, chat(token));
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'access-control-allow-origin': '*',
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'x-hallpass-budget-limit-usd': '1',
    });
    let arrivals = 0;
    let text = '';
    for await (const chunk of response) {
      arrivals += 1;
      text += chunk;
    }
    const words = [...text.matchAll(/"content":"([^"]*)"/g)].map(([, word]) => word);
    expect(words).toEqual(['echo:', ' one', ' two', ' three']);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    // The words leave 20 ms apart. A reader on a busy machine gets some of them together; a buffered answer is one chunk.
    expect(arrivals).toBeGreaterThan(1);
    // 3 input tokens at 1 and 4 output tokens at 4 USD per million.
    expect(await aboutItself(token)).toMatchObject({ usage: 0.000019, reserved: 0 });
  });

  test('an answer that is not streamed comes in one piece, with its cost', async () => {
    const token = gateway.sign({ jti: 'whole', spending_limit: 1 });
    const answer = await send(`${gateway.url}/chat/completions`, chat(token, { stream: false }));
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text).choices[0].message.content).toBe('echo: one two three');
    expect(answer.headers['x-hallpass-cost-usd']).toBe('0.000019');
  });

  test('a forged token is denied by the authorizer', async () => {
    const token = gateway.sign({ jti: 'forged' });
    const forged = `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(43)}`;
    const answer = await send(`${gateway.url}/chat/completions`, chat(forged));
    expect(answer.status).toBe(401);
    expect(errorOf(answer.text)).toMatchObject({ code: 'invalid_api_key' });
  });

  test('two credentials are denied by the authorizer', async () => {
    const { headers, ...rest } = chat(gateway.key);
    const answer = await send(`${gateway.url}/chat/completions`, {
      ...rest,
      headers: { ...headers, 'x-api-key': 'sk-other' },
    });
    expect(answer.status).toBe(401);
    expect(errorOf(answer.text)).toMatchObject({
      code: 'invalid_api_key',
      message: 'The request carries two different credentials.',
    });
  });

  test('a spent token is refused with 402 and nothing is charged', async () => {
    const token = gateway.sign({ jti: 'spent', spending_limit: 0.00001 });
    const answer = await send(`${gateway.url}/chat/completions`, chat(token));
    expect(answer.status).toBe(402);
    expect(errorOf(answer.text)).toMatchObject({
      code: 'insufficient_quota',
      limit: { per: 'token', unit: 'usd', window: 'total' },
    });
    expect(await aboutItself(token)).toMatchObject({ usage: 0, reserved: 0 });
  });

  test('the account function lists the models of this credential', async () => {
    const token = gateway.sign({ jti: 'models', models: ['demo/echo'] });
    const answer = await send(`${gateway.url}/models`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(JSON.parse(answer.text).data.map(({ id }: { id: string }) => id)).toEqual(['demo/echo']);
  });

  test('the sweep closes the holds of dead requests, by the AWS SDK', async () => {
    const { wallets } = gateway.tables;
    const hold = makeHold({ reservedAtMs: 1_000, leaseEndsAtMs: 2_000 });
    await wallets.reserve({ hold, counters: [], inFlightMax: 1 });
    expect(await wallets.find(hold.walletId)).toMatchObject({ inFlight: 1 });

    await gateway.sweep();

    expect(await wallets.find(hold.walletId)).toMatchObject({ inFlight: 0 });
    expect(sandboxes.sweep.started()).toBe(1);
  });

  test('a warm sandbox is used again', async () => {
    const before = sandboxes.proxy.started();
    await send(`${gateway.url}/chat/completions`, chat(gateway.sign({ jti: 'warm' })));
    expect(sandboxes.proxy.started()).toBe(before);
  });

  // guarantee: never-lost
  test('a sandbox that dies mid-stream cuts its client, and its hold is swept', async () => {
    const token = gateway.sign({ jti: 'crash', spending_limit: 1 });
    const long = 'word '.repeat(120);
    const { response } = await open(
      `${gateway.url}/chat/completions`,
      chat(token, { messages: [{ role: 'user', content: long }], max_tokens: 1_000 }),
    );
    response.once('data', () => sandboxes.proxy.killBusy());
    await expect(response.toArray()).rejects.toThrow('aborted');
    const held = await aboutItself(token);
    expect(held.reserved).toBeGreaterThan(0);

    const { wallets, usage } = gateway.tables;
    const later = { nowMs: () => Date.now() + 3_600_000, sleep: async () => {} };
    const outcome = await sweep(
      { wallets, usage, clock: later },
      { shards: DUE_SHARDS, deadlineAtMs: later.nowMs() + 60_000 },
    );
    expect(outcome).toMatchObject({ swept: 1, failed: 0, finished: true });
    expect(await aboutItself(token)).toMatchObject({ usage: held.reserved, reserved: 0 });
    // The next request finds a new sandbox.
    const next = await send(`${gateway.url}/chat/completions`, chat(token));
    expect(next.status).toBe(200);
  });
});

test('pages are read without a credential: whole, by their head, and not again when they are known', async () => {
  const url = gateway.url.replace(/v1$/, 'me');
  const page = await send(url);
  expect(page.status).toBe(200);
  expect(page.text).toMatch(/^<!doctype html>[\s\S]*<\/html>\s*$/);
  const head = await send(url, { method: 'HEAD' });
  expect([head.status, head.headers.etag]).toEqual([200, page.headers.etag]);
  const known = await send(url, { headers: { 'if-none-match': String(page.headers.etag) } });
  expect([known.status, known.text]).toEqual([304, '']);
  const redirect = await send(`${url}/`);
  expect([redirect.status, redirect.headers.location]).toEqual([308, '../me']);
});
