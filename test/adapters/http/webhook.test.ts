import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWebhook, type WebhookOptions } from '../../../adapters/http/webhook.ts';
import type { Alert } from '../../../core/wallet/alerts/alert.ts';
import { endServer, listen } from '../../../local/listen.ts';

const ALERT: Alert = {
  key: 'course',
  user: 'ada',
  level: 80,
  per: 'user',
  window: 'month',
  limit: '10000000000',
  used: '8300000000',
  resetsAtMs: Date.parse('2026-12-01T00:00:00Z'),
  reachedAtMs: Date.parse('2026-11-21T08:00:00Z'),
};

let url: string;
let status = 200;
let requests: { readonly path: string; readonly signature: unknown; readonly text: string }[] = [];
const server = createServer((request, response) => {
  let text = '';
  request.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  request.on('end', () => {
    const { url: path = '', headers } = request;
    requests.push({ path, signature: headers['x-hallpass-signature'], text });
    response.writeHead(status, { location: '/other' }).end('x'.repeat(1_000));
  });
});
beforeAll(async () => {
  url = `${await listen(server)}/hook`;
});
afterAll(() => endServer(server));

const send = (options: Partial<WebhookOptions> = {}): Promise<void> =>
  makeWebhook({
    url,
    allowLocal: true,
    findSecret: async () => 'secret',
    clock: { nowMs: () => 1_763_712_000_000 },
    ...options,
  }).send(ALERT, 'al_1');

// guarantee: alerts-are-signed
test('posts the alert with its time and the HMAC of both', async () => {
  requests = [];

  await send();

  const text =
    '{"id":"al_1","type":"limit.reached","level":80,"percent":83,"key":"course","user":"ada","token":null,' +
    '"limit":{"per":"user","unit":"usd","window":"month"},"limit_usd":10,"used_usd":8.3,' +
    '"resets_at":"2026-12-01T00:00:00.000Z","reached_at":"2026-11-21T08:00:00.000Z"}';
  // echo -n "1763712000.<text>" | openssl dgst -sha256 -hmac secret
  const digest = '42c7d172528711f311d1eaf366c36ef041571dd8e62e8f11a206a8c3afdf9ff0';
  expect(requests).toEqual([{ path: '/hook', signature: `t=1763712000,v1=${digest}`, text }]);
});

// guarantee: alerts-stay-outside
test('takes no other status than 200 to 299 for success, and follows no redirect', async () => {
  requests = [];
  for (const each of [300, 301, 307, 404, 500]) {
    status = each;
    await expect(send()).rejects.toThrow(`the webhook answered ${each}`);
  }
  status = 200;

  expect(requests.map(({ path }) => path)).toEqual(Array.from({ length: 5 }, () => '/hook'));
});

// guarantee: alerts-stay-outside
test('sends nothing to an address inside the network, also if a name leads there', async () => {
  requests = [];
  const resolve = async () => [{ address: '10.0.0.7', family: 4 }];

  await expect(send({ allowLocal: false })).rejects.toThrow('is not allowed');
  await expect(send({ url: 'https://127.0.0.1/', allowLocal: false })).rejects.toThrow(
    'its host has an address that is not public',
  );
  await expect(send({ url: 'https://hooks.example.com/', resolve })).rejects.toThrow('not public');
  await expect(send({ url: 'http://hooks.example.com/', resolve })).rejects.toThrow('not public');
  expect(requests).toEqual([]);
});

// guarantee: alerts-are-signed
test('sends nothing unsigned', async () => {
  requests = [];

  await expect(send({ findSecret: async () => undefined })).rejects.toThrow('is not set');
  expect(requests).toEqual([]);
});

test('gives up a receiver that does not answer in time', async () => {
  const silent = createServer(() => {});
  const silentUrl = await listen(silent);

  await expect(send({ url: silentUrl, timeoutMs: 50 })).rejects.toThrow();
  await endServer(silent);
});
