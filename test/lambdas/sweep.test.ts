import type { Context } from 'aws-lambda';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callDynamoDb, callSecretsManager } from '../../adapters/aws/https-call.ts';
import { makeSecretWriter } from '../../adapters/aws/secrets-manager.ts';
import { makeKeyStore } from '../../adapters/dynamodb/key-store.ts';
import { makeWallets } from '../../adapters/dynamodb/wallets.ts';
import { asKeyHash, asKeyId, asRequestId, asWalletId } from '../../core/base/ids.ts';
import type { LogEntry } from '../../core/base/ports.ts';
import { defineConfig } from '../../core/config.ts';
import { makeSweepHandler } from '../../lambdas/sweep.ts';
import { startSecrets } from '../../local/secrets/server.ts';
import { startTables, TABLE_NAMES } from '../support/dynamodb.ts';
import { SERVER_RECORD } from '../support/memory-keys.ts';
import { makeHold, WALLET_ID } from '../support/wallet-fixtures.ts';

let tables: Awaited<ReturnType<typeof startTables>>;
beforeAll(async () => {
  tables = await startTables();
});
afterAll(() => tables.close());

/** The part of a Lambda's context that the sweep reads. */
const contextWith = (remainingMs: number): Context => ({
  callbackWaitsForEmptyEventLoop: false,
  functionName: 'sweep',
  functionVersion: '1',
  invokedFunctionArn: 'arn',
  memoryLimitInMB: '256',
  awsRequestId: '1',
  logGroupName: 'g',
  logStreamName: 's',
  getRemainingTimeInMillis: () => remainingMs,
  done: () => undefined,
  fail: () => undefined,
  succeed: () => undefined,
});

async function runSweep(
  url: string,
  remainingMs: number,
  entries: LogEntry[] = [],
  secretsManagerUrl = url,
): Promise<LogEntry[]> {
  const handler = makeSweepHandler(
    {
      config: defineConfig({ providers: {} }),
      environment: {
        ...TABLE_NAMES,
        secretPrefix: 'test',
        defaultAccount: 'acct_test',
        region: 'us-east-1',
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
        dynamodbUrl: url,
        secretsManagerUrl,
        snsUrl: url,
        allowLocalIssuers: false,
        providerUrls: {},
      },
    },
    { callTables: callDynamoDb, callSecrets: callSecretsManager },
    { write: (entry) => entries.push(entry) },
  );
  await handler({}, contextWith(remainingMs));
  return entries;
}

test('closes holds whose lease has ended, rolls up past days, and logs the numbers', async () => {
  const wallets = makeWallets(tables.call, TABLE_NAMES.walletsTable);
  // The function reads the machine's clock, so the lease ends long before any.
  const hold = makeHold({ reservedAtMs: 1_000, leaseEndsAtMs: 2_000 });
  await wallets.reserve({ hold, counters: [], inFlightMax: 1 });

  const entries = await runSweep(tables.url, 300_000);

  expect(entries).toEqual([
    {
      level: 'info',
      event: 'sweep finished',
      count: 1,
      swept: 1,
      detail: 'wallets 1, holds swept 1, holds settled 0, failed 0',
    },
    // For the row that the sweep wrote, whose day ended long before.
    { level: 'info', event: 'rollups finished', count: 1, detail: 'days 1, rows 1, failed 0' },
  ]);
  expect((await wallets.find(WALLET_ID))?.inFlight).toBe(0);
});

test('stops when its time is up, and the next run continues', async () => {
  const wallets = makeWallets(tables.call, TABLE_NAMES.walletsTable);
  const ids = Array.from({ length: 30 }, (_, at) => asWalletId(`k#many${at}`));
  for (const walletId of ids) {
    for (let at = 0; at < 5; at += 1) {
      const requestId = asRequestId(`${walletId}-${at}`);
      const hold = makeHold({ walletId, requestId, reservedAtMs: 1_000, leaseEndsAtMs: 2_000 });
      const counters = [{ name: 'usd:total', add: hold.amounts.usd }];
      await wallets.reserve({ hold, counters, inFlightMax: 5 });
    }
  }

  // The last 20 s are for the step that runs when the time is up.
  const stopped = await runSweep(tables.url, 20_001);
  const finished = await runSweep(tables.url, 300_000);

  expect(stopped).toMatchObject([
    { level: 'warn', event: 'sweep stopped early' },
    { event: 'rollups stopped early' },
  ]);
  expect(finished).toMatchObject([
    { level: 'info', event: 'sweep finished' },
    { event: 'rollups finished' },
  ]);
  expect((stopped[0]?.count ?? 0) + (finished[0]?.count ?? 0)).toBe(150);
  expect(stopped[0]?.count).toBeLessThan(150);
  for (const id of ids) {
    const wallet = await wallets.find(id);
    // Five holds of a tenth of a dollar, at their whole amount: nobody knows better.
    expect([wallet?.inFlight, wallet?.holds.size]).toEqual([0, 0]);
    expect(wallet?.counters.get('usd:total')).toBe(500_000_000n);
  }
});

