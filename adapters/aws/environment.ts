/**
 * Reads the settings of a running function, once, from its environment variables.
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
  /** Undefined where the configuration has no sign-in. */
  readonly signInTable?: string | undefined;
  readonly secretPrefix: string;
  /** The default account id: `acct_` and a hash of the deployment's id. */
  readonly defaultAccount: string;
  readonly region: string;
  /** Valid for as long as the execution environment lives. */
  readonly credentials: AwsCredentials;
  readonly dynamodbUrl: string;
  readonly secretsManagerUrl: string;
  readonly snsUrl: string;
  /** Base URLs that replace a provider's own, by provider name. */
  readonly providerUrls: Readonly<Record<string, string>>;
  /** True lets issuers' key sets come from this machine. */
  readonly allowLocalIssuers: boolean;
  /** The gateway that metrics are counted for; undefined on this machine. */
  readonly gateway?: string | undefined;
}

/** The settings of a function's process and the deployment's configuration. */
export interface FunctionSettings {
  readonly environment: Environment;
  readonly config: Config;
  /** Returns the credentials that sign requests to providers such as Bedrock, if there are any. @default the role's */
  readonly findProviderCredentials?: () => AwsCredentials | undefined;
  /** Returns true for a provider whose key is known, or that needs none. @default those whose secrets have a value */
  readonly canAnswer?: (provider: string) => boolean;
  /** Returns the URL of a gateway on this machine, known once it listens. @default `signIn.publicUrl` is required */
  readonly findLocalUrl?: () => string;
  /** A call of AWS that takes longer counts as lost. @default what fits into the life of each function */
  readonly callTimeoutMs?: number;
}

/** Environment variables of a process. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Reads AWS credentials from their usual variables; undefined unless key id and secret are both set. */
export function findAwsCredentials({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_SESSION_TOKEN: sessionToken,
}: Variables): AwsCredentials | undefined {
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

const ACCOUNT_HASH_CHARS = 16;

/** Makes `acct_` and 16 letters of a hash, which do not reveal the AWS account. */
export const accountOfDeployment = (deployment: string): string =>
  `acct_${sha256(`account ${deployment}`).replaceAll(/[-_]/g, '').slice(0, ACCOUNT_HASH_CHARS)}`;

/** The variable that replaces the URL of one service. `AWS_ENDPOINT_URL` replaces those of all. */
const ENDPOINT_VARIABLES = {
  dynamodb: 'AWS_ENDPOINT_URL_DYNAMODB',
  secretsmanager: 'AWS_ENDPOINT_URL_SECRETS_MANAGER',
  sns: 'AWS_ENDPOINT_URL_SNS',
  sts: 'AWS_ENDPOINT_URL_STS',
} as const;

/** Services whose usual hosts in GovCloud are FIPS-validated, and have no others. */
const FIPS_IN_GOVCLOUD: readonly string[] = ['dynamodb', 'sns', 'sts'];

/**
 * Returns the URL of a service of AWS as its SDKs choose it: from the variables, else by region, with FIPS-validated
 * cryptography if `AWS_USE_FIPS_ENDPOINT` is `true`.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
export function awsUrl(
  service: keyof typeof ENDPOINT_VARIABLES,
  region: string,
  variables: Variables,
): string {
  const given = variables[ENDPOINT_VARIABLES[service]] || variables.AWS_ENDPOINT_URL;
  if (given) return given;
  const isUsualFips = region.startsWith('us-gov-') && FIPS_IN_GOVCLOUD.includes(service);
  const fips = variables.AWS_USE_FIPS_ENDPOINT === 'true' && !isUsualFips ? '-fips' : '';
  return `https://${service}${fips}.${region}.${suffixOf(region)}`;
}

/** Each partition has a domain of its own; GovCloud shares that of the standard one. */
function suffixOf(region: string): string {
  if (region.startsWith('cn-')) return 'amazonaws.com.cn';
  if (region.startsWith('eusc-')) return 'amazonaws.eu';
  return 'amazonaws.com';
}

/** @throws TypeError that names the missing variable */
export function readEnvironment(variables: Variables): Environment {
  const need = (name: string): string => {
    const value = variables[name];
    if (value === undefined || value === '')
      throw new TypeError(`environment variable "${name}" is not set`);
    return value;
  };
  const region = variables.AWS_REGION || variables.AWS_DEFAULT_REGION || need('AWS_REGION');
  return {
    keysTable: need(ENVIRONMENT.keysTable),
    walletsTable: need(ENVIRONMENT.walletsTable),
    usageTable: need(ENVIRONMENT.usageTable),
    signInTable: variables[ENVIRONMENT.signInTable] || undefined,
    secretPrefix: need(ENVIRONMENT.secretPrefix),
    defaultAccount: accountOfDeployment(need(ENVIRONMENT.deployment)),
    region,
    credentials: findAwsCredentials(variables) ?? {
      accessKeyId: need('AWS_ACCESS_KEY_ID'),
      secretAccessKey: need('AWS_SECRET_ACCESS_KEY'),
    },
    dynamodbUrl: awsUrl('dynamodb', region, variables),
    secretsManagerUrl: awsUrl('secretsmanager', region, variables),
    snsUrl: awsUrl('sns', region, variables),
    providerUrls: parseUrls(variables[ENVIRONMENT.providerUrls]),
    allowLocalIssuers: variables[ENVIRONMENT.localIssuers] === 'allow',
    gateway: variables[ENVIRONMENT.gateway],
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
