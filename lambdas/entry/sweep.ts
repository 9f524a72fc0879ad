import { readEnvironment } from '../../adapters/aws/environment.ts';
import { config } from '../../hallpass.config.ts';
import { makeSweepHandler } from '../sweep.ts';

export const handler = makeSweepHandler({ environment: readEnvironment(process.env), config });
