/**
 * Explain: lists the checks that a request with this credential would go through, up to the first that fails.
 *
 * Steps, in order: authorize > model > limits. No provider is called and nothing is held.
 *
 * Guarantees: it decides with the same code that decides on requests, and it shows no secret.
 */
import type { AccessFact } from './access/authorization.ts';
import { failedCheck, identityWords, wordsOfFact } from './access/check-words.ts';
import { type Grant, requireLiveToken } from './access/grant.ts';
import type { KeyWallets } from './account/key-info.ts';
import { describeKey } from './account/key-info.ts';
import type { LimitInfo } from './account/views.ts';
import { type AuthorizePorts, authorize } from './authorize.ts';
import { type ErrorCode, GatewayError } from './base/errors.ts';
import type { Headers } from './base/http.ts';
import type { JsonObject } from './base/json.ts';
import type { LimitUnit } from './base/limits.ts';
import { asNanoUsd, toUsdText, usdFromNano } from './base/money.ts';
import { CHAT } from './dialects/chat/chat.ts';
import type { Dialect } from './dialects/dialect.ts';
import { EMBEDDINGS } from './dialects/embeddings.ts';
import { GOOGLE } from './dialects/google/google.ts';
import { MESSAGES } from './dialects/messages/messages.ts';
import { OUTPUT_CAP_MIN } from './dialects/request-output.ts';
import { RESPONSES } from './dialects/responses/responses.ts';
import { requireAllowedModel, resolveModel } from './models/policy.ts';
import type { Price } from './models/pricing.ts';
import { findProvider, type ModelTarget } from './providers/provider.ts';
import { amountsUnder, type ProxySettings, planCall } from './proxy/call-plan.ts';
import { blockError, FORGOTTEN_REASON, type People } from './wallet/people.ts';

/** One check. `code` and `status` belong to the refusal if it failed. */
export interface Check {
  readonly check: string;
  readonly passed: boolean;
  readonly found: string;
  readonly code?: ErrorCode;
  readonly status?: number;
}

export interface ExplainPorts {
  readonly authorize: Omit<AuthorizePorts, 'onPassed'>;
  readonly wallets: KeyWallets;
  readonly people: Pick<People, 'findNote'>;
  readonly settings: ProxySettings;
}

export interface ExplainRequest {
  readonly headers: Headers;
  /** Undefined: no model is checked. */
  readonly model: string | undefined;
}

/** Lists the checks up to the first that fails, and every limit. An outage fails the check that needed what is down. */
export async function explain(
  { headers, model }: ExplainRequest,
  ports: ExplainPorts,
): Promise<readonly Check[]> {
  const facts: AccessFact[] = [];
  const onPassed = (fact: AccessFact): void => void facts.push(fact);
  const outcome = await authorize({ headers }, { ...ports.authorize, onPassed }).catch(toOutage);
  const checks = facts.map((fact) => toPassed(fact.check, wordsOfFact(fact)));
  if (outcome.kind !== 'grant') {
    return [...checks, toFailed(failedCheck(facts.at(-1), outcome.error), outcome.error)];
  }
  const { grant } = outcome;
  checks.push(toPassed('identity', identityWords(grant)));
  try {
    const least = model === undefined ? NOTHING : explainModel(model, grant, ports, checks);
    checks.push(...(await explainLimits(grant, least, ports)));
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown;
    checks.push(toFailed(CHECK_OF[thrown.code] ?? 'request', thrown));
  }
  return checks;
}

const toPassed = (check: string, found: string): Check => ({ check, passed: true, found });

function toOutage(error: unknown): { readonly kind: 'outage'; readonly error: GatewayError } {
  if (!(error instanceof GatewayError)) throw error;
  return { kind: 'outage', error };
}

const CHECK_OF: Readonly<Partial<Record<ErrorCode, string>>> = {
  model_not_found: 'model',
  invalid_request: 'model',
  model_not_allowed: 'allowed',
  model_price_unknown: 'price',
  token_revoked: 'revocation',
  service_unavailable: 'limits',
};

const toFailed = (check: string, { code, status, message, detail }: GatewayError): Check => ({
  check,
  passed: false,
  found: detail === undefined ? message : `${message} (${detail})`,
  code,
  status,
});

