/**
 * The proxy's flow: grant > body > policy > price > provider key > **reserve > forward > meter > settle**.
 * Invariant: the provider is called only under a hold, and every hold taken here is closed here or by its lease.
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
  type ProxySettings,
  planCall,
} from './proxy/call-plan.ts';
import { withOwnKey } from './proxy/own-key.ts';
import { type BookPorts, closeExchange, type Exchange } from './proxy/provider-call.ts';
import { parseBody } from './proxy/request-body.ts';
import { streamAnswer } from './proxy/stream-answer.ts';
import { type PassedAnswer, passAnswer, passRefusal } from './proxy/whole-answer.ts';
import type { Amounts, LimitState } from './wallet/hold.ts';
import { limitHeaders } from './wallet/limit-headers.ts';
import { reserve } from './wallet/reserve.ts';
import type { AmountsLeft } from './wallet/reserve-plan.ts';

export interface ProxyCall {
  /** The gateway's own, new for every request. */
  readonly requestId: RequestId;
  readonly grant: Grant;
  readonly route: Route;
  /** The client's, of which only versions and betas of the format go on. */
  readonly headers: Headers;
  readonly body: string | undefined;
  /** The exchange with the provider ends by then. */
  readonly deadlineAtMs: number;
  /** After this a hold that nobody settled is swept: later than the function can live. */
  readonly leaseEndsAtMs: number;
}

export interface ProxyPorts extends BookPorts {
  readonly secrets: Secrets;
  readonly upstream: Upstream;
  /** The built-in provider. */
  readonly demo: Upstream;
}

export interface ProxyAnswer {
  readonly status: number;
  /** Beside those that every answer has. */
  readonly headers: Readonly<Record<string, string>>;
  /** A stream never throws, and must be read to its end: its end is what settles. */
  readonly body: Buffer | AsyncIterable<Uint8Array>;
}

/**
 * Serves one request, of whatever wire format.
 * @throws token_expired, token_revoked, what `planCall` and `reserve` refuse, upstream_error and upstream_timeout,
 *   service_unavailable. Whatever is thrown after the reserve is thrown after the books are written
 */
export async function serve(
  call: ProxyCall,
  settings: ProxySettings,
  ports: ProxyPorts,
): Promise<ProxyAnswer> {
  const startedAtMs = ports.clock.nowMs();
  requireLiveToken(call.grant, startedAtMs);
  const { route, headers: sentHeaders } = call;
  const asked = { route, headers: sentHeaders, body: parseBody(call.body) };
  const plan = planCall(asked, call.grant, settings);
  const providerKey = await readProviderKey(plan.provider, settings, ports.secrets);
  const { cap, limits, exchange } = await hold(call, plan, startedAtMs, ports);
  const answered = await forward(exchange, call.deadlineAtMs, providerKey, ports);
  const response = withOwnKey(answered, providerKey);
  const headers = {
    ...limitHeaders(limits, ports.clock.nowMs()),
    ...(cap < plan.request.cap ? { 'x-hallpass-max-output-tokens': String(cap) } : {}),
    'cache-control': 'no-store, no-transform',
  };
  if (response.status < 200 || response.status > 299) {
    return toAnswer(await passRefusal(exchange, response, providerKey, ports), headers);
  }
  if (!plan.request.isStream) return toAnswer(await passAnswer(exchange, response, ports), headers);
  if (!isEventStream(response)) {
    await passAnswer(exchange, response, ports);
    throw new GatewayError('upstream_error', { detail: 'asked for a stream, got a whole answer' });
  }
  return {
    status: response.status,
    headers: { ...headers, 'content-type': 'text/event-stream; charset=utf-8' },
    body: streamAnswer(exchange, response, ports),
  };
}

/** Read before anything is held. */
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

interface Held {
  readonly exchange: Exchange;
  readonly cap: number;
  readonly limits: readonly LimitState[];
}

async function hold(
  { grant, requestId, leaseEndsAtMs }: ProxyCall,
  plan: CallPlan,
  startedAtMs: number,
  ports: ProxyPorts,
): Promise<Held> {
  let cap = plan.request.cap;
  const afford = (left: AmountsLeft): Amounts | undefined => {
    const lower = affordableCap(plan, left, cap);
    if (lower === undefined) return undefined;
    cap = lower;
    return amountsUnder(plan, lower);
  };
  const amounts = amountsUnder(plan, cap);
  const outcome = await reserve({ grant, requestId, amounts, leaseEndsAtMs, afford }, ports);
  const exchange = {
    grant,
    requestId,
    plan,
    cap,
    startedAtMs,
    hold: outcome.hold,
    writeUnits: outcome.writeUnits,
  };
  return { cap, limits: outcome.limits, exchange };
}

/** Calls the provider. One that was never reached is not charged; one that took the request and then failed may bill. */
async function forward(
  exchange: Exchange,
  deadlineAtMs: number,
  providerKey: string | undefined,
  ports: ProxyPorts,
): Promise<UpstreamResponse> {
  const { plan, cap } = exchange;
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
      body: plan.request.toBody(cap),
      deadlineAtMs,
      ...(plan.provider.signing && { sign: plan.provider.signing }),
    });
  } catch (cause) {
    const error = toGatewayError(cause);
    const isCharged = !error.transient && error.code !== 'internal_error';
    await closeExchange(exchange, { isCharged, httpStatus: error.status, error }, ports);
    throw error;
  }
}

/** A missing type is taken for a stream: some servers give none. */
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
