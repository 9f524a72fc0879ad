/**
 * The calls that a request makes to the tables while the function is warm.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDynamoDb } from '../../local/dynamodb/server.ts';
import {
  DONE_EVENT,
  type FakeProvider,
  FINISH_EVENT,
  startFakeProvider,
  textEvent,
  usageEvent,
  usageOf,
} from '../support/fake-provider.ts';
import { send } from '../support/http-client.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startAtNoon } from '../support/noon.ts';
import { startTableProxy, type TableProxy } from '../support/table-proxy.ts';

startAtNoon();

let provider: FakeProvider;
let tables: Awaited<ReturnType<typeof startDynamoDb>>;
let proxy: TableProxy;
let gateway: TestGateway;

beforeAll(async () => {
  provider = await startFakeProvider();
  tables = await startDynamoDb({});
  proxy = await startTableProxy(tables.url);
  gateway = await startTestGateway({
    providerUrls: { openai: provider.url },
    variables: { AWS_ENDPOINT_URL_DYNAMODB: proxy.url },
  });
});
afterAll(async () => {
  await gateway.close();
  await proxy.close();
  await tables.close();
  await provider.close();
});

const calls = (): string[] => proxy.journal.map(({ operation, table }) => `${operation} ${table}`);

// guarantee: three-writes
test('writes once before the first byte upstream, row and wallet after the last, and reads nothing', async () => {
  let before: string[] = [];
  const chat = (): Promise<unknown> =>
    send(`${gateway.url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.sign({ jti: 'warm', spending_limit: 1 })}` },
      body: JSON.stringify({ model: 'openai/gpt-4o-mini', stream: true, messages: [] }),
    });
  const reply = (until: Promise<unknown>) => ({
    steps: [
      { write: textEvent('Hi') },
      { until },
      { write: FINISH_EVENT + usageEvent(usageOf(1, 1)) + DONE_EVENT },
    ],
  });
  provider.reply(reply(Promise.resolve()));
  await chat();
  proxy.clear();

  provider.reply(
    reply(
      (async () => {
        await expect.poll(() => provider.requests.length).toBe(2);
        before = calls();
      })(),
    ),
  );
  await chat();

  expect(before).toEqual(['UpdateItem hallpass-wallets']);
  expect(calls()).toEqual([
    'UpdateItem hallpass-wallets',
    'PutItem hallpass-usage',
    'UpdateItem hallpass-wallets',
  ]);
});

test('is billed before the client reads the end', async () => {
  provider.reply({ steps: [{ write: FINISH_EVENT + usageEvent(usageOf(1000, 0)) + DONE_EVENT }] });
  const headers = { authorization: `Bearer ${gateway.sign({ jti: 'end', spending_limit: 1 })}` };

  await send(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ model: 'openai/gpt-4o-mini', stream: true, messages: [] }),
  });
  const { text } = await send(`${gateway.url}/key`, { headers });

  // 1,000 tokens of gpt-4o-mini's input at $0.15 a million.
  expect(JSON.parse(text).data).toMatchObject({ usage: 0.00015, reserved: 0 });
});
