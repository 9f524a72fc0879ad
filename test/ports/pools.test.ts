import { makeWallets } from '../../adapters/dynamodb/wallets.ts';
import { startTables, TABLE_NAMES } from '../support/dynamodb.ts';
import { makeMemoryWallets } from '../support/memory-wallets.ts';
import { describePools } from './pools.contract.ts';

describePools('in memory', async () => ({ wallets: makeMemoryWallets(), close: () => undefined }));

describePools('in DynamoDB', async () => {
  const { call, close } = await startTables();
  return { wallets: makeWallets(call, TABLE_NAMES.walletsTable), close };
});
