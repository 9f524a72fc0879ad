/**
 * The proxy: takes API Gateway's event and streams the provider's answer as it comes. Middy runs it in Lambda's
 * streaming mode; all rules are in core/serve.ts.
 */
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import middy from '@middy/core';
import { executionModeStreamifyResponse } from '@middy/core/StreamifyResponse';
import type { APIGatewayProxyEvent, Context } from 'aws-lambda';
import {
  answerHeaders,
  readGrant,
  readHttpRequest,
  readRequestId,
  type StreamedResult,
} from '../adapters/api-gateway/events.ts';
import { toEventStream } from '../adapters/api-gateway/response-stream.ts';
import type { AwsCall } from '../adapters/aws/aws-call.ts';
import type { FunctionSettings } from '../adapters/aws/environment.ts';
import { callDynamoDb, callSecretsManager } from '../adapters/aws/https-call.ts';
import { makeSecrets } from '../adapters/aws/secrets-manager.ts';
import { makeAlerts } from '../adapters/dynamodb/alert-marks.ts';
import { makePeople } from '../adapters/dynamodb/people.ts';
import { makeUsageRows } from '../adapters/dynamodb/usage-rows.ts';
import { makeWallets } from '../adapters/dynamodb/wallets.ts';
import { makeSignedUpstream } from '../adapters/http/signed-upstream.ts';
import { makeUpstream } from '../adapters/http/upstream.ts';
import { makeLog } from '../adapters/log.ts';
import { systemClock as clock, systemRandom as random, startAlarm } from '../adapters/system.ts';
import { GatewayError } from '../core/base/errors.ts';
import type { RequestId } from '../core/base/ids.ts';
import type { Log } from '../core/base/ports.ts';
import { findRoute } from '../core/dialects/routes.ts';
import { makeGatewayPrices } from '../core/models/gateway-prices.ts';
import { makeDemo } from '../core/providers/demo/demo.ts';
import type { ProxySettings } from '../core/proxy/call-plan.ts';
import { makeCountSlots } from '../core/proxy/count-input.ts';
import type { ProxyAnswer } from '../core/proxy/late-answer.ts';
import { makeModelFacts } from '../core/proxy/model-facts.ts';
import { type ProxyPorts, serve } from '../core/serve.ts';
import { type AlertWatch, makeAlertWatch } from '../core/wallet/alerts/watch.ts';
import { makeIntroductions } from '../core/wallet/introduce.ts';
import { refuse } from './refusal.ts';

/** Time of one call of the table or the secrets. */
const CALL_TIMEOUT_MS = 3_000;
/** Time for the settle, between the provider's deadline and the function's own. */
const SETTLE_RESERVE_MS = 5_000;
/** Time between the function's end and the lease's, longer than clocks differ. */
const LEASE_GRACE_MS = 60_000;

export function makeProxyHandler(
  settings: FunctionSettings,
  log: Log = makeLog(undefined, settings.environment),
) {
  const ports = makePorts(settings, log);
  const proxy = toProxySettings(settings);
  return middy<APIGatewayProxyEvent, StreamedResult>({
    executionMode: executionModeStreamifyResponse,
    timeoutEarlyInMillis: 0,
  }).handler(async (event: APIGatewayProxyEvent, context: Context) => {
    const requestId = readRequestId(context);
    try {
      const request = readHttpRequest(event);
      const { headers, body } = request;
      const grant = readGrant(event);
      const route = findRoute(request);
      if (route === undefined) throw new GatewayError('not_found');
      const endsAtMs = clock.nowMs() + context.getRemainingTimeInMillis();
      const deadlineAtMs = endsAtMs - SETTLE_RESERVE_MS;
      const leaseEndsAtMs = endsAtMs + LEASE_GRACE_MS;
      const call = { requestId, grant, route, headers, body, deadlineAtMs, leaseEndsAtMs };
      return toStreamedResult(await serve(call, proxy, ports), requestId, deadlineAtMs);
    } catch (error) {
      return refuse(error, event, { requestId, log });
    }
  });
}

function toStreamedResult(
  { status, headers, body }: ProxyAnswer,
  requestId: RequestId,
  deadlineAtMs: number,
): StreamedResult {
  return {
    statusCode: status,
    headers: { ...answerHeaders(requestId), ...headers },
    body: Buffer.isBuffer(body)
      ? toWholeBody(body)
      : toEventStream(body, { patienceMs: Math.max(0, deadlineAtMs - clock.nowMs()) }),
  };
}

/** Bytes that are not UTF-8 need a stream. */
const toWholeBody = (body: Buffer): Readable | string =>
  isUtf8(body) ? body.toString() : Readable.from([body]);

function toProxySettings({ environment, config }: FunctionSettings): ProxySettings {
  return {
    config,
    prices: makeGatewayPrices(config),
    providerUrls: environment.providerUrls,
  };
}

/** Makes what marks alerts; undefined where nobody would get them. This machine prints them. */
function makeWatch(
  { environment, config }: FunctionSettings,
  dynamodb: AwsCall,
): AlertWatch | undefined {
  const { at, webhook, topicArn } = config.alerts;
  const isSent = webhook !== undefined || topicArn !== undefined || environment.allowLocalIssuers;
  if (!isSent) return undefined;
  return makeAlertWatch(at, makeAlerts(dynamodb, environment.walletsTable), clock);
}

function makePorts(settings: FunctionSettings, log: Log): ProxyPorts {
  const { environment, callTimeoutMs = CALL_TIMEOUT_MS } = settings;
  const { findProviderCredentials = () => environment.credentials } = settings;
  const dynamodb = callDynamoDb(environment, callTimeoutMs);
  const secretsManager = callSecretsManager(environment, callTimeoutMs);
  const alerts = makeWatch(settings, dynamodb);
  return {
    wallets: makeWallets(dynamodb, environment.walletsTable),
    usage: makeUsageRows(dynamodb, environment.usageTable),
    introductions: makeIntroductions(makePeople(dynamodb, environment.walletsTable), clock),
    secrets: makeSecrets(secretsManager, environment.secretPrefix, clock),
    upstream: makeSignedUpstream(makeUpstream(clock), clock, findProviderCredentials),
    demo: makeDemo({ clock, random }),
    countSlots: makeCountSlots(),
    startAlarm,
    modelFacts: makeModelFacts(),
    ...(alerts && { alerts }),
    clock,
    random,
    log,
  };
}
