/**
 * The claims of a scoped token, read after its signature holds. Flow: signature > **claims** > identity.
 * Invariant: a claim that is given twice, or that could be read in two ways, is refused.
 */
import { isExpired, type TokenGrant } from '../access/grant.ts';
import { GatewayError } from '../base/errors.ts';
import { asTokenId, shortDigest, type TokenId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import { type NanoUsd, nanoUsdFromUsd } from '../base/money.ts';
import { isName, MODELS_MAX, parseModelPatterns, USER_CHARS_MAX } from '../base/names.ts';
import { parseTags, TAGS_FORM, type Tags } from '../base/tags.ts';
import type { FormerVersion } from '../keys/key-record.ts';

/** The accepted lead of an issuer's clock, for `nbf` and `iat` (RFC 7519, 4.1.5). */
const CLOCK_SKEW_MS = 5_000;
export const JTI_CHARS_MAX = 256;

/** The last instant of a `Date` (ECMA-262, 21.4.1.1). Later instants cannot be computed with. */
const INSTANT_MS_MAX = 8.64e15;

/** The claims of a token. They say nothing about its validity now. */
export interface ScopedClaims {
  readonly token: Omit<TokenGrant, 'id' | 'revoked'>;
  readonly user?: string;
  readonly tags?: Tags;
  /** The later of `nbf` and `iat`; 0 when it has neither. */
  readonly startsAtMs: number;
}

/**
 * Reads each claim by itself: presence, type and range. Unknown claims are ignored, because libraries that make tokens
 * add some. Does NOT compare with the clock; `requireInForce` does.
 * @throws token_claim_invalid whose detail names the claim
 */
export function parseScopedClaims(
  claims: JsonObject,
  key: { readonly account: string; readonly maxTokenLifetimeSeconds: number },
): ScopedClaims {
  requireSpelling(claims);
  if (claims.sub !== key.account) throw invalid('sub');
  const expiresAtMs = instantOf(claims, 'exp');
  if (expiresAtMs === undefined) throw invalid('exp');
  const claimedMs = instantOf(claims, 'iat');
  const startsAtMs = Math.max(instantOf(claims, 'nbf') ?? 0, claimedMs ?? 0);
  const models = modelsOf(claims);
  const spendingLimitNanoUsd = spendingLimitOf(claims);
  const user = userOf(claims);
  const jti = nameOf(claims, 'jti', JTI_CHARS_MAX);
  const tags = tagsOf(claims);
  return {
    token: {
      ...(jti !== undefined && { jti }),
      ...(spendingLimitNanoUsd !== undefined && { spendingLimitNanoUsd }),
      ...(models && { models }),
      issuedAtMs: claimedMs ?? expiresAtMs - key.maxTokenLifetimeSeconds * 1000,
      expiresAtMs,
    },
    ...(user !== undefined && { user }),
    ...(tags && { tags }),
    startsAtMs,
  };
}

/** The form that each claim must have, for error messages. */
export const CLAIM_RULES = {
  sub: 'the account that is named in "kid"',
  exp: 'a number of unix seconds',
  iat: 'a number of unix seconds',
  nbf: 'a number of unix seconds',
  model: 'a model id or "provider/*", without "models" beside it',
  models: `a list of 1 to ${MODELS_MAX} model ids or "provider/*"`,
  spending_limit: 'a number of dollars from 0.000000001 to 1000000000',
  user: `1 to ${USER_CHARS_MAX} characters without control characters`,
  user_id: `1 to ${USER_CHARS_MAX} characters without control characters, and no other than "user"`,
  jti: `1 to ${JTI_CHARS_MAX} characters without control characters`,
  tags: `an object of ${TAGS_FORM}`,
} as const;

type ClaimName = keyof typeof CLAIM_RULES;

const invalid = (claim: ClaimName): GatewayError =>
  new GatewayError('token_claim_invalid', {
    param: claim,
    detail: `claim "${claim}" must be ${CLAIM_RULES[claim]}`,
  });

/** A claim's name without what a slip of the pen changes: case, `_` and `-`. */
const fold = (name: string): string => name.toLowerCase().replace(/[_-]/g, '');

const CLAIM_OF_FOLDED: ReadonlyMap<string, string> = new Map(
  Object.keys(CLAIM_RULES).map((name) => [fold(name), name]),
);

/** Refuses `spendingLimit` and the like. An unknown claim is ignored, and a misspelt cap must not be no cap. */
function requireSpelling(claims: JsonObject): void {
  for (const name of Object.keys(claims)) {
    const known = CLAIM_OF_FOLDED.get(fold(name));
    if (known === undefined || Object.hasOwn(CLAIM_RULES, name)) continue;
    throw new GatewayError('token_claim_invalid', {
      param: known,
      detail: `a claim must be spelt "${known}"`,
    });
  }
}

/** A NumericDate (RFC 7519, 2): seconds since 1970, fractions allowed, as whole milliseconds. */
function instantOf(claims: JsonObject, name: 'exp' | 'iat' | 'nbf'): number | undefined {
  const seconds = claims[name];
  if (seconds === undefined) return undefined;
  // JSON has no NaN, yet 1e999 reads as Infinity.
  if (typeof seconds !== 'number') throw invalid(name);
  return Math.floor(Math.min(Math.max(seconds * 1000, 0), INSTANT_MS_MAX));
}

function modelsOf(claims: JsonObject): readonly string[] | undefined {
  const { models: list, model: one } = claims;
  if (one !== undefined && list !== undefined) throw invalid('model');
  if ((list ?? one ?? null) === null) return undefined;
  const models = parseModelPatterns(list ?? [one]);
  if (models === undefined) throw invalid(list === undefined ? 'model' : 'models');
  return models;
}

function spendingLimitOf({ spending_limit: usd }: JsonObject): NanoUsd | undefined {
  if (usd === undefined || usd === null) return undefined;
  const amount = typeof usd === 'number' ? nanoUsdFromUsd(usd) : undefined;
  if (amount === undefined) throw invalid('spending_limit');
  return amount;
}

function tagsOf({ tags: value }: JsonObject): Tags | undefined {
  if (value === undefined || value === null) return undefined;
  const tags = parseTags(value);
  if (tags === undefined) throw invalid('tags');
  return tags;
}

function userOf(claims: JsonObject): string | undefined {
  const user = nameOf(claims, 'user', USER_CHARS_MAX);
  const userId = nameOf(claims, 'user_id', USER_CHARS_MAX);
  if (user !== undefined && userId !== undefined && user !== userId) throw invalid('user_id');
  return user ?? userId;
}

/** Refuses an empty or non-string name. Ignoring it would make a token without its owner's limits. */
function nameOf(
  claims: JsonObject,
  name: 'user' | 'user_id' | 'jti',
  charsMax: number,
): string | undefined {
  const value = claims[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !isName(value, charsMax)) throw invalid(name);
  return value;
}

/**
 * Returns a token's identity in counters, holds and marks: from its `jti`, else from the text that was signed. Never from
 * the token string, because base64url has several spellings of one signature.
 */
export const tokenIdOf = (jti: string | undefined, signingInput: string): TokenId =>
  asTokenId(jti === undefined ? shortDigest('jws', signingInput) : shortDigest('jti', jti));

/**
 * Checks a token's times. `exp` has no tolerance, because it is a promise and a bound for a leaked token. `nbf` and `iat`
 * tolerate an issuer's clock that is 5 s ahead.
 * A token of a rotated key ends with that key. One that the former key string signed after the rotation may not outlive it.
 * @param former the version of the key that signed it, if it is a former version
 * @throws token_expired, token_not_active, token_lifetime_too_long
 */
export function requireInForce(
  { token: { expiresAtMs, issuedAtMs }, startsAtMs }: ScopedClaims,
  maxTokenLifetimeSeconds: number,
  nowMs: number,
  former?: FormerVersion,
): void {
  if (isExpired({ expiresAtMs }, nowMs)) throw new GatewayError('token_expired');
  if (expiresAtMs - nowMs > maxTokenLifetimeSeconds * 1000) {
    throw new GatewayError('token_lifetime_too_long');
  }
  if (startsAtMs > nowMs + CLOCK_SKEW_MS) throw new GatewayError('token_not_active');
  if (former && expiresAtMs > former.untilMs && issuedAtMs >= (former.rotatedAtMs ?? 0)) {
    throw new GatewayError('token_lifetime_too_long', {
      detail: 'it outlives the former version of its key',
    });
  }
}
