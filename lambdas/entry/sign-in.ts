import { config } from '#config';
import { readEnvironment } from '../../adapters/aws/environment.ts';
import { makeSignInHandler } from '../sign-in.ts';

export const handler = makeSignInHandler({ environment: readEnvironment(process.env), config });
