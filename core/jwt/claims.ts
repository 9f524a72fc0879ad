/**
 * The claims of a JWT whose signature holds: who its holder is, and if the key accepts them.
 * Flow: signature > **claims** > identity. Invariant: a claim is read only as the type it must have; errors name a claim
 * and never show its value. RFC 7519, 4.1; RFC 8725, 3.8, 3.9.
 */
import { GatewayError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { isName, USER_CHARS_MAX } from '../base/names.ts';
import type { JwtFact } from './facts.ts';
import type { RequiredClaim, VerifiedUser, Verifier, VerifyingKey } from './verifier.ts';

/**
 * Checks issuer, audience, `azp`, times, user and required claims, in this order, and returns the user.
 * @throws token_claim_invalid, token_expired, token_not_active; claim_not_allowed for a required claim that is missing
 *   or has none of the values
 */
export function readVerifiedUser(
  claims: JsonObject,
  key: Pick<VerifyingKey, 'verifier' | 'trustEmail' | 'rules'>,
  options: { readonly nowMs: number; readonly onPassed?: ((fact: JwtFact) => void) | undefined },
): VerifiedUser {
  const { nowMs, onPassed } = options;
  const { verifier } = key;
  const { issuers, audiences, authorizedParties, required } = verifier;
  const issuer = readIssuer(claims, issuers);
  onPassed?.({ check: 'issuer', isRestricted: issuers.length > 0 });
  requireAudience(claims, verifier);
  onPassed?.({ check: 'audience', isRestricted: audiences.length > 0 });
  requireParty(claims, authorizedParties);
  onPassed?.({ check: 'azp', isRestricted: authorizedParties.length > 0 });
  requireTimes(claims, verifier, nowMs / 1000);
  onPassed?.({ check: 'jwt times' });
  const id = readUserId(claims);
  onPassed?.({ check: 'user' });
  for (const each of required) requireClaim(claims, each);
  if (required.length > 0) onPassed?.({ check: 'required claims' });
  const email = readEmail(claims, key.trustEmail);
  const rule = key.rules?.findIndex((each) => fitsClaim(claims, each)) ?? -1;
  return {
    issuer: nameOfIssuer(issuer),
    id,
    ...(email !== undefined && { email }),
    ...(rule !== -1 && { rule }),
  };
}

const invalid = (claim: string, reason: string): GatewayError =>
  new GatewayError('token_claim_invalid', { message: `the claim "${claim}" ${reason}` });

const notAccepted = (claim: string): GatewayError =>
  invalid(claim, 'is missing or not one that this key accepts');

const ISSUER_CHARS_MAX = 512;

function readIssuer({ iss }: JsonObject, issuers: readonly string[]): string {
  if (iss === undefined && issuers.length === 0) return '';
  if (iss === undefined) throw notAccepted('iss');
  if (typeof iss !== 'string' || !isName(iss, ISSUER_CHARS_MAX)) {
    throw invalid('iss', 'must be a text of 1 to 512 characters');
  }
  if (issuers.length > 0 && !issuers.includes(iss)) throw notAccepted('iss');
  return iss;
}

function requireAudience(claims: JsonObject, { audiences, audienceClaim }: Verifier): void {
  const { aud = audienceClaim === undefined ? undefined : claims[audienceClaim] } = claims;
  const all: readonly unknown[] = Array.isArray(aud) ? aud : aud === undefined ? [] : [aud];
  if (!all.every((each) => typeof each === 'string')) {
    throw invalid('aud', 'must be a text or a list of texts');
  }
  if (audiences.length > 0 && !all.some((each) => audiences.includes(each))) {
    throw notAccepted('aud');
  }
}

function requireParty({ azp }: JsonObject, parties: readonly string[]): void {
  if (azp !== undefined && typeof azp !== 'string') throw invalid('azp', 'must be a text');
  if (parties.length > 0 && (azp === undefined || !parties.includes(azp))) throw notAccepted('azp');
}

/** 9999-12-31T23:59:59Z: a later time is a mistake, or a way to never expire. */
const TIME_MAX_SECONDS = 253_402_300_799;

function readTime(claims: JsonObject, name: 'exp' | 'nbf' | 'iat'): number | undefined {
  const value = claims[name];
  if (value === undefined) return undefined;
  // NaN and infinities fail both comparisons.
  if (typeof value === 'number' && value >= 0 && value <= TIME_MAX_SECONDS) return value;
  throw invalid(name, 'must be seconds since 1970, up to the year 9999');
}

/** RFC 7519, 4.1.4 to 4.1.6: `exp` is the first instant at which the token is no longer valid. */
function requireTimes(
  claims: JsonObject,
  { requireExp, clockToleranceSeconds }: Verifier,
  nowSeconds: number,
): void {
  const expiresAt = readTime(claims, 'exp');
  const notBefore = readTime(claims, 'nbf');
  const issuedAt = readTime(claims, 'iat');
  if (expiresAt === undefined && requireExp) throw invalid('exp', 'is missing');
  if (expiresAt !== undefined && expiresAt <= nowSeconds - clockToleranceSeconds) {
    throw new GatewayError('token_expired');
  }
  const startsAt = Math.max(notBefore ?? 0, issuedAt ?? 0);
  if (startsAt > nowSeconds + clockToleranceSeconds) throw new GatewayError('token_not_active');
}

const USER_CLAIMS = ['sub', 'user_id', 'userId'] as const;

/** The first claim that is present decides: if it cannot name a user, the token is refused. */
function readUserId(claims: JsonObject): string {
  const name = USER_CLAIMS.find((each) => Object.hasOwn(claims, each));
  if (name === undefined) throw invalid('sub', 'is missing, and there is no "user_id" or "userId"');
  const id = claims[name];
  if (typeof id === 'string' && isName(id, USER_CHARS_MAX)) return id;
  throw invalid(name, 'must be a text of 1 to 256 characters without control characters');
}

/** True if the claim is present and, where values are listed, is or contains one of them. */
export function fitsClaim(claims: JsonObject, { claim, values }: RequiredClaim): boolean {
  const found = findClaim(claims, claim);
  if (found === undefined || found === null) return false;
  const all: readonly unknown[] = Array.isArray(found) ? found : [found];
  return values.length === 0 || all.some((each) => values.some((value) => value === each));
}

function requireClaim(claims: JsonObject, required: RequiredClaim): void {
  if (fitsClaim(claims, required)) return;
  const { claim } = required;
  throw new GatewayError('claim_not_allowed', {
    message: `the claim "${claim}" is missing or not one that this key allows`,
  });
}

const PATH_STEPS_MAX = 8;

/**
 * Finds a member by its whole name, which may be a URL with dots; otherwise by the longest name that the path begins
 * with, and then the rest of the path inside that member. Only own members count.
 */
function findClaim(claims: JsonObject, path: string): unknown {
  let within: unknown = claims;
  let rest = path;
  for (let step = 0; step < PATH_STEPS_MAX; step += 1) {
    if (typeof within !== 'object' || within === null || Array.isArray(within)) return undefined;
    const members = new Map<string, unknown>(Object.entries(within));
    if (members.has(rest)) return members.get(rest);
    const name = longestPrefix(rest, members);
    if (name === undefined) return undefined;
    within = members.get(name);
    rest = rest.slice(name.length + 1);
  }
  return undefined;
}

function longestPrefix(path: string, members: ReadonlyMap<string, unknown>): string | undefined {
  let dot = path.lastIndexOf('.');
  while (dot > 0 && !members.has(path.slice(0, dot))) dot = path.lastIndexOf('.', dot - 1);
  return dot > 0 ? path.slice(0, dot) : undefined;
}

/** RFC 5321, 4.5.3.1: 64 for the local part, `@`, 255 for the domain. */
const EMAIL_CHARS_MAX = 320;

/** Entra writes "email domain owner verified" in any of these ways. */
const EDOV_TRUE: readonly unknown[] = [true, 1, '1', 'true'];

/** Reads top-level claims only, because users write `user_metadata` and the like themselves. */
export function readEmail(claims: JsonObject, trustEmail: boolean): string | undefined {
  const { email, email_verified: verified, xms_edov: domainVerified } = claims;
  const isVouchedFor =
    verified === true || (verified === undefined && EDOV_TRUE.includes(domainVerified));
  if (!isVouchedFor && !trustEmail) return undefined;
  return typeof email === 'string' && isName(email, EMAIL_CHARS_MAX) ? email : undefined;
}

/** Google's two names; the first is the one used here. https://developers.google.com/identity/gsi/web/guides/verify-google-id-token */
export const GOOGLE_ISSUERS = ['https://accounts.google.com', 'accounts.google.com'] as const;

/** Issuer of Entra's version 1 tokens. https://learn.microsoft.com/en-us/entra/identity-platform/access-tokens */
const ENTRA_V1 = /^https:\/\/sts\.windows\.net\/([0-9a-f-]{36})\/$/;

/** Returns the one name of an issuer that has two names. */
export function nameOfIssuer(issuer: string): string {
  if (issuer === GOOGLE_ISSUERS[1]) return GOOGLE_ISSUERS[0];
  const [, tenant] = ENTRA_V1.exec(issuer) ?? [];
  return tenant === undefined ? issuer : `https://login.microsoftonline.com/${tenant}/v2.0`;
}
