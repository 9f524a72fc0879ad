/**
 * Connects a command to the tables and secrets of a gateway, on this machine or deployed.
 */
import { userInfo } from 'node:os';
import { config } from '#config';
import type { AwsCall } from '../../adapters/aws/aws-call.ts';
import { findCallerIdentity } from '../../adapters/aws/caller-identity.ts';
import {
  awsUrl,
  type Environment,
  readEnvironment,
  type Variables,
} from '../../adapters/aws/environment.ts';
import { callDynamoDb, callSecretsManager } from '../../adapters/aws/https-call.ts';
import {
  makeSecrets,
  makeSecretWriter,
  type SecretWriter,
} from '../../adapters/aws/secrets-manager.ts';
import { makeKeyStore } from '../../adapters/dynamodb/key-store.ts';
import { makePeople } from '../../adapters/dynamodb/people.ts';
import { makeRollups } from '../../adapters/dynamodb/rollups.ts';
import { makeUsageRows } from '../../adapters/dynamodb/usage-rows.ts';
import { makeUserChanges } from '../../adapters/dynamodb/user-changes.ts';
import { makeWallets } from '../../adapters/dynamodb/wallets.ts';
import { systemClock as clock, systemRandom as random } from '../../adapters/system.ts';
import type { UserChanges } from '../../core/account/ports.ts';
import type { Secrets } from '../../core/base/ports.ts';
import type { Config } from '../../core/config.ts';
import { type KeyAdminPorts, requireKey } from '../../core/keys/key-admin.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import type { KeyStore } from '../../core/keys/ports.ts';
import type { ModelNames } from '../../core/models/policy.ts';
import type { Rollups, UsageReader } from '../../core/usage/ports.ts';
import type { People } from '../../core/wallet/people.ts';
import type { Wallets } from '../../core/wallet/ports.ts';
import { CommandError } from '../failure.ts';
import type { Terminal } from '../output.ts';
import { connectLocal } from './connect-local.ts';
import { connectStack } from './connect-stack.ts';

/** The flags that name a gateway. */
export interface GatewayPlace {
  readonly data?: string;
  readonly stack?: string;
  /** The name under which a change is recorded. @default the user of this machine, or of the AWS credentials */
  readonly as?: string;
}

export interface Gateway {
  readonly account: string;
  /** The configuration of the gateway: the stack's own, or this folder's for a gateway on this machine. */
  readonly config: Config;
  readonly environment: Environment;
  readonly dynamodb: AwsCall;
  readonly secretsManager: AwsCall;
  readonly keys: KeyStore;
  /** Reads the secrets of keys. */
  readonly secrets: Secrets;
  /** Writes secrets. */
  readonly vault: SecretWriter;
  /** The ARN of the key that encrypts its secrets. @default AWS's own, or none on this machine */
  readonly encryptionKey?: string | undefined;
  /** The names of its models. */
  readonly models: ModelNames;
  readonly wallets: Wallets;
  readonly people: People;
  readonly userChanges: UserChanges;
  readonly rollups: Rollups;
  readonly usage: UsageReader;
  /** Finds a key by its name. @throws invalid_request where there is none */
  requireKey(name: string): Promise<KeyRecord>;
}

const DEFAULT_DATA = '.hallpass';
/** A person waits for it. */
const CALL_TIMEOUT_MS = 20_000;

/**
 * Connects to a gateway, uses it, and closes the connection whatever happens.
 * @param isNew true makes a folder without a gateway's data into one
 * @throws CommandError when there is no gateway there, or it cannot be reached
 */
export async function withGateway<T>(
  place: GatewayPlace,
  { variables: own }: Pick<Terminal, 'variables'>,
  use: (gateway: Gateway) => Promise<T>,
  isNew = false,
): Promise<T> {
  if (place.stack !== undefined) return use(await makeStackGateway(place.stack, own));
  const { variables, close } = await connectLocal(place.data ?? DEFAULT_DATA, isNew);
  try {
    return await use(makeLocalGateway(readEnvironment(variables)));
  } finally {
    await close();
  }
}

/** Does the same for a change, with the name of who makes it. @throws CommandError when AWS gives no name */
export const withAdmin = <T>(
  place: GatewayPlace,
  terminal: Pick<Terminal, 'variables'>,
  use: (ports: KeyAdminPorts, gateway: Gateway) => Promise<T>,
  isNew = false,
): Promise<T> =>
  withGateway(
    place,
    terminal,
    async (gateway) => use(await makeAdminPorts(gateway, place, terminal.variables), gateway),
    isNew,
  );

async function makeStackGateway(stack: string, own: Variables): Promise<Gateway> {
  const {
    variables,
    config: deployed,
    encryptionKey,
    findCredentials,
  } = await connectStack(stack, own);
  const environment = readEnvironment(variables);
  // Loaded only here: the SDK takes a tenth of a second.
  const sdk = await import('../../adapters/aws/sdk-call.ts');
  const endpoint = { ...environment, credentials: findCredentials };
  return toGateway(environment, deployed, {
    dynamodb: sdk.callDynamoDbBySdk(endpoint, CALL_TIMEOUT_MS),
    secretsManager: sdk.callSecretsManagerBySdk(endpoint, CALL_TIMEOUT_MS),
    encryptionKey,
  });
}

const makeLocalGateway = (environment: Environment): Gateway =>
  toGateway(environment, config, {
    dynamodb: callDynamoDb(environment, CALL_TIMEOUT_MS),
    secretsManager: callSecretsManager(environment, CALL_TIMEOUT_MS),
  });

function toGateway(
  environment: Environment,
  settings: Config,
  reached: Pick<Gateway, 'dynamodb' | 'secretsManager' | 'encryptionKey'>,
): Gateway {
  const { dynamodb, secretsManager, encryptionKey } = reached;
  const { defaultAccount, secretPrefix, walletsTable, usageTable } = environment;
  const rollups = makeRollups(dynamodb, usageTable);
  const keys = makeKeyStore(dynamodb, environment);
  const account = settings.account ?? defaultAccount;
  return {
    account,
    config: settings,
    environment,
    ...reached,
    keys,
    secrets: makeSecrets(secretsManager, secretPrefix, clock),
    vault: makeSecretWriter(secretsManager, secretPrefix, encryptionKey),
    models: { config: settings, providerUrls: environment.providerUrls },
    wallets: makeWallets(dynamodb, walletsTable),
    people: makePeople(dynamodb, walletsTable),
    userChanges: makeUserChanges(dynamodb, usageTable),
    rollups,
    usage: {
      readRows: makeUsageRows(dynamodb, usageTable).readRows,
      readRollups: rollups.readRollups,
    },
    requireKey: (name) => requireKey(name, { account, store: keys }),
  };
}

async function makeAdminPorts(
  { account, environment, keys, vault }: Gateway,
  place: GatewayPlace,
  own: Variables,
): Promise<KeyAdminPorts> {
  return {
    account,
    by: place.as ?? (place.stack === undefined ? localUser() : await awsIdentity(environment, own)),
    store: keys,
    vault,
    clock,
    random,
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
  const url = awsUrl('sts', region, own);
  const identity = await findCallerIdentity({ url, region, credentials });
  if (identity !== undefined) return identity;
  throw new CommandError('AWS did not name the user of these credentials; name yourself with --as');
}
