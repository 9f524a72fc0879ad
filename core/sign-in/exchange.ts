/**
 * Token exchange (RFC 8693): a workflow's or an application's JWT becomes a scoped token, by a named rule.
 *
 * Steps, in order:
 * 1. find the rules of the token's issuer, or the one rule that the request names;
 * 2. verify the signature, then the claims of each;
 * 3. exactly one rule must fit;
 * 4. sign with the rule's key. The request may only narrow.
 *
 * Guarantees: a verifier of another key is no way in; no claim is read before the signature holds; nothing is stored.
 */
import { domainOf } from '../access/identity.ts';
import { GatewayError, invalidRequest } from '../base/errors.ts';
import { asKeyId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import { nanoUsdFromUsd } from '../base/money.ts';
import { foldUser, isName, USER_CHARS_MAX } from '../base/names.ts';
import { fitsClaim, readVerifiedUser } from '../jwt/claims.ts';
import { verifySignedClaims } from '../jwt/client-jwt.ts';
import { parseCompactJws, parseJsonObject } from '../jwt/compact-jws.ts';
import type { VerifiedUser, VerifyingKey } from '../jwt/verifier.ts';
import { signAccess } from './access-token.ts';
import { type JsonAnswer, toJson } from './answer.ts';
import { need, type Parameters } from './form.ts';
import { badRequest, OAuthError, toOAuthError } from './oauth-error.ts';
import type { ExchangePorts } from './ports.ts';
import { narrowModels, toScope } from './scope.ts';
import type { ExchangeRule } from './settings.ts';
import { requireSigningKey } from './signing-key.ts';

export const EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
const TYPE = 'urn:ietf:params:oauth:token-type:';
/** Workflows send their JWT under either name. */
const SUBJECT_TYPES: readonly string[] = [`${TYPE}jwt`, `${TYPE}id_token`];
const ACCESS_TOKEN_TYPE = `${TYPE}access_token`;

/**
 * Exchanges a JWT.
 * @throws invalid_request, invalid_scope, invalid_grant that names the rule and the claim, temporarily_unavailable
 */
export async function exchange(
  parameters: Parameters,
  rules: readonly ExchangeRule[],
  ports: ExchangePorts,
): Promise<JsonAnswer> {
  const subject = need(parameters, 'subject_token');
  if (!SUBJECT_TYPES.includes(need(parameters, 'subject_token_type'))) {
    throw badRequest('"subject_token_type" must be that of a JWT or an ID token');
  }
  if (parameters.has('actor_token')) {
    throw badRequest('"actor_token" is not supported');
  }
  const wanted = parameters.get('requested_token_type') ?? ACCESS_TOKEN_TYPE;
  if (wanted !== ACCESS_TOKEN_TYPE) {
    throw badRequest('"requested_token_type" must be that of an access token');
  }
  const candidates = candidatesOf(subject, parameters, rules);
  const { rule, user, claims } = await findRule(subject, candidates, ports);
  const models = narrowModels(parameters, rule.models);
  const spendingLimit = readSpendingLimit(parameters);
  const signing = await requireSigningKey(rule.keyName, ports);
  const rights = {
    user: userOf(rule, user),
    models,
    spendingLimit,
    lifetimeSeconds: rule.lifetimeSeconds,
    endsAtMs: rule.isCi ? undefined : Number(claims.exp) * 1000,
  };
  const access = signAccess(signing, rights, ports);
  return toJson(200, {
    access_token: access.token,
    issued_token_type: ACCESS_TOKEN_TYPE,
    token_type: 'Bearer',
    expires_in: access.expiresInSeconds,
    ...(models && { scope: toScope(models) }),
  });
}

const refused = (text: string, cause?: unknown): OAuthError =>
  new OAuthError('invalid_grant', text, cause);

/** Returns the rules for the issuer that a token claims, before anything is fetched or verified. */
function candidatesOf(
  subject: string,
  parameters: Parameters,
  rules: readonly ExchangeRule[],
): readonly ExchangeRule[] {
  const name = parameters.get('rule');
  const named = name === undefined ? rules : rules.filter((rule) => rule.name === name);
  if (named.length === 0) throw refused('there is no such rule');
  const { payload } = parseCompactJws(subject, notAJwt);
  const issuer = parseJsonObject(payload)?.iss;
  const ofIssuer = named.filter(({ verifier }) => verifier.issuers.some((each) => each === issuer));
  if (ofIssuer.length === 0) throw refused('no rule is for the issuer ("iss") of this token');
  return ofIssuer;
}

const notAJwt = (): GatewayError => invalidRequest('"subject_token" is not a JWT');

interface Fit {
  readonly rule: ExchangeRule;
  readonly user: VerifiedUser;
  readonly claims: JsonObject;
}

async function findRule(
  subject: string,
  candidates: readonly ExchangeRule[],
  ports: ExchangePorts,
): Promise<Fit> {
  const fits: Fit[] = [];
  const reasons: string[] = [];
  for (const rule of candidates) {
    try {
      fits.push(await verifyBy(rule, subject, ports));
    } catch (error) {
      const { status, message } = toOAuthError(error);
      if (status !== 400) throw error;
      reasons.push(`rule "${rule.name}": ${message}`);
    }
  }
  const [only, ...others] = fits;
  if (only !== undefined && others.length === 0) return only;
  if (only === undefined) throw refused(reasons.join('; '));
  throw refused('more than one rule fits this token: name one as "rule"');
}

async function verifyBy(rule: ExchangeRule, subject: string, ports: ExchangePorts): Promise<Fit> {
  const { verifier } = rule;
  const isRestricted = verifier.audiences.length + verifier.authorizedParties.length > 0;
  const audiences = isRestricted ? verifier.audiences : [ports.publicUrl];
  const key: VerifyingKey = {
    // The keys are the issuer's, so no key of ours is looked up by it.
    id: asKeyId(''),
    verifier: { ...verifier, audiences },
    trustEmail: rule.trustEmail,
  };
  const claims = await verifySignedClaims(subject, key, ports).catch((error: unknown) => {
    const isForged = error instanceof GatewayError && error.code === 'invalid_api_key';
    throw isForged ? refused('the signature or form of the token does not hold', error) : error;
  });
  const user = readVerifiedUser(claims, key, { nowMs: ports.clock.nowMs() });
  requireOneOf(claims, rule);
  return { rule, user, claims };
}

/** Names the claims of the list that came closest, so that a wrong branch looks different from a wrong event. */
function requireOneOf(claims: JsonObject, { anyOf }: ExchangeRule): void {
  const missing = anyOf.map((list) => list.filter((each) => !fitsClaim(claims, each)));
  if (missing.length === 0 || missing.some((list) => list.length === 0)) return;
  const closest = missing.reduce((a, b) => (b.length < a.length ? b : a));
  const names = closest.map(({ claim }) => `"${claim}"`).join(' and ');
  throw refused(`the claim ${names} is not one that this rule allows`);
}

/** The user's name: the rule and the subject, or the e-mail address where the rule trusts it. */
function userOf({ name, trustEmail, domains }: ExchangeRule, { id, email }: VerifiedUser): string {
  const user = trustEmail ? foldUser(email ?? '') : `${name}:${id}`;
  if (trustEmail && !domains.includes(domainOf(user) ?? '')) {
    throw refused(`rule "${name}": the e-mail address is missing or not of an allowed domain`);
  }
  if (!isName(user, USER_CHARS_MAX)) throw refused(`rule "${name}": "sub" is too long`);
  return user;
}

function readSpendingLimit(parameters: Parameters): number | undefined {
  const text = parameters.get('spending_limit');
  if (text === undefined) return undefined;
  const usd = /^\d{1,10}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (nanoUsdFromUsd(usd) !== undefined) return usd;
  throw badRequest('"spending_limit" must be a number of dollars');
}
