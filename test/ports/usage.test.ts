import { makeUsageRows } from '../../adapters/dynamodb/usage-rows.ts';
import { startTables, TABLE_NAMES } from '../support/dynamodb.ts';
import { makeMemoryUsage } from '../support/memory-usage.ts';
import { describeUsageRows } from './usage.contract.ts';

describeUsageRows('in memory', async () => ({ usage: makeMemoryUsage(), close: () => undefined }));

describeUsageRows('in DynamoDB', async () => {
  const { call, close } = await startTables();
  return { usage: makeUsageRows(call, TABLE_NAMES.usageTable), close };
});
