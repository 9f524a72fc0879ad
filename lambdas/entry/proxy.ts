import { readEnvironment } from '../../adapters/aws/environment.ts';
import { config } from '../../hallpass.config.ts';
import { makeProxyHandler } from '../proxy.ts';

export const handler = makeProxyHandler({ environment: readEnvironment(process.env), config });
