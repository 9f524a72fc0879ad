import { randomBytes } from 'node:crypto';
import type { AwsCall } from '../../adapters/aws/aws-call.ts';
import { callDynamoDb } from '../../adapters/aws/https-call.ts';
import { startDynamoDb } from '../../local/dynamodb/server.ts';
import { createTables } from '../../local/dynamodb/tables.ts';

export const TABLE_NAMES = { keysTable: 'keys', walletsTable: 'wallets', usageTable: 'usage' };

/** Names the address of a DynamoDB that is to stand for the embedded one: `npm run test:dynamodb-local`. */
export const DYNAMODB_LOCAL_URL = 'HALLPASS_TEST_DYNAMODB_URL';

/** A table server that has just begun, on a machine with much else to do, is slow and not down. */
const CALL_TIMEOUT_MS = 60_000;

/** A call to a table server on loopback. DynamoDB Local keeps the tables of each access key apart. */
export const makeTestCall = (url: string, accessKeyId = 'test'): AwsCall =>
  callDynamoDb(
    {
      dynamodbUrl: url,
      region: 'us-east-1',
      credentials: { accessKeyId, secretAccessKey: 'test' },
    },
    CALL_TIMEOUT_MS,
  );

/** Empty tables in memory and a call to them; `close` ends them. */
export async function startTables(): Promise<{
  call: AwsCall;
  url: string;
  close(): Promise<void>;
}> {
  const other = process.env[DYNAMODB_LOCAL_URL];
  const { url, close } =
    other === undefined ? await startDynamoDb({}) : { url: other, close: async () => {} };
  const call = makeTestCall(url, `test${randomBytes(8).toString('hex')}`);
  await createTables(call, TABLE_NAMES);
  return { call, url, close };
}
