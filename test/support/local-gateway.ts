/**
 * The whole gateway in this process, in memory, on a port of its own, for tests and measurements.
 */

import { config as defaultConfig } from '#config';
import type { AwsCall } from '../../adapters/aws/aws-call.ts';
import {
  type Environment,
  type FunctionSettings,
  readEnvironment,
} from '../../adapters/aws/environment.ts';
import { callDynamoDb } from '../../adapters/aws/https-call.ts';
import { makeUsageRows } from '../../adapters/dynamodb/usage-rows.ts';
import { makeWallets } from '../../adapters/dynamodb/wallets.ts';
import type { Log } from '../../core/base/ports.ts';
import type { Config } from '../../core/config.ts';
import { signScopedToken } from '../../core/tokens/scoped-token.ts';
import type { UsageRows, Wallets } from '../../core/wallet/ports.ts';
import { makeFunctions } from '../../local/functions.ts';
import { type LocalGatewayOptions, startLocalGateway } from '../../local/gateway.ts';

export interface TestGatewayOptions
  extends Partial<Pick<LocalGatewayOptions, 'basePath' | 'data' | 'makeFunctions' | 'variables'>> {
  /** @default the one of this repository */
  readonly config?: Config;
  /** Provider name to the base URL of a server that takes its place. */
  readonly providerUrls?: Readonly<Record<string, string>>;
  /** A call of the tables that takes longer counts as lost. @default a minute: a busy machine loses none */
  readonly callTimeoutMs?: number;
}

interface KeyAnswer {
  readonly usage: number;
  readonly reserved: number;
  readonly user?: string;
  readonly limit?: number;
  readonly models?: readonly string[];
  readonly limits?: readonly object[];
}

export interface TestGateway {
  /** The base URL, which ends in `/v1`. */
  readonly url: string;
  readonly account: string;
  /** The demo key, its `kid`, and a demo token of 2 USD. */
  readonly key: string;
  readonly kid: string;
  readonly token: string;
  /** The demo client key, and the secret of its users' JWTs. */
  readonly clientKey: string;
  readonly clientJwtSecret: string;
  readonly environment: Environment;
  /** The functions' tables. */
  readonly tables: {
    readonly call: AwsCall;
    readonly wallets: Wallets;
    readonly usage: UsageRows;
    /** All items of a table, in DynamoDB's notation; up to 1 MB. */
    scan(table: 'keys' | 'wallets' | 'usage'): Promise<readonly Record<string, unknown>[]>;
  };
  /** Signs a scoped token with the demo key. @default `sub`, `iat` and `exp` (in an hour) as the gateway sets them */
  sign(claims?: Readonly<Record<string, unknown>>): string;
  /** Signs a token with a `jti` of its own: no other token shares its spend. */
  newToken(claims?: Readonly<Record<string, unknown>>): string;
  /** Returns what `/v1/key` answers to a credential. */
  aboutKey(credential: string): Promise<KeyAnswer>;
  sweep(): Promise<void>;
  close(graceMs?: number): Promise<void>;
}

/** The functions' log would fill the report of the tests. */
const SILENT: Log = { write: () => {} };
const makeSilent = (settings: FunctionSettings) => makeFunctions(settings, SILENT);
const CLOSE_GRACE_MS = 2_000;
const TOKEN_SECONDS = 3_600;
const PATIENT_MS = 60_000;

export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const { config = defaultConfig, providerUrls = {}, variables = {}, ...rest } = options;
  const { callTimeoutMs = PATIENT_MS, makeFunctions: make = makeSilent, ...more } = rest;
  const gateway = await startLocalGateway({
    config,
    providerUrls,
    variables,
    port: 0,
    host: '127.0.0.1',
    makeFunctions: (settings, given) => make({ ...settings, callTimeoutMs }, given),
    ...more,
  });
  const { url, account, key, kid, token, clientKey, sweep } = gateway;
  const environment = readEnvironment(gateway.variables);
  const { keysTable, walletsTable, usageTable } = environment;
  const names = { keys: keysTable, wallets: walletsTable, usage: usageTable };
  const call = callDynamoDb(environment, PATIENT_MS);
  const signer = { account, keyName: 'demo', key };
  let tokens = 0;
  const sign: TestGateway['sign'] = (claims = {}) => {
    const iat = Math.floor(Date.now() / 1000);
    return signScopedToken(signer, { sub: account, iat, exp: iat + TOKEN_SECONDS, ...claims });
  };
  return {
    url,
    account,
    key,
    kid,
    token,
    clientKey,
    clientJwtSecret: gateway.clientJwtSecret ?? '',
    environment,
    tables: {
      call,
      wallets: makeWallets(call, walletsTable),
      usage: makeUsageRows(call, usageTable),
      async scan(table) {
        const { Items: items } = await call('Scan', { TableName: names[table] });
        return Array.isArray(items) ? items : [];
      },
    },
    sign,
    newToken(claims = {}) {
      tokens += 1;
      return sign({ jti: `token-${tokens}`, ...claims });
    },
    async aboutKey(credential) {
      const response = await fetch(`${url}/key`, { headers: { 'x-api-key': credential } });
      const { data } = (await response.json()) as { data: KeyAnswer };
      return data;
    },
    sweep,
    close: (graceMs = CLOSE_GRACE_MS) => gateway.close(graceMs),
  };
}
