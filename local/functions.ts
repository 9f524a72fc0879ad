/**
 * The Lambda functions in this process, with the stack's timeouts.
 */
import type { FunctionSettings } from '../adapters/aws/environment.ts';
import { callDynamoDb, callSecretsManager } from '../adapters/aws/https-call.ts';
import { makeLog } from '../adapters/log.ts';
import { FUNCTION_SECONDS_MAX } from '../adapters/table-schema.ts';
import type { Log } from '../core/base/ports.ts';
import type { AlertChannel } from '../core/wallet/alerts/ports.ts';
import { makeAccountHandler } from '../lambdas/account.ts';
import { makeAuthorizerHandler } from '../lambdas/authorizer.ts';
import { makePagesHandler } from '../lambdas/pages.ts';
import { makeProxyHandler } from '../lambdas/proxy.ts';
import { makeSignInHandler } from '../lambdas/sign-in.ts';
import { makeSweepHandler } from '../lambdas/sweep.ts';
import {
  type BufferedFunction,
  installAwsLambda,
  makeBufferedFunction,
  makeStreamingFunction,
  type StreamingFunction,
} from './api-gateway/lambda.ts';

const timeoutOf = (name: keyof typeof FUNCTION_SECONDS_MAX) => ({
  timeoutMs: FUNCTION_SECONDS_MAX[name] * 1_000,
});

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
  const sweepHandler = makeSweepHandler(settings, calls, log, channels);
  const sweep = makeBufferedFunction(sweepHandler, timeoutOf('sweep'));
  const { config } = settings;
  return {
    authorizer: makeBufferedFunction(makeAuthorizerHandler(settings, log), timeoutOf('authorizer')),
    proxy: makeStreamingFunction(makeProxyHandler(settings, log), timeoutOf('proxy')),
    account: makeBufferedFunction(makeAccountHandler(settings, log), timeoutOf('account')),
    ...(config.pages && {
      pages: makeStreamingFunction(
        makePagesHandler({ hasSignIn: config.signIn?.issuer !== undefined }),
        timeoutOf('pages'),
      ),
    }),
    ...(config.signIn && {
      signIn: makeBufferedFunction(makeSignInHandler(settings, log), timeoutOf('signIn')),
    }),
    async sweep() {
      await sweep.invoke({});
    },
  };
}
