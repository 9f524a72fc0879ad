/**
 * What reaches the tables and secrets of a gateway on this machine: variables as a function's process has them.
 */
import { randomBytes } from 'node:crypto';
import type { Variables } from '../adapters/aws/environment.ts';
import { ENVIRONMENT } from '../adapters/table-schema.ts';

export const SECRET_PREFIX = 'hallpass/local';

/** In the data folder while a gateway runs on it: its URL, its process, and the variables that reach it. */
export const ENDPOINT_FILE = 'endpoint.json';
const RANDOM_ID_BYTES = 20;

/** An access key id of one run: the right to call what it started. */
export const makeAccessKeyId = (): string => randomBytes(RANDOM_ID_BYTES).toString('hex');

export interface LocalParts {
  readonly deployment: string;
  readonly accessKeyId: string;
  readonly dynamodbUrl: string;
  readonly secretsManagerUrl: string;
}

export const makeVariables = (parts: LocalParts): Variables => ({
  AWS_REGION: 'local',
  AWS_ACCESS_KEY_ID: parts.accessKeyId,
  AWS_SECRET_ACCESS_KEY: randomBytes(RANDOM_ID_BYTES).toString('hex'),
  AWS_ENDPOINT_URL_DYNAMODB: parts.dynamodbUrl,
  AWS_ENDPOINT_URL_SECRETS_MANAGER: parts.secretsManagerUrl,
  [ENVIRONMENT.keysTable]: 'hallpass-keys',
  [ENVIRONMENT.walletsTable]: 'hallpass-wallets',
  [ENVIRONMENT.usageTable]: 'hallpass-usage',
  [ENVIRONMENT.secretPrefix]: SECRET_PREFIX,
  [ENVIRONMENT.deployment]: parts.deployment,
  [ENVIRONMENT.localIssuers]: 'allow',
});
