import { callDynamoDb, callSecretsManager } from '../../adapters/aws/https-call.ts';
import { callDynamoDbBySdk, callSecretsManagerBySdk } from '../../adapters/aws/sdk-call.ts';
import { describeAwsCalls } from './aws-call.contract.ts';

describeAwsCalls('over node:https', {
  dynamodb: callDynamoDb,
  secretsManager: callSecretsManager,
});

describeAwsCalls('by the SDK', {
  dynamodb: callDynamoDbBySdk,
  secretsManager: callSecretsManagerBySdk,
});
