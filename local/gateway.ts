/**
 * The whole gateway on this machine: tables, secrets, the Lambda functions, and an API Gateway in front of them.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Environment,
  type FunctionSettings,
  findAwsCredentials,
  readEnvironment,
  type Variables,
} from '../adapters/aws/environment.ts';
import { callDynamoDb, callSecretsManager } from '../adapters/aws/https-call.ts';
import { makeSecrets, makeSecretWriter } from '../adapters/aws/secrets-manager.ts';
import { makeSignInSecretWriter } from '../adapters/aws/sign-in-secret.ts';
import { makeKeyStore } from '../adapters/dynamodb/key-store.ts';
import { systemClock, systemRandom } from '../adapters/system.ts';
import {
  alertSecretName,
  ENVIRONMENT,
  FUNCTION_SECONDS_MAX,
  providerSecretName,
} from '../adapters/table-schema.ts';
import type { Log } from '../core/base/ports.ts';
import type { Config } from '../core/config.ts';
import { kidOf } from '../core/jwt/kid.ts';
import { findProvider, keyVariableOf } from '../core/providers/provider.ts';
import type { AlertChannel } from '../core/wallet/alerts/ports.ts';
import { startApiGateway } from './api-gateway/server.ts';
import { createTables } from './dynamodb/tables.ts';
import { startDynamoDbThread } from './dynamodb/thread.ts';
import type { LocalFunctions } from './functions.ts';
import { writeOwnerOnly } from './owner-only-file.ts';
import {
  makeDeployment,
  openDataFolder,
  provisionDemoClientKey,
  provisionDemoKey,
  provisionDemoSignInKey,
  requireSignInKeys,
  signDemoToken,
  withDemoSignIn,
} from './provision.ts';
import { startSecrets } from './secrets/server.ts';
import { ENDPOINT_FILE, makeAccessKeyId, makeVariables, SECRET_PREFIX } from './variables.ts';

const SETUP_CALL_TIMEOUT_MS = 10_000;

export interface LocalGatewayOptions {
  readonly config: Config;
  /** The folder that keeps the data. @default in memory */
  readonly data?: string;
  /** `0` for any free port. */
  readonly port: number;
  readonly host: string;
  /** The first part of every path. @default none */
  readonly basePath?: string | undefined;
  /** Provider name to a base URL that replaces its own. */
  readonly providerUrls: Readonly<Record<string, string>>;
  /**
   * The process's environment, with provider keys and AWS credentials. `AWS_ENDPOINT_URL_DYNAMODB` names a table server
   * to use in place of the embedded one.
   */
  readonly variables: Variables;
  /** Signs people in by a small identity provider on this machine, which believes every address. @default false */
  readonly demoLogin?: boolean;
  /** Called with errors outside any answer. @default they are ignored */
  readonly onFault?: (error: unknown) => void;
  /** The functions' log. @default their standard output */
  readonly log?: Log;
  /** Channels of alerts beside those of the configuration. @default none */
  readonly alertChannels?: readonly AlertChannel[];
  /** Makes the functions. @default handlers in this process */
  readonly makeFunctions?: (settings: FunctionSettings, variables: Variables) => LocalFunctions;
}

export interface LocalGateway {
  /** The base URL, which ends in `/v1`. */
  readonly url: string;
  readonly account: string;
  /** The demo key, its `kid`, and a demo token signed with it. */
  readonly key: string;
  readonly kid: string;
  readonly token: string;
  /** The demo client key, and the secret of its JWTs; null if the key has another verifier by now. */
  readonly clientKey: string;
  readonly clientJwtSecret: string | null;
  /** Names of the providers that have an API key or AWS credentials. */
  readonly providersWithKeys: readonly string[];
  /** The page where people sign in; null where the configuration has none. */
  readonly signInUrl: string | null;
  /** The functions' environment variables, with the URLs of its tables and secrets. */
  readonly variables: Variables;
  /** The number of requests whose function runs. */
  inFlight(): number;
  /** Runs the sweep, which also runs every five minutes. */
  sweep(): Promise<void>;
  /** Refuses new requests, waits at most `graceMs` for requests in flight to settle, then stops everything. */
  close(graceMs: number): Promise<void>;
}

