import { type AwsCall, makeAwsCall } from '../../adapters/aws-call.ts';
import { startDynamoDb } from '../../local/dynamodb.ts';
import { createTables } from '../../local/tables.ts';

export const TABLE_NAMES = { keysTable: 'keys', walletsTable: 'wallets', usageTable: 'usage' };

/** A call to a table server on loopback. */
export const makeTestCall = (url: string): AwsCall =>
  makeAwsCall({
    url,
    service: 'dynamodb',
    targetPrefix: 'DynamoDB_20120810',
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    timeoutMs: 10_000,
  });

/** Empty tables in memory and a call to them; `close` ends them. */
export async function startTables(): Promise<{
  call: AwsCall;
  url: string;
  close(): Promise<void>;
}> {
  const { url, close } = await startDynamoDb({});
  const call = makeTestCall(url);
  await createTables(call, TABLE_NAMES);
  return { call, url, close };
}
