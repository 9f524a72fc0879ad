/**
 * Makes the tables of a local gateway by the schema of the stack's (adapters/table-schema.ts). Nothing expires here.
 */
import { type AwsCall, AwsCallError } from '../../adapters/aws/aws-call.ts';
import {
  type IndexSchema,
  indexesOf,
  NUMERIC_KEYS,
  TABLES,
  type TableSchema,
} from '../../adapters/table-schema.ts';

/** The names of the three tables. */
export interface TableNames {
  readonly keysTable: string;
  readonly walletsTable: string;
  readonly usageTable: string;
}

/** Makes the tables that do not exist yet, and waits until each is active. */
export async function createTables(call: AwsCall, names: TableNames): Promise<void> {
  await createTable(call, names.keysTable, TABLES.keys);
  await createTable(call, names.walletsTable, TABLES.wallets);
  await createTable(call, names.usageTable, TABLES.usage);
}

async function createTable(call: AwsCall, name: string, schema: TableSchema): Promise<void> {
  try {
    await call('CreateTable', toCreateTable(name, schema));
  } catch (error) {
    if (error instanceof AwsCallError && error.name === 'ResourceInUseException') return;
    throw error;
  }
  await waitUntilActive(call, name);
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
