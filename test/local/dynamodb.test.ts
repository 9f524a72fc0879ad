import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { AwsCall } from '../../adapters/aws-call.ts';
import { startDynamoDb } from '../../local/dynamodb.ts';
import { createTables } from '../../local/tables.ts';
import { makeTestCall, TABLE_NAMES } from '../support/dynamodb.ts';

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function start(path?: string): Promise<AwsCall> {
  const database = await startDynamoDb(path === undefined ? {} : { path });
  endings.push(database.close);
  const call = makeTestCall(database.url);
  await createTables(call, TABLE_NAMES);
  return call;
}

const putOnce = (name: string): object => ({
  TableName: 'keys',
  Item: { pk: { S: 'a' }, name: { S: name } },
  ConditionExpression: 'attribute_not_exists(pk)',
  ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
});

test('answers a failed condition with the item it failed on, when asked to', async () => {
  const call = await start();
  await call('PutItem', putOnce('first'));

  const failure = { body: { Item: { pk: { S: 'a' }, name: { S: 'first' } } } };
  await expect(call('PutItem', putOnce('second'))).rejects.toMatchObject(failure);
  await expect(
    call('UpdateItem', {
      TableName: 'keys',
      Key: { pk: { S: 'a' } },
      UpdateExpression: 'SET n = :n',
      ConditionExpression: 'attribute_exists(n)',
      ExpressionAttributeValues: { ':n': { N: '1' } },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    }),
  ).rejects.toMatchObject(failure);
});

test('answers a failed condition without the item when it is not asked for', async () => {
  const call = await start();
  await call('PutItem', putOnce('first'));

  const { ReturnValuesOnConditionCheckFailure: _, ...silent } = { ...putOnce('second') } as Record<
    string,
    unknown
  >;
  const error = await call('PutItem', silent).catch((reason: { body: object }) => reason);

  expect(Object.keys(error.body as object)).not.toContain('Item');
});

test('makes the tables once, with the index of due wallets and the time to live of usage', async () => {
  const call = await start();
  await createTables(call, TABLE_NAMES);

  const wallets = await call('DescribeTable', { TableName: 'wallets' });
  expect(wallets.Table).toMatchObject({
    TableStatus: 'ACTIVE',
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    GlobalSecondaryIndexes: [
      {
        IndexName: 'due',
        Projection: { ProjectionType: 'KEYS_ONLY' },
        KeySchema: [
          { AttributeName: 'due', KeyType: 'HASH' },
          { AttributeName: 'dueAt', KeyType: 'RANGE' },
        ],
      },
    ],
  });
  expect(await call('DescribeTimeToLive', { TableName: 'usage' })).toEqual({
    TimeToLiveDescription: { TimeToLiveStatus: 'ENABLED', AttributeName: 'expiresAtSeconds' },
  });
  expect(await call('DescribeTimeToLive', { TableName: 'keys' })).toEqual({
    TimeToLiveDescription: { TimeToLiveStatus: 'DISABLED' },
  });
});

test('keeps its items on disk from one start to the next', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hallpass-'));
  endings.push(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'tables');
  const first = await start(path);
  await first('PutItem', putOnce('kept'));
  await endings.pop()?.();

  const second = await start(path);

  const answer = await second('GetItem', { TableName: 'keys', Key: { pk: { S: 'a' } } });
  expect(answer.Item).toEqual({ pk: { S: 'a' }, name: { S: 'kept' } });
});
