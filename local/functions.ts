/**
 * The Lambda functions in this process, with the stack's timeouts.
 */
import type { FunctionSettings } from '../adapters/aws/environment.ts';
import { callDynamoDb, callSecretsManager } from '../adapters/aws/https-call.ts';
import { makeLog } from '../adapters/log.ts';
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

const AUTHORIZER_TIMEOUT_MS = 10_000;
const ACCOUNT_TIMEOUT_MS = 30_000;
const PROXY_TIMEOUT_MS = 900_000;
const SWEEP_TIMEOUT_MS = 300_000;
const PAGES_TIMEOUT_MS = 10_000;
const SIGN_IN_TIMEOUT_MS = 25_000;

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
  const sweep = makeBufferedFunction(makeSweepHandler(settings, calls, log, channels), {
    timeoutMs: SWEEP_TIMEOUT_MS,
  });
  return {
    authorizer: makeBufferedFunction(makeAuthorizerHandler(settings, log), {
      timeoutMs: AUTHORIZER_TIMEOUT_MS,
    }),
    proxy: makeStreamingFunction(makeProxyHandler(settings, log), { timeoutMs: PROXY_TIMEOUT_MS }),
    account: makeBufferedFunction(makeAccountHandler(settings, log), {
      timeoutMs: ACCOUNT_TIMEOUT_MS,
    }),
    ...(settings.config.pages && {
      pages: makeStreamingFunction(
        makePagesHandler({ hasSignIn: settings.config.signIn?.issuer !== undefined }),
        { timeoutMs: PAGES_TIMEOUT_MS },
      ),
    }),
    ...(settings.config.signIn && {
      signIn: makeBufferedFunction(makeSignInHandler(settings, log), {
        timeoutMs: SIGN_IN_TIMEOUT_MS,
      }),
    }),
    async sweep() {
      await sweep.invoke({});
    },
  };
}
