import { config } from '#config';
import { readEnvironment } from '../../adapters/aws/environment.ts';
import { makeAccountHandler } from '../account.ts';

export const handler = makeAccountHandler({ environment: readEnvironment(process.env), config });
