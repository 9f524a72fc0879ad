import { readEnvironment } from '../../adapters/aws/environment.ts';
import { config } from '../../hallpass.config.ts';
import { makeAuthorizerHandler } from '../authorizer.ts';

export const handler = makeAuthorizerHandler({ environment: readEnvironment(process.env), config });
