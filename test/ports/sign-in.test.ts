import { makeSignInStore } from '../../adapters/dynamodb/sign-in-store.ts';
import { startTables } from '../support/dynamodb.ts';
import { makeMemorySignIn } from '../support/memory-sign-in.ts';
import { describeSignInStore } from './sign-in.contract.ts';

describeSignInStore('in memory', async () => ({ store: makeMemorySignIn(), close: () => {} }));

describeSignInStore('in DynamoDB', async () => {
  const { call, close } = await startTables();
  return { store: makeSignInStore(call, 'sign-in'), close };
});
