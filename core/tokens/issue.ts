/**
 * Issues a token with a key alone, without a table or a gateway. Flow: command > **claims** > signature.
 * Invariant: the gateway accepts what is signed here, as far as that can be known without the key's record.
 */
import { toWords } from '../base/duration.ts';
import { invalidRequest, toGatewayError } from '../base/errors.ts';
import type { Tags } from '../base/tags.ts';
import { type NamedKey, parseKid } from '../jwt/kid.ts';
import { isWellFormed } from '../keys/api-key.ts';
import { CLAIM_RULES, parseScopedClaims, requireInForce } from './scoped-claims.ts';
import { signScopedToken } from './scoped-token.ts';

/** A token to issue. */
export interface IssueRequest {
  /** The whole key string, and the `kid` it was printed with. */
  readonly key: string;
  readonly kid: string;
  readonly models?: readonly string[];
  /** Dollars for the whole life of the token. */
  readonly spendingLimit?: number;
  readonly user?: string;
  readonly jti: string;
  readonly tags?: Tags;
  readonly expiresAtMs: number;
  /** From the key's record, or the default. */
  readonly maxTokenLifetimeSeconds: number;
}

/** A token that was issued. */
export interface IssuedToken {
  /** With its leading `jwt:`. */
  readonly token: string;
  readonly account: string;
  readonly keyName: string;
  readonly expiresAtMs: number;
}

/**
 * Signs a token.
 * @throws invalid_request that names what the gateway would refuse
 */
export function issueOffline(request: IssueRequest, nowMs: number): IssuedToken {
  if (!isWellFormed(request.key)) {
    throw invalidRequest('the key is not one of Hallpass, "sk-hp-" and 49 characters');
  }
  const { account, keyName } = requireKid(request.kid);
  const { models, spendingLimit, user, jti, tags, maxTokenLifetimeSeconds } = request;
  const exp = Math.floor(request.expiresAtMs / 1000);
  const iat = Math.floor(nowMs / 1000);
  const claims = { sub: account, iat, exp, models, spending_limit: spendingLimit, user, jti, tags };
  try {
    const read = parseScopedClaims(claims, { account, maxTokenLifetimeSeconds });
    requireInForce(read, maxTokenLifetimeSeconds, nowMs);
  } catch (error) {
    throw invalidRequest(toReason(error, request));
  }
  const token = signScopedToken({ account, keyName, key: request.key }, claims);
  return { token, account, keyName, expiresAtMs: exp * 1000 };
}

/**
 * Returns the key that a `kid` names.
 * @throws invalid_request for a text that is no `kid`
 */
export function requireKid(kid: string): NamedKey {
  const named = parseKid(kid);
  if (named !== undefined) return named;
  throw invalidRequest("the kid must be the account, a colon and the base64 of the key's name");
}

function toReason(error: unknown, { maxTokenLifetimeSeconds }: IssueRequest): string {
  const { code, facts, message } = toGatewayError(error);
  const longest = toWords(maxTokenLifetimeSeconds);
  if (code === 'token_expired') return 'the token would expire in the past';
  if (code === 'token_lifetime_too_long') {
    return `the token would expire later than in ${longest}, the most its key allows`;
  }
  const rule = Object.entries(CLAIM_RULES).find(([name]) => name === facts.param);
  return rule === undefined ? message : `"${rule[0]}" must be ${rule[1]}`;
}
