/**
 * Serve: answers one request by calling a provider under a hold.
 *
 * Steps, in order:
 * 1. check that the token is still live;
 * 2. read the body and plan the call: model, provider, price, bounds;
 * 3. read the provider's key;
 * 4. hold what the call may cost;
 * 5. call the provider;
 * 6. pass its answer on, metered, and close the call: usage row, settle, log line.
 *
 * Guarantees: the provider is called only under a hold, and every hold taken here is closed here or by its lease.
 */
import { type Grant, requireLiveToken } from './access/grant.ts';
import { GatewayError, toGatewayError } from './base/errors.ts';
import type { Headers } from './base/http.ts';
import type { RequestId } from './base/ids.ts';
import { toUsdText } from './base/money.ts';
import type { Secrets, StartAlarm } from './base/ports.ts';
import type { Route } from './dialects/routes.ts';
import type { Upstream, UpstreamResponse } from './providers/ports.ts';
import { isDemo, type Provider, providerKeyMissing } from './providers/provider.ts';
import { type CallPlan, type ProxySettings, planCall } from './proxy/call-plan.ts';
import type { CallEnd } from './proxy/ends.ts';
import { type HoldPorts, holdCall } from './proxy/hold-call.ts';
import { type GuardedResponse, guardKey } from './proxy/key-leak.ts';
import { answerInTime, type ProxyAnswer } from './proxy/late-answer.ts';
import { chargedError, closeCall, type ProviderCall } from './proxy/provider-call.ts';
import { parseBody } from './proxy/request-body.ts';
import { streamAnswer } from './proxy/stream-answer.ts';
import { type PassedAnswer, passAnswer, passRefusal } from './proxy/whole-answer.ts';
import type { Introductions } from './wallet/introduce.ts';
import { limitHeaders } from './wallet/limit-headers.ts';

/** A request to the proxy, with the grant of its caller. */
export interface ProxyCall {
  /** The gateway's own, new for every request. */
  readonly requestId: RequestId;
  readonly grant: Grant;
  readonly route: Route;
  /** The client's headers. Only versions and betas of the dialect go on to the provider. */
  readonly headers: Headers;
  readonly body: string | undefined;
  /** The provider's answer ends by then. */
  readonly deadlineAtMs: number;
  /** A hold that nobody settled is swept after this. Later than the function can live. */
  readonly leaseEndsAtMs: number;
}

export interface ProxyPorts extends HoldPorts {
  readonly secrets: Secrets;
  /** The facts of people that are kept beside their wallets. @default nothing */
  readonly introductions?: Introductions;
  /** @default an answer is waited for however long it takes, with nothing sent meanwhile */
  readonly startAlarm?: StartAlarm;
  /** The built-in provider. */
  readonly demo: Upstream;
}

/**
 * Serves one request of any dialect.
 * @throws token_expired, token_revoked, what `planCall` and `reserve` refuse, upstream_error and upstream_timeout,
 *   service_unavailable. An error after the reserve is thrown only after the call is closed
 */
export async function serve(
  call: ProxyCall,
  settings: ProxySettings,
  ports: ProxyPorts,
): Promise<ProxyAnswer> {
  const { grant, route, headers: clientHeaders, deadlineAtMs } = call;
  const startedAtMs = ports.clock.nowMs();
  requireLiveToken(grant, startedAtMs);
  const body = parseBody(call.body);
  const replan = (current: Grant): CallPlan =>
    planCall({ route, headers: clientHeaders, body }, current, {
      ...settings,
      modelFacts: ports.modelFacts,
    });
  const plan = replan(grant);
  const providerKey = await readProviderKey(plan.provider, settings, ports.secrets);
  const { requestId, leaseEndsAtMs } = call;
  const toHold = { grant, requestId, leaseEndsAtMs, plan, replan, providerKey, startedAtMs };
  const providerCall = await holdCall(toHold, ports).catch((error) =>
    refuse(grant, toGatewayError(error), ports),
  );
  ports.introductions?.introduce(grant);
  const headers = answerHeaders(providerCall, ports.clock.nowMs());
  const answer = async (): Promise<ProxyAnswer> => {
    const response = await forward({ providerCall, deadlineAtMs, providerKey }, ports);
    return passOn(providerCall, guardKey(response, providerKey), { headers, ports });
  };
  return answerInTime(answer(), {
    dialect: plan.dialect,
    isStream: plan.request.isStream,
    headers,
    startAlarm: ports.startAlarm,
  });
}

