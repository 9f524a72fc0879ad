/**
 * The Lambda functions in this process, with the stack's timeouts.
 */
import type { FunctionSettings } from '../adapters/aws/environment.ts';
import { callDynamoDb, callSecretsManager } from '../adapters/aws/https-call.ts';
import { makeLog } from '../adapters/log.ts';
import { FUNCTION_SECONDS_MAX } from '../adapters/table-schema.ts';
import type { Log } from '../core/base/ports.ts';
import type { AlertChannel } from '../core/wallet/alerts/ports.ts';
import { makeAuthorizerHandler } from '../lambdas/authorizer.ts';
import { makeProxyHandler } from '../lambdas/proxy.ts';
import {
  type BufferedFunction,
  type Handler,
  installAwsLambda,
  makeBufferedFunction,
  makeStreamingFunction,
  type StreamingFunction,
} from './api-gateway/lambda.ts';

const timeoutOf = (name: keyof typeof FUNCTION_SECONDS_MAX) => ({
  timeoutMs: FUNCTION_SECONDS_MAX[name] * 1_000,
});

/** Loads a handler at its first request, as Lambda does: a start then reads less. */
function atFirstRequest(load: () => Promise<Handler>): Handler {
  let loaded: Promise<Handler> | undefined;
  return async (...args) => {
    loaded ??= load();
    return (await loaded)(...args);
  };
}

/** The functions behind the local API Gateway. */
export interface LocalFunctions {
  readonly authorizer: BufferedFunction;
  readonly proxy: StreamingFunction;
  readonly account: BufferedFunction;
  /** Absent where the configuration switches pages off. */
  readonly pages?: StreamingFunction | undefined;
  /** Absent where the configuration has no sign-in. */
  readonly signIn?: BufferedFunction | undefined;
  sweep(): Promise<void>;
}

/** Makes the functions as their Lambda entries do. */
export function makeFunctions(
  settings: FunctionSettings,
  log: Log = makeLog(),
  /** Channels of alerts beside those of the configuration. @default none */
  channels: readonly AlertChannel[] = [],
): LocalFunctions {
  installAwsLambda(); // The proxy's handler needs it when it is made.
  const calls = { callTables: callDynamoDb, callSecrets: callSecretsManager };
  const { config } = settings;
  const account = atFirstRequest(async () => {
    const { makeAccountHandler } = await import('../lambdas/account.ts');
    return makeAccountHandler(settings, log);
  });
  const pages = atFirstRequest(async () => {
    const { makePagesHandler } = await import('../lambdas/pages.ts');
    return makePagesHandler({ hasSignIn: config.signIn?.issuer !== undefined });
  });
  const signIn = atFirstRequest(async () => {
    const { makeSignInHandler } = await import('../lambdas/sign-in.ts');
    return makeSignInHandler(settings, log);
  });
  const sweep = atFirstRequest(async () => {
    const { makeSweepHandler } = await import('../lambdas/sweep.ts');
    return makeSweepHandler(settings, calls, log, channels);
  });
  const sweepFunction = makeBufferedFunction(sweep, timeoutOf('sweep'));
  return {
    authorizer: makeBufferedFunction(makeAuthorizerHandler(settings, log), timeoutOf('authorizer')),
    proxy: makeStreamingFunction(makeProxyHandler(settings, log), timeoutOf('proxy')),
    account: makeBufferedFunction(account, timeoutOf('account')),
    ...(config.pages && {
      pages: makeStreamingFunction(pages, timeoutOf('pages')),
    }),
    ...(config.signIn && {
      signIn: makeBufferedFunction(signIn, timeoutOf('signIn')),
    }),
    async sweep() {
      await sweepFunction.invoke({});
    },
  };
}
