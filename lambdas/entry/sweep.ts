import { config } from '#config';
import { readEnvironment } from '../../adapters/aws/environment.ts';
import { callDynamoDbBySdk } from '../../adapters/aws/sdk-call.ts';
import { makeSweepHandler } from '../sweep.ts';

const environment = readEnvironment(process.env);

export const handler = makeSweepHandler({ environment, config }, callDynamoDbBySdk);
