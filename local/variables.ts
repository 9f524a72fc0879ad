/**
 * Environment variables of the functions of a gateway on this machine, with the URLs of its tables and secrets.
 */
import { randomBytes } from 'node:crypto';
import type { Variables } from '../adapters/aws/environment.ts';
import { ENVIRONMENT } from '../adapters/table-schema.ts';

export const SECRET_PREFIX = 'hallpass/local';

/** A file in the data folder while a gateway runs: its URL, its process id, and these variables. */
export const ENDPOINT_FILE = 'endpoint.json';
const RANDOM_ID_BYTES = 20;

/** Makes the access key id of one run. Callers of its tables and secrets need it. */
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
  [ENVIRONMENT.signInTable]: 'hallpass-sign-in',
  [ENVIRONMENT.secretPrefix]: SECRET_PREFIX,
  [ENVIRONMENT.deployment]: parts.deployment,
  [ENVIRONMENT.localIssuers]: 'allow',
});
