/**
 * The sign-in function: open to anyone. It may read the records of keys and one secret of its own, and has a table of its own.
 */
import middy from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import { readRequestId } from '../adapters/api-gateway/events.ts';
import { readSignInRequest, toSignInResult } from '../adapters/api-gateway/sign-in-events.ts';
import type { FunctionSettings } from '../adapters/aws/environment.ts';
import { callDynamoDb, callSecretsManager } from '../adapters/aws/https-call.ts';
import { makeSignInSecrets } from '../adapters/aws/sign-in-secret.ts';
import { makeKeyRecords } from '../adapters/dynamodb/key-records.ts';
import { makeWalletMarks } from '../adapters/dynamodb/marks.ts';
import { makePeople } from '../adapters/dynamodb/people.ts';
import { makeSignInStore } from '../adapters/dynamodb/sign-in-store.ts';
import { makeWallets } from '../adapters/dynamodb/wallets.ts';
import { makeIdentityProvider } from '../adapters/http/identity-provider.ts';
import { makeKeySetFetch } from '../adapters/http/key-set-fetch.ts';
import { makeLog } from '../adapters/log.ts';
import { systemClock as clock, systemRandom as random } from '../adapters/system.ts';
import { GatewayError } from '../core/base/errors.ts';
import type { Log } from '../core/base/ports.ts';
import type { SignInConfig } from '../core/config.ts';
import { makeKeySets } from '../core/jwt/issuer-keys.ts';
import { makeJwtKeys } from '../core/jwt/jwt-keys.ts';
import { makePeopleOfKeys } from '../core/sign-in/people.ts';
import type { IdentityProvider, SignInPorts, SignInSecrets } from '../core/sign-in/ports.ts';
import { parseSignIn } from '../core/sign-in/settings.ts';
import { signIn } from '../core/sign-in.ts';

const CALL_TIMEOUT_MS = 3_000;

/** @throws TypeError if the configuration has no sign-in, or one that cannot be read */
export function makeSignInHandler(
  settings: FunctionSettings,
  log: Log = makeLog(undefined, settings.environment),
) {
  const ports = makePorts(settings, log);
  const findUrl = publicUrlOf(settings);
  return middy<APIGatewayProxyEvent, APIGatewayProxyResult>().handler(async (event, context) => {
    const request = readSignInRequest(event);
    const answer = await signIn(request, { ...ports, publicUrl: findUrl() });
    return toSignInResult(answer, readRequestId(context));
  });
}

/** Nothing is built from the Host header. */
function publicUrlOf({ config, findLocalUrl }: FunctionSettings): () => string {
  const url = config.signIn?.publicUrl;
  if (url !== undefined) return () => url;
  if (findLocalUrl !== undefined) return findLocalUrl;
  throw new TypeError('"signIn" must have a "publicUrl"');
}

function makePorts(
  { environment, config, callTimeoutMs = CALL_TIMEOUT_MS }: FunctionSettings,
  log: Log,
): Omit<SignInPorts, 'publicUrl'> {
  const { signIn: given } = config;
  if (given === undefined) throw new TypeError('the configuration has no "signIn"');
  const dynamodb = callDynamoDb(environment, callTimeoutMs);
  const secretsManager = callSecretsManager(environment, callTimeoutMs);
  const fetchKeySet = makeKeySetFetch({ allowLocal: environment.allowLocalIssuers });
  const secrets = makeSignInSecrets(secretsManager, environment.secretPrefix, clock);
  const account = config.account ?? environment.defaultAccount;
  const keys = makeKeyRecords(dynamodb, environment.keysTable, clock);
  return {
    account,
    settings: parseSignIn(given),
    providers: Object.keys(config.providers),
    keys,
    secrets,
    jwtKeys: makeJwtKeys(NO_SECRETS, makeKeySets(fetchKeySet, clock)),
    store: makeSignInStore(dynamodb, environment.signInTable ?? ''),
    provider: makeProvider(given, secrets, environment.allowLocalIssuers),
    people: makePeopleOfKeys({
      account,
      keys,
      wallets: makeWallets(dynamodb, environment.walletsTable),
      marks: makeWalletMarks(dynamodb, environment.walletsTable),
      people: makePeople(dynamodb, environment.walletsTable),
      clock,
      random,
    }),
    clock,
    random,
    log,
  };
}

function makeProvider(
  { issuer, clientId, clientSecret, scopes }: SignInConfig,
  secrets: SignInSecrets,
  allowLocal: boolean,
): IdentityProvider | undefined {
  if (issuer === undefined || clientId === undefined) return undefined;
  const findSecret =
    clientSecret === undefined ? undefined : () => secrets.findClientSecret(clientSecret);
  return makeIdentityProvider({ issuer, clientId, scopes, findSecret, allowLocal }, clock);
}

/** The shared secrets of client keys are no way in here. */
const NO_SECRETS = {
  readJwtSecret: () =>
    Promise.reject(
      new GatewayError('service_unavailable', { detail: 'sign-in has no such secret' }),
    ),
};