/** Adds what is found about a model to the checks. */
function explainModel(
  id: string,
  grant: Grant,
  { settings }: ExplainPorts,
  checks: Check[],
): Least {
  const target = resolveModel(id, settings.config, settings.providerUrls);
  checks.push(toPassed('model', `"${target.model}" of the provider "${target.provider}"`));
  requireAllowedModel(grant, target.id, settings);
  checks.push(toPassed('allowed', `"${target.id}" may be called`));
  const { dialect, body } = smallestFor(target, settings);
  const route = { dialect, modelId: id, isStreamRoute: false };
  const plan = planCall({ route, body, headers: new Map() }, grant, settings);
  checks.push(toPassed('price', wordsOfPrice(plan.price)));
  const { usd, tokens } = amountsUnder(plan, OUTPUT_CAP_MIN);
  return { usd: usdFromNano(usd), tokens: Number(tokens), requests: 1 };
}

/** The least that a limit must have left for the smallest request, by unit. */
type Least = Readonly<Record<LimitUnit, number>>;
const NOTHING: Least = { usd: 0, tokens: 0, requests: 0 };

function wordsOfPrice(price: Price | undefined): string {
  if (price === undefined) return 'not known, and no USD limit applies';
  const { inputNanoPerMillion: input, outputNanoPerMillion: output } = price;
  return `${toUsdText(asNanoUsd(input))} USD per million tokens in, ${toUsdText(asNanoUsd(output))} out`;
}

interface SmallestRequest {
  readonly dialect: Dialect;
  readonly body: JsonObject;
}

const SMALLEST: readonly [SmallestRequest, ...SmallestRequest[]] = [
  { dialect: CHAT, body: { messages: [{ role: 'user', content: 'Hello' }] } },
  { dialect: MESSAGES, body: { messages: [{ role: 'user', content: 'Hello' }], max_tokens: 1 } },
  { dialect: RESPONSES, body: { input: 'Hello' } },
  { dialect: GOOGLE, body: { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] } },
  { dialect: EMBEDDINGS, body: { input: 'Hello' } },
];

/** Returns the smallest request in the first dialect that the provider speaks. The price is the same in each. */
function smallestFor({ provider }: ModelTarget, settings: ProxySettings): SmallestRequest {
  const row = findProvider(settings.config, settings.providerUrls, provider)?.row;
  const spoken = SMALLEST.find(({ dialect }) => row?.endpoints[dialect.name] !== undefined);
  return spoken ?? SMALLEST[0];
}

/** Returns if the person is blocked, and each limit that applies, with what is left of it. */
async function explainLimits(
  grant: Grant,
  least: Least,
  ports: ExplainPorts,
): Promise<readonly Check[]> {
  const { clock } = ports.authorize;
  requireLiveToken(grant, clock.nowMs());
  const { wallets, people, settings } = ports;
  const models = { names: settings };
  const { data } = await describeKey(grant, { wallets, people, clock, models });
  return [
    ...(grant.token ? [toPassed('revocation', 'not revoked')] : []),
    ...(grant.token || grant.identity ? [toBlockCheck(data.blocked)] : []),
    ...data.limits.map((limit) => toLimitCheck(limit, least)),
  ];
}

function toBlockCheck(reason: string | null): Check {
  if (reason === null) return toPassed('block', 'not blocked');
  const failed = toFailed('block', blockError(reason));
  return reason === FORGOTTEN_REASON
    ? { ...failed, found: `${failed.found} (the person was forgotten, and the block stays)` }
    : failed;
}

function toLimitCheck(info: LimitInfo, least: Least): Check {
  const { per, unit, window, limit, used, reserved, remaining, resets_at: resetsAt } = info;
  const held = reserved > 0 ? ` (${reserved} of it held by requests in flight)` : '';
  const parts = [`${used} of ${limit} used${held}`, `${remaining} left`];
  if (resetsAt !== null) parts.push(`begins anew at ${resetsAt}`);
  const check = { check: `limit ${per}:${unit}:${window}`, found: parts.join(', ') };
  if (remaining > 0 && remaining >= least[unit]) return { ...check, passed: true };
  const { code, status } = new GatewayError(refusalOf(info, least));
  return { ...check, passed: false, code, status };
}

/** Money that requests in flight hold is not gone: they may give it back. */
function refusalOf({ unit, reserved, remaining }: LimitInfo, least: Least): ErrorCode {
  if (unit !== 'usd') return 'rate_limit_exceeded';
  const fitsLater = reserved > 0 && remaining + reserved >= least.usd;
  return fitsLater ? 'budget_in_use' : 'insufficient_quota';
}
