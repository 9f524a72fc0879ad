import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startDynamoDbThread } from '../../../local/dynamodb/thread.ts';
import { send } from '../../support/http-client.ts';

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hallpass-tables-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'tables');
}

const listTables = (url: string) =>
  send(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'DynamoDB_20120810.ListTables',
      authorization:
        'AWS4-HMAC-SHA256 Credential=of-this-run/20261120/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
      'x-amz-date': '20261120T000000Z',
    },
    body: '{}',
  });

test('tables in a thread answer calls signed with their access key id, until they are closed', async () => {
  const tables = await startDynamoDbThread({ accessKeyId: 'of-this-run' });
  expect(await listTables(tables.url)).toMatchObject({ status: 200, text: '{"TableNames":[]}' });
  await tables.close();
  await expect(listTables(tables.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('a folder is open in one thread at a time, and again after it is closed', async () => {
  const path = await makeFolder();
  const first = await startDynamoDbThread({ path });
  await expect(startDynamoDbThread({ path })).rejects.toMatchObject({
    cause: { code: 'LEVEL_LOCKED' },
  });
  await first.close();
  const second = await startDynamoDbThread({ path });
  await second.close();
});

test('a thread that ended while this one was busy is an error, not a wait without end', async () => {
  const path = await makeFolder();
  const first = await startDynamoDbThread({ path });
  const second = startDynamoDbThread({ path });
  // Its message and its end then arrive in one turn.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
  await expect(second).rejects.toMatchObject({ cause: { code: 'LEVEL_LOCKED' } });
  await first.close();
});
