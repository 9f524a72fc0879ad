import { config } from '#config';
import { readEnvironment } from '../../adapters/aws/environment.ts';
import { callDynamoDbBySdk, callSecretsManagerBySdk } from '../../adapters/aws/sdk-call.ts';
import { makeSweepHandler } from '../sweep.ts';

const environment = readEnvironment(process.env);
const calls = { callDynamoDb: callDynamoDbBySdk, callSecretsManager: callSecretsManagerBySdk };

export const handler = makeSweepHandler({ environment, config }, calls);
