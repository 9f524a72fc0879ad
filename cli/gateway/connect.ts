/**
 * Where a command works: the tables and secrets of a gateway, on this machine or deployed.
 */
import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { type AwsCall, callDynamoDb, callSecretsManager } from '../../adapters/aws/aws-call.ts';
import { findCallerIdentity } from '../../adapters/aws/caller-identity.ts';
import {
  type Environment,
  readEnvironment,
  type Variables,
} from '../../adapters/aws/environment.ts';
import { makeSecretWriter } from '../../adapters/aws/secrets-manager.ts';
import { makeKeyWriter } from '../../adapters/dynamodb/key-records.ts';
import { makeKeyStore } from '../../adapters/dynamodb/key-store.ts';
import { systemClock as clock, systemRandom } from '../../adapters/system.ts';
import type { KeyAdminPorts } from '../../core/keys/key-admin.ts';
import type { KeyStore } from '../../core/keys/ports.ts';
import { config } from '../../hallpass.config.ts';
import { CommandError } from '../failure.ts';
import { connectLocal } from './connect-local.ts';
import { connectStack } from './connect-stack.ts';

/** The flags that say where. */
export interface Place {
  readonly data?: string;
  readonly stack?: string;
  /** Who makes the change. */
  readonly as?: string;
}

export interface Gateway {
  readonly account: string;
  readonly environment: Environment;
  readonly dynamodb: AwsCall;
  readonly secretsManager: AwsCall;
  readonly keys: KeyStore;
}

const DEFAULT_DATA = '.hallpass';
/** A person waits for it. */
const CALL_TIMEOUT_MS = 20_000;

/**
 * Does something with the gateway of a place, and lets go of it whatever happens.
 * @param isNew whether a folder without a gateway's data becomes one
 * @throws CommandError when there is no gateway there, or it cannot be reached
 */
export async function withGateway<T>(
  place: Place,
  own: Variables,
  use: (gateway: Gateway) => Promise<T>,
  isNew = false,
): Promise<T> {
  if (place.stack !== undefined) {
    const { variables, account } = await connectStack(place.stack, own);
    const environment = readEnvironment(variables);
    return use(makeGateway(environment, account ?? environment.defaultAccount));
  }
  const { variables, close } = await connectLocal(place.data ?? DEFAULT_DATA, isNew);
  try {
    const environment = readEnvironment(variables);
    return await use(makeGateway(environment, config.account ?? environment.defaultAccount));
  } finally {
    await close();
  }
}

function makeGateway(environment: Environment, account: string): Gateway {
  const { keysTable } = environment;
  const dynamodb = callDynamoDb(environment, CALL_TIMEOUT_MS);
  const secretsManager = callSecretsManager(environment, CALL_TIMEOUT_MS);
  const keys = { ...makeKeyStore(dynamodb, keysTable), ...makeKeyWriter(dynamodb, keysTable) };
  return { account, environment, dynamodb, secretsManager, keys };
}

/** What changes of keys need, with who makes them. @throws CommandError when it cannot be told who that is */
export async function makeAdminPorts(
  { account, environment, secretsManager, keys }: Gateway,
  place: Place,
  own: Variables,
): Promise<KeyAdminPorts> {
  return {
    account,
    by: place.as ?? (place.stack === undefined ? localUser() : await awsIdentity(environment, own)),
    store: keys,
    vault: makeSecretWriter(secretsManager, environment.secretPrefix),
    clock,
    random: { uuid: systemRandom.uuid, bytes: (count) => randomBytes(count) },
    allowLoopback: environment.allowLocalIssuers,
  };
}

function localUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`; // A container's user need not have a name.
  }
}

async function awsIdentity({ region, credentials }: Environment, own: Variables): Promise<string> {
  const url = own.AWS_ENDPOINT_URL_STS ?? `https://sts.${region}.amazonaws.com`;
  const identity = await findCallerIdentity({ url, region, credentials });
  if (identity !== undefined) return identity;
  throw new CommandError('AWS does not say who you are; say it with --as');
}
