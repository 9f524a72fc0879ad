/**
 * Tables and secrets on loopback for the functions under test, with a server key `course` in them.
 */
import type { APIGatewayRequestAuthorizerEvent, Context } from 'aws-lambda';
import type { FunctionSettings } from '../../adapters/aws/environment.ts';
import { callSecretsManager } from '../../adapters/aws/https-call.ts';
import { makeSecretWriter } from '../../adapters/aws/secrets-manager.ts';
import { makeKeyStore } from '../../adapters/dynamodb/key-store.ts';
import { defineConfig } from '../../core/config.ts';
import { startSecrets } from '../../local/secrets/server.ts';
import { startTables, TABLE_NAMES } from './dynamodb.ts';
import { ACCOUNT, KEY, SERVER_RECORD } from './memory-keys.ts';

const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

export interface TestFunctions {
  readonly settings: FunctionSettings;
  close(): Promise<void>;
}

export async function startFunctionSettings(): Promise<TestFunctions> {
  const tables = await startTables();
  const secrets = await startSecrets({ overlay: new Map(), accessKeyId: 'test' });
  const endpoint = {
    secretsManagerUrl: secrets.url,
    region: 'us-east-1',
    credentials: CREDENTIALS,
  };
  const secretsCall = callSecretsManager(endpoint, 10_000);
  await makeSecretWriter(secretsCall, 'hallpass').createKeySecret(SERVER_RECORD.id, '2', KEY);
  await makeKeyStore(tables.call, TABLE_NAMES).create(SERVER_RECORD);
  const environment = {
    ...TABLE_NAMES,
    secretPrefix: 'hallpass',
    defaultAccount: 'acct_unused',
    region: 'us-east-1',
    credentials: CREDENTIALS,
    dynamodbUrl: tables.url,
    secretsManagerUrl: secrets.url,
    snsUrl: secrets.url,
    allowLocalIssuers: false,
    providerUrls: {},
  };
  const config = defineConfig({ account: ACCOUNT, providers: {} });
  return {
    settings: { environment, config },
    async close() {
      await tables.close();
      await secrets.close();
    },
  };
}

/** The settings with both outsides on a port where nothing listens. */
export const unreachable = ({ environment, config }: FunctionSettings): FunctionSettings => ({
  config,
  environment: {
    ...environment,
    dynamodbUrl: 'http://127.0.0.1:1',
    secretsManagerUrl: 'http://127.0.0.1:1',
  },
});

let calls = 0;

/** Each call has an id of its own. */
export const CONTEXT = {
  getRemainingTimeInMillis: () => 10_000,
  get awsRequestId() {
    calls += 1;
    return `00000000-0000-4000-8000-${String(calls).padStart(12, '0')}`;
  },
} as unknown as Context;

export const authorizerEvent = (
  headers: Readonly<Record<string, readonly string[]>>,
): APIGatewayRequestAuthorizerEvent =>
  ({
    type: 'REQUEST',
    methodArn: 'arn:aws:execute-api:us-east-1:000000000000:api1/prod/GET/v1/key',
    multiValueHeaders: headers,
  }) as unknown as APIGatewayRequestAuthorizerEvent;
