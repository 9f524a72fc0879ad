import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AwsCall } from '../../../adapters/aws/aws-call.ts';
import { startDynamoDb } from '../../../local/dynamodb/server.ts';
import { createTables } from '../../../local/dynamodb/tables.ts';
import { makeTestCall, TABLE_NAMES } from '../../support/dynamodb.ts';

const ITEMS = Array.from({ length: 30 }, (_, index) => ({
  pk: { S: `k#u${String(index).padStart(2, '0')}` },
  of: { S: 'k' },
}));

let call: AwsCall;
let close: () => Promise<void>;
beforeEach(async () => {
  const server = await startDynamoDb({});
  ({ close } = server);
  call = makeTestCall(server.url);
  // A table of the version before: it has no index by key.
  await call('CreateTable', {
    TableName: 'wallets',
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
  });
  while (!JSON.stringify(await call('DescribeTable', { TableName: 'wallets' })).includes('ACTIVE'));
  for (const Item of ITEMS) await call('PutItem', { TableName: 'wallets', Item });
});
afterEach(() => close());

const findListed = async () => {
  const { Items } = await call('Query', {
    TableName: 'wallets',
    IndexName: 'byKey',
    KeyConditionExpression: '#of = :k',
    ExpressionAttributeNames: { '#of': 'of' },
    ExpressionAttributeValues: { ':k': { S: 'k' } },
  });
  return Items;
};

/** A process that ends at a call: it makes no other one, and those on their way arrive. */
function endingAt(count: number): { readonly call: AwsCall; arrived(): Promise<unknown> } {
  const sent: Promise<unknown>[] = [];
  return {
    call(operation, input) {
      if (sent.length + 1 >= count) throw new Error('the process ended');
      const answer = call(operation, input);
      sent.push(answer.catch(() => undefined));
      return answer;
    },
    arrived: () => Promise.all(sent),
  };
}

test('a table of the version before gets its new index, with all items', async () => {
  await createTables(call, TABLE_NAMES);

  expect(await findListed()).toEqual(ITEMS);
  expect((await call('ListTables', {})).TableNames).toEqual([
    'keys',
    'sign-in',
    'usage',
    'wallets',
  ]);
});

test('a start that ends at any call is made good by the next', async () => {
  for (let count = 5; count < 90; count += 12) {
    const process = endingAt(count);
    await createTables(process.call, TABLE_NAMES).catch(() => undefined);
    await process.arrived();
  }
  await createTables(call, TABLE_NAMES);

  expect(await findListed()).toEqual(ITEMS);
  expect((await call('ListTables', {})).TableNames).toEqual([
    'keys',
    'sign-in',
    'usage',
    'wallets',
  ]);
});

test('a start that ends while the old table is being deleted is made good by the next', async () => {
  let deleted: unknown;
  const ending: AwsCall = async (operation, input) => {
    if (deleted !== undefined) throw new Error('the process ended');
    const answer = await call(operation, input);
    if (operation === 'DeleteTable' && JSON.stringify(input).includes('"wallets"'))
      deleted = answer;
    return answer;
  };
  await expect(createTables(ending, TABLE_NAMES)).rejects.toThrow('the process ended');
  const { TableDescription } = deleted as { TableDescription: object };

  // A table stays in this state until its server removes it.
  let isRemoved = false;
  await createTables(async (operation, input) => {
    const isWallets = JSON.stringify(input).includes('"wallets"');
    if (isWallets && operation === 'DeleteTable') isRemoved = true;
    if (isWallets && operation === 'DescribeTable' && !isRemoved) {
      return { Table: TableDescription };
    }
    return call(operation, input);
  }, TABLE_NAMES);

  expect(await findListed()).toEqual(ITEMS);
});