/**
 * Starts the gateway. If one part fails, the parts before it are stopped.
 * @throws Error with the system's `code` if it cannot listen, or another one if the folder cannot be used
 */
export async function startLocalGateway(options: LocalGatewayOptions): Promise<LocalGateway> {
  const closers: (() => Promise<void>)[] = [];
  try {
    return await startParts(options, closers);
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

/** Closes the parts in the reverse order of their start. */
async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  for (const close of closers.toReversed()) await close();
}

async function startParts(
  options: LocalGatewayOptions,
  closers: (() => Promise<void>)[],
): Promise<LocalGateway> {
  const { data, port, host, basePath } = options;
  const config = options.demoLogin ? await startDemoLogin(options.config, closers) : options.config;
  const deployment = data === undefined ? makeDeployment() : await openDataFolder(data);
  const accessKeyId = makeAccessKeyId();
  // The thread of the tables starts while this one reads the functions.
  const [dynamodbUrl, { makeFunctions }] = await Promise.all([
    startTables(options, accessKeyId, closers),
    import('./functions.ts'),
  ]);
  const overlay = providerKeys(options);
  const secrets = await startSecrets({
    ...(data === undefined ? {} : { folder: join(data, 'secrets') }),
    overlay: overlayOf(overlay, options.variables),
    accessKeyId,
  });
  closers.push(secrets.close);
  const variables: Variables = {
    ...makeVariables({ deployment, accessKeyId, dynamodbUrl, secretsManagerUrl: secrets.url }),
    [ENVIRONMENT.providerUrls]: JSON.stringify(options.providerUrls),
  };
  const environment = readEnvironment(variables);
  const { demo, client } = await provision(environment, config, options.demoLogin === true);
  const { log, alertChannels } = options;
  const make = options.makeFunctions ?? ((each) => makeFunctions(each, log, alertChannels));
  // Credentials are not in `variables`, because those are written to a file.
  const findProviderCredentials = () => findAwsCredentials(options.variables);
  const canAnswer = (name: string): boolean => {
    const provider = findProvider(config, options.providerUrls, name);
    if (provider?.signing !== undefined) return findProviderCredentials() !== undefined;
    const secret = providerSecretName(SECRET_PREFIX, provider?.secret ?? name);
    return provider !== undefined && (!provider.keyRequired || secrets.has(secret));
  };
  let localUrl = '';
  const findLocalUrl = () => localUrl;
  const functions = make(
    { environment, config, findProviderCredentials, canAnswer, findLocalUrl },
    variables,
  );
  const gateway = await startApiGateway({
    ...functions,
    port,
    host,
    basePath,
    ...(options.onFault && { onFault: options.onFault }),
  });
  localUrl = `${gateway.url}${basePath === undefined ? '' : `/${basePath}`}`;
  const sweeping = sweepRegularly(functions.sweep, options.onFault);
  let graceMs = 0;
  closers.push(sweeping.end, () => gateway.close(graceMs));
  const url = `${localUrl}/v1`;
  if (data !== undefined) {
    const endpoint = JSON.stringify({ url, pid: process.pid, variables });
    await writeOwnerOnly(data, ENDPOINT_FILE, endpoint);
    closers.push(() => rm(join(data, ENDPOINT_FILE), { force: true }));
  }
  return {
    url,
    account: demo.account,
    key: demo.key,
    kid: kidOf(demo.account, demo.keyName),
    token: signDemoToken(demo, config, Date.now()),
    clientKey: client.key,
    clientJwtSecret: client.jwtSecret,
    providersWithKeys: providersWithKeys(config, overlay, findProviderCredentials() !== undefined),
    signInUrl: config.signIn?.issuer === undefined ? null : `${localUrl}/oauth/login`,
    variables,
    inFlight: gateway.inFlight,
    sweep: sweeping.now,
    async close(grace) {
      graceMs = grace;
      await closeAll(closers);
    },
  };
}

/** Starts the identity provider, and returns the configuration that trusts it. */
async function startDemoLogin(config: Config, closers: (() => Promise<void>)[]): Promise<Config> {
  const { startDemoProvider } = await import('./demo-provider.ts');
  const provider = await startDemoProvider();
  closers.push(provider.close);
  return withDemoSignIn(config, provider);
}

/** Starts the tables. Only one process can open a folder's tables; this throws in a second one. */
async function startTables(
  { data, variables }: LocalGatewayOptions,
  accessKeyId: string,
  closers: (() => Promise<void>)[],
): Promise<string> {
  const external = variables.AWS_ENDPOINT_URL_DYNAMODB;
  if (external !== undefined && external !== '') return external;
  const folder = data === undefined ? {} : { path: join(data, 'tables') };
  const tables = await startDynamoDbThread({ ...folder, accessKeyId });
  closers.push(tables.close);
  return tables.url;
}

/** Returns the provider keys in the process's environment, by the name of the secret that each replaces. */
function providerKeys({ config, variables }: LocalGatewayOptions): Map<string, string> {
  const keys = new Map<string, string>();
  for (const name of Object.keys(config.providers)) {
    const secret = findProvider(config, {}, name)?.secret;
    const key = variables[keyVariableOf(config, name)];
    if (secret !== undefined && key !== undefined && key !== '') keys.set(secret, key);
  }
  return keys;
}

/** The variable with the secret that signs alerts to a webhook. */
const ALERT_SECRET = 'HALLPASS_ALERT_SECRET';

/** Returns the secrets in the process's environment, by their names: they replace those of the folder. */
function overlayOf(
  keys: ReadonlyMap<string, string>,
  { [ALERT_SECRET]: alertSecret }: Variables,
): Map<string, string> {
  const overlay = new Map<string, string>();
  for (const [name, key] of keys) overlay.set(providerSecretName(SECRET_PREFIX, name), key);
  if (alertSecret) overlay.set(alertSecretName(SECRET_PREFIX), alertSecret);
  return overlay;
}

const providersWithKeys = (
  config: Config,
  keys: ReadonlyMap<string, string>,
  canSign: boolean,
): string[] =>
  Object.keys(config.providers).filter((name) => {
    const provider = findProvider(config, {}, name);
    return keys.has(provider?.secret ?? '') || (canSign && provider?.signing !== undefined);
  });

async function provision(environment: Environment, config: Config, demoLogin: boolean) {
  const { secretPrefix } = environment;
  const dynamodb = callDynamoDb(environment, SETUP_CALL_TIMEOUT_MS);
  const secretsManager = callSecretsManager(environment, SETUP_CALL_TIMEOUT_MS);
  await createTables(dynamodb, environment);
  const ports = {
    account: config.account ?? environment.defaultAccount,
    by: 'npm start',
    store: makeKeyStore(dynamodb, environment),
    secrets: makeSecrets(secretsManager, secretPrefix, systemClock),
    vault: makeSecretWriter(secretsManager, secretPrefix),
    clock: systemClock,
    random: systemRandom,
    allowLoopback: true,
  };
  const demo = await provisionDemoKey(config, ports);
  if (demoLogin) {
    const { keyName, key } = await provisionDemoSignInKey(config, ports);
    await makeSignInSecretWriter(secretsManager, secretPrefix).putKey(keyName, key);
  }
  await requireSignInKeys(config, ports);
  return { demo, client: await provisionDemoClientKey(config, ports) };
}

/** Runs the sweep every five minutes, one at a time. */
function sweepRegularly(sweep: () => Promise<void>, onFault?: (error: unknown) => void) {
  let running: Promise<void> = Promise.resolve();
  const now = (): Promise<void> => {
    running = running.then(sweep).catch((error: unknown) => onFault?.(error));
    return running;
  };
  const timer = setInterval(now, FUNCTION_SECONDS_MAX.sweep * 1_000);
  return {
    now,
    end: async () => {
      clearInterval(timer);
      await running;
    },
  };
}
