import { config } from '#config';
import { readEnvironment } from '../../adapters/aws/environment.ts';
import { makeAuthorizerHandler } from '../authorizer.ts';

export const handler = makeAuthorizerHandler({ environment: readEnvironment(process.env), config });
