/**
 * Makes the tables of a local gateway by the schema of the stack's (adapters/table-schema.ts). Nothing expires here.
 */
import { type AwsCall, AwsCallError } from '../../adapters/aws/aws-call.ts';
import type { Environment } from '../../adapters/aws/environment.ts';
import {
  type IndexSchema,
  indexesOf,
  NUMERIC_KEYS,
  TABLES,
  type TableSchema,
} from '../../adapters/table-schema.ts';

/**
 * Makes the tables that do not exist yet, and waits until each is active. A table that was made before one of its indexes
 * is made anew with all of its items.
 */
export async function createTables(
  call: AwsCall,
  names: Pick<Environment, 'keysTable' | 'walletsTable' | 'usageTable' | 'signInTable'>,
): Promise<void> {
  const { keysTable, walletsTable, usageTable, signInTable } = names;
  await Promise.all([
    createTable(call, keysTable, TABLES.keys),
    createTable(call, walletsTable, TABLES.wallets),
    createTable(call, usageTable, TABLES.usage),
    signInTable === undefined ? undefined : createTable(call, signInTable, TABLES.signIn),
  ]);
}

async function createTable(call: AwsCall, name: string, schema: TableSchema): Promise<void> {
  const copy = `${name}.copy`;
  await endDeletion(call, name);
  await endDeletion(call, copy);
  if (await lacksAnIndex(call, name, schema)) {
    // Whatever a start that was interrupted has copied is copied again.
    await deleteTable(call, copy);
    await makeTable(call, copy, schema);
    await copyItems(call, name, copy);
    await deleteTable(call, name);
  }
  await makeTable(call, name, schema);
  // The copy is complete once the table that lacked an index is gone.
  if ((await describe(call, copy)) === undefined) return;
  await copyItems(call, copy, name);
  await deleteTable(call, copy);
}

async function makeTable(call: AwsCall, name: string, schema: TableSchema): Promise<void> {
  try {
    await call('CreateTable', toCreateTable(name, schema));
  } catch (error) {
    if (!(error instanceof AwsCallError && error.name === 'ResourceInUseException')) throw error;
  }
  await waitUntilActive(call, name);
}

/** The description of a table as text; undefined: there is no such table. */
async function describe(call: AwsCall, name: string): Promise<string | undefined> {
  try {
    return JSON.stringify(await call('DescribeTable', { TableName: name }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function lacksAnIndex(call: AwsCall, name: string, schema: TableSchema): Promise<boolean> {
  const description = await describe(call, name);
  if (description === undefined) return false;
  return indexesOf(schema).some((index) => !description.includes(`"IndexName":"${index.name}"`));
}

/** Ends a deletion that a former start began. A table that is being deleted has no items and no index any more. */
async function endDeletion(call: AwsCall, name: string): Promise<void> {
  if ((await describe(call, name))?.includes('"TableStatus":"DELETING"')) {
    await deleteTable(call, name);
  }
}

async function deleteTable(call: AwsCall, name: string): Promise<void> {
  try {
    await call('DeleteTable', { TableName: name });
  } catch (error) {
    if (isNotFound(error)) return;
    throw error;
  }
  for (let attempt = 0; attempt < ACTIVE_ATTEMPTS_MAX; attempt += 1) {
    if ((await describe(call, name)) === undefined) return;
  }
  throw new Error(`table "${name}" was not deleted`);
}

const isNotFound = (error: unknown): boolean =>
  error instanceof AwsCallError && error.name === 'ResourceNotFoundException';

/** A page of a scan is 1 MB, so this is some ten gigabytes. */
const PAGES_MAX = 10_000;

async function copyItems(call: AwsCall, from: string, to: string): Promise<void> {
  let start: object = {};
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { Items: items, LastEvaluatedKey: last } = await call('Scan', {
      TableName: from,
      ...start,
    });
    for (const item of Array.isArray(items) ? items : []) {
      await call('PutItem', { TableName: to, Item: item });
    }
    if (last === undefined) return;
    start = { ExclusiveStartKey: last };
  }
  throw new Error(`table "${from}" is too large to copy`);
}

const ACTIVE_ATTEMPTS_MAX = 1_000;

/** A local table is active within a few turns of the event loop, so it asks again without waiting. */
async function waitUntilActive(call: AwsCall, name: string): Promise<void> {
  for (let attempt = 0; attempt < ACTIVE_ATTEMPTS_MAX; attempt += 1) {
    const answer = await call('DescribeTable', { TableName: name });
    if (JSON.stringify(answer).includes('"TableStatus":"ACTIVE"')) return;
  }
  throw new Error(`table "${name}" did not become active`);
}

function toCreateTable(name: string, schema: TableSchema): object {
  const { partitionKey, sortKey } = schema;
  const indexes = indexesOf(schema);
  const keys = new Set([
    partitionKey,
    sortKey,
    ...indexes.flatMap((index) => [index.partitionKey, index.sortKey]),
  ]);
  return {
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [...keys]
      .filter((key) => key !== undefined)
      .map((key) => ({
        AttributeName: key,
        AttributeType: NUMERIC_KEYS.includes(key) ? 'N' : 'S',
      })),
    KeySchema: toKeySchema(partitionKey, sortKey),
    ...(indexes.length > 0 && { GlobalSecondaryIndexes: indexes.map(toIndex) }),
  };
}

const toIndex = ({ name, partitionKey, sortKey }: IndexSchema): object => ({
  IndexName: name,
  KeySchema: toKeySchema(partitionKey, sortKey),
  Projection: { ProjectionType: 'KEYS_ONLY' },
});

const toKeySchema = (partitionKey: string, sortKey: string | undefined): object[] => [
  { AttributeName: partitionKey, KeyType: 'HASH' },
  ...(sortKey === undefined ? [] : [{ AttributeName: sortKey, KeyType: 'RANGE' }]),
];
