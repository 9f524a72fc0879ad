/**
 * Finds a deployed gateway by its stack's outputs. Credentials and region come from the same places as the AWS command
 * line's: variables, profiles, single sign-on.
 */
import type { AwsCredentials, Variables } from '../../adapters/aws/environment.ts';
import { CONFIG_METADATA, ENVIRONMENT } from '../../adapters/table-schema.ts';
import { type Config, type ConfigInput, defineConfig } from '../../core/config.ts';
import { CommandError } from '../failure.ts';

/** The way to a deployed gateway. */
export interface StackConnection {
  /** The variables that its functions have, with the operator's credentials of now. */
  readonly variables: Variables;
  /** The configuration it was deployed with. */
  readonly config: Config;
  /** The ARN of the key that encrypts its secrets. @default AWS's own */
  readonly encryptionKey: string | undefined;
  /** Returns the operator's credentials, renewed where they have expired. */
  readonly findCredentials: () => Promise<AwsCredentials>;
}

/** Outputs of the stack, by the variable in which its functions have them. */
const OUTPUTS = {
  [ENVIRONMENT.keysTable]: 'KeysTable',
  [ENVIRONMENT.walletsTable]: 'WalletsTable',
  [ENVIRONMENT.usageTable]: 'UsageTable',
  [ENVIRONMENT.secretPrefix]: 'SecretPrefix',
  [ENVIRONMENT.deployment]: 'Deployment',
} as const;

/** @throws CommandError when AWS refuses, or the stack is not a gateway's */
export async function connectStack(name: string, own: Variables): Promise<StackConnection> {
  const { CloudFormationClient, DescribeStacksCommand, GetTemplateCommand } = await import(
    '@aws-sdk/client-cloudformation'
  );
  // The SDK for JavaScript does not read this variable, which all other tools of AWS do.
  const region = own.AWS_REGION || own.AWS_DEFAULT_REGION;
  const client = new CloudFormationClient(region ? { region } : {});
  try {
    const { Stacks: stacks = [] } = await client.send(
      new DescribeStacksCommand({ StackName: name }),
    );
    const outputs = new Map(
      (stacks[0]?.Outputs ?? []).map(({ OutputKey: key, OutputValue: value }) => [key, value]),
    );
    const { accessKeyId, secretAccessKey, sessionToken } = await client.config.credentials();
    const variables: Variables = {
      [ENVIRONMENT.signInTable]: outputs.get('SignInTable'),
      AWS_REGION: await client.config.region(),
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
      AWS_ENDPOINT_URL: own.AWS_ENDPOINT_URL,
      AWS_USE_FIPS_ENDPOINT: own.AWS_USE_FIPS_ENDPOINT,
      AWS_ENDPOINT_URL_DYNAMODB: own.AWS_ENDPOINT_URL_DYNAMODB,
      AWS_ENDPOINT_URL_SECRETS_MANAGER: own.AWS_ENDPOINT_URL_SECRETS_MANAGER,
      ...Object.fromEntries(
        Object.entries(OUTPUTS).map(([variable, output]) => [variable, outputs.get(output)]),
      ),
    };
    const missing = Object.values(OUTPUTS).find((output) => outputs.get(output) === undefined);
    if (missing !== undefined) {
      throw new CommandError(`it has no output "${missing}", so it is not a gateway's stack`);
    }
    const template = await client.send(new GetTemplateCommand({ StackName: name }));
    return {
      variables,
      config: parseTemplateConfig(template.TemplateBody),
      encryptionKey: outputs.get('EncryptionKey'),
      findCredentials: () => client.config.credentials(),
    };
  } catch (error) {
    throw new CommandError(`the stack "${name}" cannot be used: ${wordsOf(error)}`);
  } finally {
    client.destroy();
  }
}

/** Reads the configuration from the template's metadata: an output has no room for it, a parameter would be one more cost. */
function parseTemplateConfig(template = ''): Config {
  const input = Object(parseTemplate(template)).Metadata?.[CONFIG_METADATA];
  if (input === undefined) {
    throw new CommandError(
      `its template has no "${CONFIG_METADATA}" in its metadata; deploy it again with this version`,
    );
  }
  return defineConfig(input as ConfigInput);
}

function parseTemplate(template: string): unknown {
  try {
    return JSON.parse(template);
  } catch {
    throw new CommandError('its template is not JSON, which CDK deploys');
  }
}

function wordsOf(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  return error instanceof Error ? `${error.message} (${error.name})` : 'AWS gave no reason';
}
