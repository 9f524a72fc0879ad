import type { AwsCall } from '../../adapters/aws/aws-call.ts';
import { callDynamoDb } from '../../adapters/aws/https-call.ts';
import { startDynamoDb } from '../../local/dynamodb/server.ts';
import { createTables } from '../../local/dynamodb/tables.ts';

export const TABLE_NAMES = {
  keysTable: 'keys',
  walletsTable: 'wallets',
  usageTable: 'usage',
  signInTable: 'sign-in',
};

/** The variable with the address of a DynamoDB to use in place of the embedded one: `npm run test:dynamodb-local`. */
export const DYNAMODB_LOCAL_URL = 'HALLPASS_TEST_DYNAMODB_URL';

/** Long: on a busy machine the table server is slow and not down. */
const CALL_TIMEOUT_MS = 60_000;

/** A call to a table server on loopback. DynamoDB Local keeps the tables of each access key apart. */
export function makeTestCall(url: string, accessKeyId = 'test'): AwsCall {
  const credentials = { accessKeyId, secretAccessKey: 'test' };
  const call = callDynamoDb(
    { dynamodbUrl: url, region: 'us-east-1', credentials },
    CALL_TIMEOUT_MS,
  );
  // A settle gives its writes the rest of five seconds, and a busy machine may need more.
  return (operation, input) => call(operation, input);
}

/** Empty tables in memory and a call to them; `close` ends them. */
export async function startTables(): Promise<{
  call: AwsCall;
  url: string;
  close(): Promise<void>;
}> {
  const other = process.env[DYNAMODB_LOCAL_URL];
  const { url, close } =
    other === undefined ? await startDynamoDb({}) : { url: other, close: async () => {} };
  const call = makeTestCall(url, `test${process.pid}x${process.hrtime.bigint()}`);
  await createTables(call, TABLE_NAMES);
  return { call, url, close };
}
