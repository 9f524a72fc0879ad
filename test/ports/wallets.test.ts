import { makePeople } from '../../adapters/dynamodb/people.ts';
import { makeWallets } from '../../adapters/dynamodb/wallets.ts';
import { startTables, TABLE_NAMES } from '../support/dynamodb.ts';
import { makeMemoryWallets } from '../support/memory-wallets.ts';
import { describeWallets } from './wallets.contract.ts';

describeWallets('in memory', async () => {
  const wallets = makeMemoryWallets();
  return {
    wallets,
    people: wallets.people,
    revokeToken: wallets.revokeToken,
    setNotBefore: wallets.setNotBefore,
    close: () => undefined,
  };
});

describeWallets('in DynamoDB', async () => {
  const { call, close } = await startTables();
  const mark = async (walletId: string, name: string, atMs: number): Promise<void> => {
    await call('UpdateItem', {
      TableName: TABLE_NAMES.walletsTable,
      Key: { pk: { S: walletId } },
      UpdateExpression: 'SET #name = :at',
      ExpressionAttributeNames: { '#name': name },
      ExpressionAttributeValues: { ':at': { N: String(atMs) } },
    });
  };
  return {
    wallets: makeWallets(call, TABLE_NAMES.walletsTable),
    people: makePeople(call, TABLE_NAMES.walletsTable),
    revokeToken: (walletId, tokenId) => mark(walletId, `revoked:${tokenId}`, 1),
    setNotBefore: (walletId, atMs) => mark(walletId, 'notBefore', atMs),
    close,
  };
});
