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
import type { Secrets } from './base/ports.ts';
import type { Route } from './dialects/routes.ts';
import type { Upstream, UpstreamResponse } from './providers/ports.ts';
import { isDemo, type Provider, providerKeyMissing } from './providers/provider.ts';
import {
  affordableCap,
  amountsUnder,
  type CallPlan,
  neededAmounts,
  type ProxySettings,
  planCall,
} from './proxy/call-plan.ts';
import type { CallEnd } from './proxy/ends.ts';
import { type GuardedResponse, guardKey } from './proxy/key-leak.ts';
import {
  type CallPorts,
  chargedError,
  closeCall,
  type ProviderCall,
} from './proxy/provider-call.ts';
import { parseBody } from './proxy/request-body.ts';
import { streamAnswer } from './proxy/stream-answer.ts';
import { type PassedAnswer, passAnswer, passRefusal } from './proxy/whole-answer.ts';
import type { Amounts } from './wallet/hold.ts';
import type { Introductions } from './wallet/introduce.ts';
import { limitHeaders } from './wallet/limit-headers.ts';
import { reserve } from './wallet/reserve.ts';
import type { AmountsLeft } from './wallet/reserve-plan.ts';

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

export interface ProxyPorts extends CallPorts {
  readonly secrets: Secrets;
  /** What is kept of people beside their wallets. @default nothing */
  readonly introductions?: Introductions;
  readonly upstream: Upstream;
  /** The built-in provider. */
  readonly demo: Upstream;
}

export interface ProxyAnswer {
  readonly status: number;
  /** In addition to those that every answer has. */
  readonly headers: Readonly<Record<string, string>>;
  /** A stream never throws, and must be read to its end: its end closes the call. */
  readonly body: Buffer | AsyncIterable<Uint8Array>;
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
    planCall({ route, headers: clientHeaders, body }, current, settings);
  const plan = replan(grant);
  const providerKey = await readProviderKey(plan.provider, settings, ports.secrets);
  const providerCall = await hold({ call, plan, replan, startedAtMs }, ports).catch((error) =>
    refuse(grant, toGatewayError(error), ports),
  );
  ports.introductions?.introduce(grant);
  const response = await forward({ providerCall, deadlineAtMs, providerKey }, ports);
  const headers = answerHeaders(providerCall, ports.clock.nowMs());
  return passOn(providerCall, guardKey(response, providerKey), { headers, ports });
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

interface CallToHold {
  readonly call: ProxyCall;
  readonly plan: CallPlan;
  /** Plans the call under another grant of the same caller. */
  readonly replan: (grant: Grant) => CallPlan;
  readonly startedAtMs: number;
}

/**
 * Holds what the call may cost, with a lower output cap if the budget affords no more. If the user has limits of their
 * own that were not known, the call is planned again under them.
 */
async function hold(
  { call: { grant, requestId, leaseEndsAtMs }, plan: first, replan, startedAtMs }: CallToHold,
  ports: ProxyPorts,
): Promise<ProviderCall> {
  let plan = first;
  let cap = plan.request.output.cap;
  const afford = (left: AmountsLeft): Amounts | undefined => {
    const lower = affordableCap(plan, left, cap);
    if (lower === undefined) return undefined;
    cap = lower;
    return amountsUnder(plan, lower);
  };
  const outcome = await reserve(
    {
      ...{ grant, requestId, leaseEndsAtMs, afford },
      amounts: amountsUnder(plan, cap),
      replan: (current) => {
        plan = replan(current);
        cap = plan.request.output.cap;
        return amountsUnder(plan, cap);
      },
      hasShares: true,
      needs: neededAmounts(plan),
    },
    ports,
  );
  return { grant, requestId, plan, cap, startedAtMs, ...outcome };
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
      method: 'POST',
      url: plan.endpoint.url,
      headers: {
        'content-type': 'application/json',
        accept: plan.request.isStream ? 'text/event-stream' : 'application/json',
        ...plan.request.headers,
        ...(providerKey === undefined ? {} : plan.endpoint.toAuthHeaders(providerKey)),
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
    const detail = 'asked for a stream, got a whole answer';
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
