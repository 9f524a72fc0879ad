import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { AwsCall } from '../../../adapters/aws/aws-call.ts';
import { startDynamoDb } from '../../../local/dynamodb/server.ts';
import { createTables } from '../../../local/dynamodb/tables.ts';
import { makeTestCall, TABLE_NAMES } from '../../support/dynamodb.ts';

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

test('makes the tables once, with the indexes of wallets', async () => {
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
      {
        IndexName: 'slices',
        Projection: { ProjectionType: 'KEYS_ONLY' },
        KeySchema: [
          { AttributeName: 'slices', KeyType: 'HASH' },
          { AttributeName: 'pk', KeyType: 'RANGE' },
        ],
      },
      {
        IndexName: 'byKey',
        Projection: { ProjectionType: 'KEYS_ONLY' },
        KeySchema: [
          { AttributeName: 'of', KeyType: 'HASH' },
          { AttributeName: 'pk', KeyType: 'RANGE' },
        ],
      },
    ],
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

describe('a transaction', () => {
  const update = (pk: string, condition: string, more: object = {}): object => ({
    Update: {
      TableName: 'keys',
      Key: { pk: { S: pk } },
      UpdateExpression: 'SET n = if_not_exists(n, :zero) + :one',
      ConditionExpression: condition,
      ExpressionAttributeValues: { ':zero': { N: '0' }, ':one': { N: '1' } },
      ...more,
    },
  });
  const fresh = 'attribute_not_exists(n)';
  const transact = (call: AwsCall, ...items: object[]) =>
    call('TransactWriteItems', { TransactItems: items, ReturnConsumedCapacity: 'TOTAL' });
  const numberOf = async (call: AwsCall, pk: string): Promise<unknown> => {
    const { Item } = await call('GetItem', { TableName: 'keys', Key: { pk: { S: pk } } });
    return Item;
  };

  test('makes all its updates, at twice the units of each', async () => {
    const call = await start();

    const answer = await transact(call, update('a', fresh), update('b', fresh));

    expect(answer).toEqual({ ConsumedCapacity: [{ TableName: 'keys', CapacityUnits: 4 }] });
    expect(await numberOf(call, 'a')).toEqual({ pk: { S: 'a' }, n: { N: '1' } });
    expect(await numberOf(call, 'b')).toEqual({ pk: { S: 'b' }, n: { N: '1' } });
  });

  test('makes none when a condition fails, and says which, with the item when asked to', async () => {
    const call = await start();
    await transact(call, update('b', fresh));
    const all = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' };

    await expect(
      transact(call, update('a', fresh, all), update('b', fresh, all)),
    ).rejects.toMatchObject({
      name: 'TransactionCanceledException',
      status: 400,
      body: {
        CancellationReasons: [
          { Code: 'None' },
          { Code: 'ConditionalCheckFailed', Item: { pk: { S: 'b' }, n: { N: '1' } } },
        ],
      },
    });
    expect(await numberOf(call, 'a')).toBeUndefined();
  });

  test('makes none when an update cannot be made', async () => {
    const call = await start();
    const wrong = { UpdateExpression: 'SET n = m + :one + :zero' };
    await transact(call, update('a', fresh));

    await expect(
      transact(
        call,
        update('a', 'attribute_exists(n)'),
        update('c', fresh),
        update('b', fresh, wrong),
      ),
    ).rejects.toMatchObject({ name: 'ValidationException' });
    expect(await numberOf(call, 'a')).toMatchObject({ n: { N: '1' } });
    expect(await numberOf(call, 'c')).toBeUndefined();
  });

  test('of anything but updates breaks the connection', async () => {
    const call = await start();

    await expect(transact(call, { Delete: {} })).rejects.toMatchObject({ name: 'NetworkError' });
  });

  test('has no other write between its conditions and its updates', async () => {
    const call = await start();
    const below = 'attribute_not_exists(n) OR n < :ten';
    const values = { ':zero': { N: '0' }, ':one': { N: '1' }, ':ten': { N: '10' } };
    const item = (pk: string) => update(pk, below, { ExpressionAttributeValues: values });
    const [{ Update: plain }] = [item('a')] as [{ Update: object }];

    const outcomes = await Promise.allSettled([
      ...Array.from({ length: 10 }, () => transact(call, item('a'), item('b'))),
      ...Array.from({ length: 10 }, () => call('UpdateItem', plain)),
    ]);

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    expect(await numberOf(call, 'a')).toMatchObject({ n: { N: '10' } });
  });

  test('is cancelled by a conflict that a test injects', async () => {
    let isConflicting = true;
    const database = await startDynamoDb({ isConflicting: () => isConflicting });
    endings.push(database.close);
    const call = makeTestCall(database.url);
    await createTables(call, TABLE_NAMES);

    await expect(transact(call, update('a', fresh), update('b', fresh))).rejects.toMatchObject({
      body: { CancellationReasons: [{ Code: 'TransactionConflict' }, { Code: 'None' }] },
    });
    isConflicting = false;
    await transact(call, update('a', fresh), update('b', fresh));
    expect(await numberOf(call, 'b')).toMatchObject({ n: { N: '1' } });
  });
});
