/**
 * The settings of a running function, read once from its environment variables.
 */

import { sha256 } from '../../core/base/ids.ts';
import type { Config } from '../../core/config.ts';
import { ENVIRONMENT } from '../table-schema.ts';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface Environment {
  readonly keysTable: string;
  readonly walletsTable: string;
  readonly usageTable: string;
  readonly secretPrefix: string;
  /** The default account id: `acct_` and a hash of the deployment's id. */
  readonly defaultAccount: string;
  readonly region: string;
  /** Live as long as the execution environment does. */
  readonly credentials: AwsCredentials;
  readonly dynamodbUrl: string;
  readonly secretsManagerUrl: string;
  /** Provider name to a base URL that replaces its own. */
  readonly providerUrls: Readonly<Record<string, string>>;
  /** Whether issuers' key sets may come from this machine. */
  readonly allowLocalIssuers: boolean;
}

/** What a function is composed of: the settings of its process and the deployment's configuration. */
export interface FunctionSettings {
  readonly environment: Environment;
  readonly config: Config;
  /** What requests to providers are signed with where that is asked; undefined: there is nothing. @default the role's */
  readonly findProviderCredentials?: () => AwsCredentials | undefined;
}

/** Variables as a process has them. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** The ordinary variables of AWS credentials; undefined when they are not both set. */
export function findAwsCredentials({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_SESSION_TOKEN: sessionToken,
}: Variables): AwsCredentials | undefined {
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

const ACCOUNT_HASH_CHARS = 16;

/** `acct_` and 16 letters of a hash: says nothing of the AWS account behind it. */
export const accountOfDeployment = (deployment: string): string =>
  `acct_${sha256(`account ${deployment}`).replaceAll(/[-_]/g, '').slice(0, ACCOUNT_HASH_CHARS)}`;

/** @throws TypeError naming the variable that is missing */
export function readEnvironment(variables: Variables): Environment {
  const need = (name: string): string => {
    const value = variables[name];
    if (value === undefined || value === '')
      throw new TypeError(`environment variable "${name}" is not set`);
    return value;
  };
  const region = need('AWS_REGION');
  return {
    keysTable: need(ENVIRONMENT.keysTable),
    walletsTable: need(ENVIRONMENT.walletsTable),
    usageTable: need(ENVIRONMENT.usageTable),
    secretPrefix: need(ENVIRONMENT.secretPrefix),
    defaultAccount: accountOfDeployment(need(ENVIRONMENT.deployment)),
    region,
    credentials: findAwsCredentials(variables) ?? {
      accessKeyId: need('AWS_ACCESS_KEY_ID'),
      secretAccessKey: need('AWS_SECRET_ACCESS_KEY'),
    },
    dynamodbUrl: variables.AWS_ENDPOINT_URL_DYNAMODB ?? `https://dynamodb.${region}.amazonaws.com`,
    secretsManagerUrl:
      variables.AWS_ENDPOINT_URL_SECRETS_MANAGER ??
      `https://secretsmanager.${region}.amazonaws.com`,
    providerUrls: parseUrls(variables[ENVIRONMENT.providerUrls]),
    allowLocalIssuers: variables[ENVIRONMENT.localIssuers] === 'allow',
  };
}

function parseUrls(text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined || text === '') return {};
  const urls: Record<string, string> = {};
  for (const [name, url] of Object.entries(JSON.parse(text) as Record<string, unknown>)) {
    urls[name] = new URL(String(url)).href;
  }
  return urls;
}