/** Throws the refusal in the words that its user should read. */
async function refuse(grant: Grant, error: GatewayError, ports: ProxyPorts): Promise<never> {
  throw (await ports.introductions?.refused(grant, error)) ?? error;
}

/** The provider's key, read before anything is held. */
async function readProviderKey(
  provider: Provider,
  { config }: ProxySettings,
  secrets: Secrets,
): Promise<string | undefined> {
  if (provider.secret === undefined) return undefined;
  const key = await secrets.findProviderKey(provider.secret);
  if (key === undefined && provider.keyRequired) throw providerKeyMissing(config, provider);
  return key;
}

interface CallToForward {
  readonly providerCall: ProviderCall;
  readonly deadlineAtMs: number;
  readonly providerKey: string | undefined;
}

/** Calls the provider. One that was never reached bills nothing; one that took the request and failed may bill it. */
async function forward(
  { providerCall, deadlineAtMs, providerKey }: CallToForward,
  ports: ProxyPorts,
): Promise<UpstreamResponse> {
  const { plan, cap } = providerCall;
  try {
    const upstream = isDemo(plan.provider) ? ports.demo : ports.upstream;
    return await upstream.send({
      url: plan.endpoint.url,
      headers: {
        'content-type': 'application/json',
        accept: plan.request.isStream ? 'text/event-stream' : 'application/json',
        ...plan.request.headers,
        ...plan.endpoint.toAuthHeaders(providerKey),
      },
      body: plan.request.write(cap),
      deadlineAtMs,
      ...(plan.provider.signing && { sign: plan.provider.signing }),
    });
  } catch (cause) {
    const error = toGatewayError(cause);
    const end: CallEnd = { kind: 'unanswered', error };
    const row = await closeCall(providerCall, { end, httpStatus: error.status, error }, ports);
    throw chargedError(error, row);
  }
}

/** The headers that every answer of this call has. */
const answerHeaders = (
  { plan, cap, limits }: ProviderCall,
  nowMs: number,
): Readonly<Record<string, string>> => ({
  ...limitHeaders(limits, nowMs),
  ...(cap < plan.request.output.cap ? { 'x-hallpass-max-output-tokens': String(cap) } : {}),
  ...(plan.request.dropped.length > 0 && {
    'x-hallpass-dropped': plan.request.dropped.join(', '),
  }),
  'cache-control': 'no-store, no-transform',
});

interface AnswerParts {
  readonly headers: Readonly<Record<string, string>>;
  readonly ports: ProxyPorts;
}

/** Passes the provider's answer on: a refusal, a whole answer or a stream. */
async function passOn(
  call: ProviderCall,
  response: GuardedResponse,
  { headers, ports }: AnswerParts,
): Promise<ProxyAnswer> {
  if (response.status < 200 || response.status > 299) {
    return toAnswer(await passRefusal(call, response, ports), headers);
  }
  if (!call.plan.request.isStream)
    return toAnswer(await passAnswer(call, response, ports), headers);
  if (!isEventStream(response)) {
    const { row } = await passAnswer(call, response, ports);
    const detail = 'expected a stream, got a whole answer';
    throw chargedError(new GatewayError('upstream_error', { detail }), row);
  }
  return {
    status: response.status,
    headers: { ...headers, 'content-type': 'text/event-stream; charset=utf-8' },
    body: streamAnswer(call, response, ports),
  };
}

/** True also without a content type: some servers send none with a stream. */
const isEventStream = ({ headers }: UpstreamResponse): boolean =>
  /^(text\/event-stream|application\/octet-stream|$)/i.test(headers['content-type'] ?? '');

const toAnswer = (
  { status, headers, body, row }: PassedAnswer,
  common: Readonly<Record<string, string>>,
): ProxyAnswer => ({
  status,
  headers: { ...common, ...headers, 'x-hallpass-cost-usd': toUsdText(row.cost.usd) },
  body,
});
