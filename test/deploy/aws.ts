/**
 * Calls of AWS at the emulator: stacks, functions, and the clients of AWS's own.
 */
import { type Emulator, REGION } from './emulator.ts';
import { expectThat, type Life } from './tools.ts';

export interface Stack {
  readonly name: string;
  readonly outputs: Readonly<Record<string, string>>;
  /** The URL of the API's stage, as the emulator has it. */
  readonly root: string;
  /** The base URL of models, which ends in `/v1`. */
  readonly url: string;
  /** Returns the name of a resource by its logical id, with or without the hash at its end. */
  resource(id: string): string;
}

/** Reads a deployed stack. */
export async function readStack(
  { emulator, clients }: Pick<Life, 'emulator' | 'clients'>,
  name: string,
): Promise<Stack> {
  const { DescribeStacksCommand, DescribeStackResourcesCommand } = await import(
    '@aws-sdk/client-cloudformation'
  );
  const { Stacks: stacks = [] } = await clients.stacks.send(
    new DescribeStacksCommand({ StackName: name }),
  );
  const outputs = Object.fromEntries(
    (stacks[0]?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [
      OutputKey,
      OutputValue,
    ]),
  );
  const { StackResources: resources = [] } = await clients.stacks.send(
    new DescribeStackResourcesCommand({ StackName: name }),
  );
  const [, api, stage] =
    /^https:\/\/([^.]+)\.[^/]+\/([^/]+)\/v1$/.exec(outputs.BaseUrl ?? '') ?? [];
  const root = `${emulator.url}/restapis/${api}/${stage}/_user_request_`;
  return {
    name,
    outputs,
    root,
    url: `${root}/v1`,
    resource(id) {
      const form = new RegExp(`^${id}([0-9A-F]{8})?$`);
      const found = resources.find(({ LogicalResourceId: logicalId = '' }) => form.test(logicalId));
      expectThat(found?.PhysicalResourceId !== undefined, `${name} has no resource "${id}"`);
      return found.PhysicalResourceId;
    },
  };
}

/**
 * Calls a service that has no client here, and returns its answer. The emulator reads the service and the account out of
 * the signature, and does not check it.
 */
export async function callAws(
  { emulator }: Life,
  service: string,
  path: string,
  init: RequestInit,
): Promise<string> {
  const { AWS_ACCESS_KEY_ID: id } = emulator.variables;
  const scope = `${id}/20261129/${REGION}/${service}/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`;
  const headers = { authorization, ...init.headers };
  const answer = await fetch(`${emulator.url}${path}`, { ...init, headers });
  const body = await answer.text();
  expectThat(answer.ok, `${service} ${path}: ${answer.status} ${body}`);
  return body;
}

/** Makes clients of AWS's own for the emulator. */
export async function makeClients({ variables, url }: Emulator): Promise<Life['clients']> {
  const { CloudFormationClient } = await import('@aws-sdk/client-cloudformation');
  const { DynamoDBClient } = await import('@aws-sdk/client-dynamodb');
  const { SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  const settings = {
    endpoint: url,
    region: REGION,
    credentials: {
      accessKeyId: variables.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: variables.AWS_SECRET_ACCESS_KEY ?? '',
    },
  };
  return {
    stacks: new CloudFormationClient(settings),
    tables: new DynamoDBClient(settings),
    secrets: new SecretsManagerClient(settings),
  };
}

interface FunctionChange {
  readonly timeoutSeconds?: number;
  /** Added to those that it has. */
  readonly variables: Readonly<Record<string, string>>;
}

/** Changes a function behind the back of its stack. Returns what undoes it. */
export async function changeFunction(
  life: Life,
  name: string,
  { timeoutSeconds, variables }: FunctionChange,
): Promise<() => Promise<unknown>> {
  const path = `/2015-03-31/functions/${name}/configuration`;
  const put = (settings: object) =>
    callAws(life, 'lambda', path, { method: 'PUT', body: JSON.stringify(settings) });
  const { Environment: environment, Timeout: timeout } = JSON.parse(
    await callAws(life, 'lambda', path, { method: 'GET' }),
  );
  await put({
    Timeout: timeoutSeconds ?? timeout,
    Environment: { Variables: { ...environment.Variables, ...variables } },
  });
  return () => put({ Timeout: timeout, Environment: environment });
}
