/**
 * The authorizer: takes API Gateway's REQUEST authorizer event and answers a policy with a grant, a refusal or a denial.
 * In an outage it throws, which API Gateway answers with 503 (AUTHORIZER_FAILURE).
 */

import middy from '@middy/core';
import type { APIGatewayAuthorizerResult, APIGatewayRequestAuthorizerEvent } from 'aws-lambda';
import {
  readHeaders,
  readPath,
  readQuery,
  toAuthorizerResult,
} from '../adapters/api-gateway/events.ts';
import type { FunctionSettings } from '../adapters/aws/environment.ts';
import { callDynamoDb, callSecretsManager } from '../adapters/aws/https-call.ts';
import { makeSecrets } from '../adapters/aws/secrets-manager.ts';
import { makeKeyRecords } from '../adapters/dynamodb/key-records.ts';
import { makeKeySetFetch } from '../adapters/http/key-set-fetch.ts';
import { makeLog } from '../adapters/log.ts';
import { systemClock as clock } from '../adapters/system.ts';
import { type AuthorizePorts, authorize } from '../core/authorize.ts';
import { toGatewayError } from '../core/base/errors.ts';
import type { Log } from '../core/base/ports.ts';
import { makeKeySets } from '../core/jwt/issuer-keys.ts';
import { makeJwtKeys } from '../core/jwt/jwt-keys.ts';

/** A decision takes four calls at most, one after the other, and the function has 10 s. */
const CALL_TIMEOUT_MS = 2_000;

export function makeAuthorizerHandler(
  settings: FunctionSettings,
  log: Log = makeLog(undefined, settings.environment),
) {
  const ports = makePorts(settings);
  return middy<APIGatewayRequestAuthorizerEvent, APIGatewayAuthorizerResult>()
    .handler(async (event) => {
      const headers = readHeaders(event);
      const path = readPath(event);
      const route = { method: event.httpMethod, path, query: readQuery(event) };
      const authorization = await authorize({ headers, route }, ports);
      if (authorization.kind === 'denied') {
        const { code, detail } = authorization.error;
        log.write({ level: 'info', event: 'denied', code, detail });
      }
      return toAuthorizerResult(authorization, event.methodArn);
    })
    .onError((request) => {
      const { code, detail, cause } = toGatewayError(request.error);
      log.write({ level: 'error', event: 'authorizer failed', code, detail, cause });
      // The runtime logs a thrown error, so this one holds the code only.
      request.error = new Error(code);
    });
}

function makePorts(settings: FunctionSettings): AuthorizePorts {
  const { environment, config, callTimeoutMs = CALL_TIMEOUT_MS } = settings;
  const dynamodb = callDynamoDb(environment, callTimeoutMs);
  const secretsManager = callSecretsManager(environment, callTimeoutMs);
  const secrets = makeSecrets(secretsManager, environment.secretPrefix, clock);
  const fetchKeySet = makeKeySetFetch({ allowLocal: environment.allowLocalIssuers });
  return {
    account: config.account ?? environment.defaultAccount,
    allowedOrigins: config.allowedOrigins,
    keys: makeKeyRecords(dynamodb, environment.keysTable, clock),
    secrets,
    jwtKeys: makeJwtKeys(secrets, makeKeySets(fetchKeySet, clock)),
    clock,
  };
}
