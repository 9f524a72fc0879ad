/**
 * A warm request of a person with a limit of their own, while alerts are configured: its writes, and the bytes of its
 * wallet by attribute.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LogEntry } from '../../core/base/ports.ts';
import { defineConfig } from '../../core/config.ts';
import { startDynamoDb } from '../../local/dynamodb/server.ts';
import { makeFunctions } from '../../local/functions.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startAtNoon } from '../support/noon.ts';
import { startTableProxy, type TableProxy } from '../support/table-proxy.ts';

startAtNoon();

const entries: LogEntry[] = [];
let tables: Awaited<ReturnType<typeof startDynamoDb>>;
let proxy: TableProxy;
let gateway: TestGateway;

beforeAll(async () => {
  tables = await startDynamoDb({});
  proxy = await startTableProxy(tables.url);
  gateway = await startTestGateway({
    config: defineConfig({ providers: {}, alerts: { webhook: 'https://hooks.example.com/' } }),
    variables: { AWS_ENDPOINT_URL_DYNAMODB: proxy.url },
    makeFunctions: (settings) => makeFunctions(settings, { write: (entry) => entries.push(entry) }),
  });
});
afterAll(async () => {
  await gateway.close();
  await proxy.close();
  await tables.close();
});

async function chat(token: string): Promise<number> {
  const response = await fetch(`${gateway.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'demo/echo',
      max_tokens: 16,
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
  await response.text();
  return response.status;
}

async function setLimits(limit: number): Promise<void> {
  const limits = (['day', 'week', 'month', 'total'] as const).map((window) => ({
    ...{ per: 'user', unit: 'usd', window, limit },
  }));
  const response = await fetch(`${gateway.url}/users/token:ann@example.edu`, {
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${gateway.key}`,
      'content-type': 'application/json',
      'idempotency-key': `limit-${limit}`,
    },
    body: JSON.stringify({ limits }),
  });
  expect(response.status).toBe(200);
}

// guarantee: three-writes
test('three write units and no read, with limits of their own, before an alert and after it', async () => {
  const token = gateway.newToken({ user: 'ann@example.edu', spending_limit: 1 });
  await chat(token);
  const { usage: cost } = await gateway.aboutKey(token);
  await setLimits(Number((cost * 100).toFixed(9)));
  const warm = async () => {
    proxy.clear();
    entries.length = 0;
    expect(await chat(token)).toBe(200);
    const [{ writeUnits } = {}] = entries.filter(({ event }) => event === 'request');
    return [writeUnits, proxy.journal.map(({ operation }) => operation)];
  };
  await chat(token); // This process sees the new record.

  const before = await warm();
  for (let requests = 0; requests < 55; requests += 1) await chat(token);
  const after = await warm();

  const threeWrites = [3, ['UpdateItem', 'PutItem', 'UpdateItem']];
  expect(before).toEqual(threeWrites);
  expect(after).toEqual(threeWrites);
  const items = await gateway.tables.scan('wallets');
  expect(items.flatMap(Object.keys).filter((name) => name.startsWith('a:'))).toHaveLength(4);
});

type Value = { readonly S?: string; readonly N?: string; readonly B?: string };

/**
 * Bytes as DynamoDB counts them: the name, and a text's bytes, or a byte for each two significant digits of a number and
 * one more (CapacityUnitCalculations in its guide).
 */
function bytesOf(name: string, { S, N = '', B }: Value): number {
  if (S !== undefined) return Buffer.byteLength(name) + Buffer.byteLength(S);
  if (B !== undefined) return Buffer.byteLength(name) + Buffer.from(B, 'base64').length;
  const digits = N.replace(/^-?0*/, '').replace(/0+$/, '');
  return Buffer.byteLength(name) + Math.ceil(digits.length / 2) + 1;
}

/** The bytes of each attribute by its kind, the largest of a kind, as ARCHITECTURE.md has them. */
const BYTES_MAX: Readonly<Record<string, number>> = {
  pk: 49,
  'usd:': 30,
  't:': 45,
  'x:': 35,
  inFlight: 10,
  due: 4,
  dueAt: 13,
  rev: 11,
  own: 99,
  seen: 14,
  of: 24,
};

test('the wallet’s bytes by attribute leave room for three requests in flight within a write unit', async () => {
  const items = await gateway.tables.scan('wallets');
  const wallet = items.find((item) => 'own' in item) ?? {};

  let sum = 0;
  for (const [name, value] of Object.entries(wallet)) {
    const kind = Object.keys(BYTES_MAX).find((each) =>
      each.endsWith(':') ? name.startsWith(each) : name === each,
    );
    const bytes = bytesOf(name, value as Value);
    expect([name, kind === undefined, bytes <= (BYTES_MAX[kind ?? ''] ?? 0)]).toEqual([
      name,
      false,
      true,
    ]);
    sum += bytes;
  }
  expect(sum + 3 * 130).toBeLessThan(1_024);
});
