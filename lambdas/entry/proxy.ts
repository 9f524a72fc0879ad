import { readEnvironment } from '../../adapters/environment.ts';
import { config } from '../../hallpass.config.ts';
import { makeProxyHandler } from '../proxy.ts';

export const handler = makeProxyHandler({ environment: readEnvironment(process.env), config });
