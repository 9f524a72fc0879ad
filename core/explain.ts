/**
 * Why a request with this credential would pass, or what would refuse it: the checks in their order, without a call.
 * Flow: request > authorize > policy > limits, told step by step. Invariant: it decides by the very code that decides
 * on requests, holds nothing, and tells no secret.
 */
import type { Grant, IdentitySource } from './access/grant.ts';
import { CONVERSATION_HEADER } from './access/identity.ts';
import type { KeyWallets } from './account/key-info.ts';
import { describeKey } from './account/key-info.ts';
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
import { RESPONSES } from './dialects/responses/responses.ts';
import { requireAllowedModel, resolveModel } from './models/policy.ts';
import type { Price } from './models/pricing.ts';
import { findProvider, type ModelTarget } from './providers/provider.ts';
import { amountsUnder, OUTPUT_CAP_MIN, type ProxySettings, planCall } from './proxy/call-plan.ts';

/** One check. `code` and `status` are of the refusal, when it did not pass. */
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
  readonly settings: ProxySettings;
}

export interface ExplainRequest {
  readonly headers: Headers;
  /** Undefined: no model is looked at. */
  readonly model: string | undefined;
}

/**
 * Tells the checks up to the first that fails; of limits, all. An outage fails the check that it stands in the way of.
 */
export async function explain(
  { headers, model }: ExplainRequest,
  ports: ExplainPorts,
): Promise<readonly Check[]> {
  const checks: Check[] = [];
  const onPassed = (check: string, found: string): void => {
    checks.push({ check, passed: true, found });
  };
  const outcome = await authorize({ headers }, { ...ports.authorize, onPassed }).catch(toOutage);
  if (outcome.kind !== 'grant') {
    return [...checks, toFailed(failedCheck(checks, outcome.error), outcome.error)];
  }
  const { grant } = outcome;
  onPassed('identity', identityOf(grant));
  try {
    const least =
      model === undefined ? NOTHING : explainModel(model, grant, ports.settings, onPassed);
    checks.push(...(await explainLimits(grant, least, ports)));
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown;
    checks.push(toFailed(CHECK_OF[thrown.code] ?? 'request', thrown));
  }
  return checks;
}

function toOutage(error: unknown): { readonly kind: 'outage'; readonly error: GatewayError } {
  if (!(error instanceof GatewayError)) throw error;
  return { kind: 'outage', error };
}

/**
 * What was looked at when it was refused: a denial, and an outage too, comes from the check behind the last one that was
 * passed.
 */
function failedCheck(passed: readonly Check[], { code, status, facts }: GatewayError): string {
  const last = passed.at(-1)?.check ?? '';
  if (last === '' || status === 401 || status === 503) return NEXT_CHECK[last] ?? 'request';
  if (facts.param === CONVERSATION_HEADER) return 'conversation';
  return facts.param === undefined ? (REFUSED_BY[code] ?? 'request') : 'user header';
}

const NEXT_CHECK: Readonly<Record<string, string>> = {
  '': 'credential',
  credential: 'form',
  form: 'key',
  key: 'signature',
  signature: 'claims',
  claims: 'times',
  version: 'verifier',
  verifier: 'jwt form',
  'jwt form': 'jwt signature',
  'jwt signature': 'issuer',
  issuer: 'audience',
  audience: 'azp',
  azp: 'jwt times',
  'jwt times': 'user',
};

const REFUSED_BY: Readonly<Partial<Record<ErrorCode, string>>> = {
  claim_not_allowed: 'required claims',
  identity_required: 'identity',
  domain_not_allowed: 'domain',
  origin_not_allowed: 'origin',
};

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

const SOURCES: Readonly<Record<IdentitySource, string>> = {
  header: ', named by a header',
  token: '',
  jwt: ', whose JWT it is',
  personal: '',
};

function identityOf({ identity, conversation }: Grant): string {
  const who =
    identity === undefined
      ? 'none: no user'
      : `the user "${identity.id}"${SOURCES[identity.source]}`;
  return conversation === undefined ? who : `${who}, conversation "${conversation}"`;
}

function explainModel(
  id: string,
  grant: Grant,
  settings: ProxySettings,
  onPassed: (check: string, found: string) => void,
): Least {
  const target = resolveModel(id, settings.config, settings.providerUrls);
  onPassed('model', `"${target.model}" of the provider "${target.provider}"`);
  requireAllowedModel(grant, target.id);
  onPassed('allowed', `"${target.id}" may be called`);
  const { dialect, body } = smallestFor(target, settings);
  const route = { dialect, modelId: id, isStreamRoute: false };
  const plan = planCall({ route, body, headers: new Map() }, grant, settings);
  onPassed('price', wordsOf(plan.price));
  const { usd, tokens } = amountsUnder(plan, OUTPUT_CAP_MIN);
  return { usd: usdFromNano(usd), tokens: Number(tokens), requests: 1 };
}

/** What a limit must have left for the smallest request, in its unit. */
type Least = Readonly<Record<LimitUnit, number>>;
const NOTHING: Least = { usd: 0, tokens: 0, requests: 0 };

function wordsOf(price: Price | undefined): string {
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

/** In the first format that the model's provider speaks: by whichever a model is asked, its price is the same. */
function smallestFor({ provider }: ModelTarget, settings: ProxySettings): SmallestRequest {
  const row = findProvider(settings.config, settings.providerUrls, provider)?.row;
  const spoken = SMALLEST.find(({ dialect }) => row?.endpoints[dialect.name] !== undefined);
  return spoken ?? SMALLEST[0];
}

/** Each limit that applies, with what is left of it. */
async function explainLimits(
  grant: Grant,
  least: Least,
  ports: ExplainPorts,
): Promise<readonly Check[]> {
  if (grant.token?.revoked) throw new GatewayError('token_revoked');
  const { clock } = ports.authorize;
  const { limits } = parseInfo(await describeKey(grant, { wallets: ports.wallets, clock }));
  const revocation = { check: 'revocation', passed: true, found: 'not revoked' };
  return [...(grant.token ? [revocation] : []), ...limits.map((info) => toLimitCheck(info, least))];
}

interface LimitInfo {
  readonly per: string;
  readonly unit: LimitUnit;
  readonly window: string;
  readonly limit: number;
  readonly used: number;
  readonly reserved: number;
  readonly remaining: number;
  readonly resets_at: string | null;
}

const parseInfo = (body: Readonly<Record<string, unknown>>) =>
  body.data as { readonly limits: readonly LimitInfo[] };

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

/** Money that requests in flight may give back is not gone. */
function refusalOf({ unit, reserved, remaining }: LimitInfo, least: Least): ErrorCode {
  if (unit !== 'usd') return 'rate_limit_exceeded';
  const fitsLater = reserved > 0 && remaining + reserved >= least.usd;
  return fitsLater ? 'budget_in_use' : 'insufficient_quota';
}
