import { config } from '#config';
import { readEnvironment } from '../../adapters/aws/environment.ts';
import { makeProxyHandler } from '../proxy.ts';

export const handler = makeProxyHandler({ environment: readEnvironment(process.env), config });