const keyIdOf = (name: string) => asKeyId(name.padEnd(22, '_'));

// guarantee: secret-ends-with-its-key
test('deletes the secret of a disabled key once, and of no other', async () => {
  const secrets = await startSecrets({ overlay: new Map(), accessKeyId: 'test' });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const endpoint = { secretsManagerUrl: secrets.url, region: 'us-east-1', credentials };
  const call = callSecretsManager(endpoint, 10_000);
  const writer = makeSecretWriter(call, 'test');
  const store = makeKeyStore(tables.call, TABLE_NAMES);
  const names = ['gone', 'in-force', 'later', 'no-secret'] as const;
  for (const name of names) {
    const id = keyIdOf(name);
    const hash = asKeyHash(name.padEnd(43, '_'));
    const disabled = name !== 'in-force';
    await store.create({ ...SERVER_RECORD, id, name, keyHash: hash, disabled });
    if (name !== 'no-secret') await writer.createKeySecret(id, '1', 'sk-hp-1');
    const key = { keyId: id, account: SERVER_RECORD.account, keyName: name };
    const atMs = name === 'later' ? Date.now() + 60_000 : 1_000;
    await store.putEnding(key, { secret: { keyId: id }, atMs });
  }
  await writer.putJwtSecret(keyIdOf('gone'), '1', 'a-secret');

  const first = await runSweep(tables.url, 300_000, [], secrets.url);
  const second = await runSweep(tables.url, 300_000, [], secrets.url);

  expect(first).toContainEqual({
    level: 'info',
    event: 'secrets of keys deleted',
    count: 2,
    detail: 'deleted 2, failed 0',
  });
  expect(second.map(({ event }) => event)).not.toContain('secrets of keys deleted');
  const hasSecret = (name: string, end = '') => secrets.has(`test/key/${keyIdOf(name)}${end}`);
  expect(['gone', 'in-force', 'later'].filter((name) => hasSecret(name))).toEqual([
    'in-force',
    'later',
  ]);
  expect(hasSecret('gone', '/jwt')).toBe(true);
  await secrets.close();
});

test('tries again to delete a secret that could not be deleted', async () => {
  const store = makeKeyStore(tables.call, TABLE_NAMES);
  const keyId = keyIdOf('unlucky');
  const { account } = SERVER_RECORD;
  await store.create({
    ...SERVER_RECORD,
    ...{
      id: keyId,
      name: 'unlucky',
      keyHash: asKeyHash('unlucky'.padEnd(43, '_')),
      disabled: true,
    },
  });
  const key = { keyId, account, keyName: 'unlucky' };
  await store.putEnding(key, { secret: { keyId }, atMs: 1_000 });
  const dead = 'http://127.0.0.1:9';

  for (const entries of [[], []] as LogEntry[][]) {
    await expect(runSweep(tables.url, 300_000, entries, dead)).rejects.toThrow();
    expect(entries).toContainEqual(
      expect.objectContaining({ level: 'warn', detail: 'deleted 0, failed 1' }),
    );
  }
  // Out of the index, for the other tests.
  await store.putEnding(key, { secret: { keyId }, atMs: Date.now() + 3_600_000 });
});

// guarantee: alarms-can-fire
test('warns when the table is out of reach, and fails, which an alarm counts', async () => {
  const entries: LogEntry[] = [];
  await expect(runSweep('http://127.0.0.1:9', 300_000, entries)).rejects.toThrow(
    'service_unavailable',
  );

  expect(entries).toEqual([
    {
      level: 'warn',
      event: 'sweep stopped early',
      count: 0,
      swept: 0,
      detail: 'wallets 0, holds swept 0, holds settled 0, failed 4',
    },
    {
      level: 'warn',
      event: 'rollups stopped early',
      count: 0,
      detail: 'days 0, rows 0, failed 1',
    },
  ]);
});
