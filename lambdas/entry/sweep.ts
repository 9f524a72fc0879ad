import { config } from '#config';
import { readEnvironment } from '../../adapters/aws/environment.ts';
import { callSecretsManager } from '../../adapters/aws/https-call.ts';
import { callDynamoDbBySdk } from '../../adapters/aws/sdk-call.ts';
import { makeSweepHandler } from '../sweep.ts';

const environment = readEnvironment(process.env);
// One secret is read or deleted now and then: the SDK's second client would be half as much code again.
const calls = { callTables: callDynamoDbBySdk, callSecrets: callSecretsManager };

export const handler = makeSweepHandler({ environment, config }, calls);
