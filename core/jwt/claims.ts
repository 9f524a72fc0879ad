/**
 * What a JWT whose signature held says of its holder, and whether the key lets such a one in.
 * Flow: signature > **claims** > identity. Invariant: a claim is read only as the type it must have; errors name a claim
 * and never tell its value. RFC 7519, 4.1; RFC 8725, 3.8, 3.9.
 */
import { GatewayError } from '../base/errors.ts';
import { isName, USER_CHARS_MAX } from '../base/names.ts';
import type { RequiredClaim, VerifiedUser, Verifier } from './verifier.ts';

type Claims = Readonly<Record<string, unknown>>;

interface Circumstances {
  readonly nowMs: number;
  readonly onPassed: ((check: string, found: string) => void) | undefined;
}

/**
 * @throws token_claim_invalid, token_expired, token_not_active; claim_not_allowed for a required claim that is missing
 *   or has none of the values
 */
export function readVerifiedUser(
  claims: Claims,
  key: { readonly verifier: Verifier; readonly trustEmail: boolean },
  { nowMs, onPassed }: Circumstances,
): VerifiedUser {
  const { verifier } = key;
  const issuer = readIssuer(claims, verifier.issuers);
  onPassed?.('issuer', verifier.issuers.length > 0 ? 'one that the key names' : 'any will do');
  requireAudience(claims, verifier);
  onPassed?.('audience', verifier.audiences.length > 0 ? 'one that the key names' : 'any will do');
  requireParty(claims, verifier.authorizedParties);
  onPassed?.(
    'azp',
    verifier.authorizedParties.length > 0 ? 'one that the key names' : 'any will do',
  );
  requireTimes(claims, verifier, nowMs / 1000);
  onPassed?.('jwt times', 'in force now');
  const id = readUserId(claims);
  onPassed?.('user', 'it names one');
  for (const required of verifier.required) requireClaim(claims, required);
  if (verifier.required.length > 0) onPassed?.('required claims', 'each is there and allowed');
  const email = readEmail(claims, key.trustEmail);
  return { issuer: nameOfIssuer(issuer), id, ...(email !== undefined && { email }) };
}

const invalid = (claim: string, reason: string): GatewayError =>
  new GatewayError('token_claim_invalid', { message: `the claim "${claim}" ${reason}` });

const notAccepted = (claim: string): GatewayError =>
  invalid(claim, 'is missing or not one that this key accepts');

const ISSUER_CHARS_MAX = 512;

function readIssuer({ iss }: Claims, issuers: readonly string[]): string {
  if (iss === undefined && issuers.length === 0) return '';
  if (iss === undefined) throw notAccepted('iss');
  if (typeof iss !== 'string' || !isName(iss, ISSUER_CHARS_MAX)) {
    throw invalid('iss', 'must be a text of 1 to 512 characters');
  }
  if (issuers.length > 0 && !issuers.includes(iss)) throw notAccepted('iss');
  return iss;
}

function requireAudience(claims: Claims, { audiences, audienceClaim }: Verifier): void {
  const { aud = audienceClaim === undefined ? undefined : claims[audienceClaim] } = claims;
  const all: readonly unknown[] = Array.isArray(aud) ? aud : aud === undefined ? [] : [aud];
  if (!all.every((each) => typeof each === 'string')) {
    throw invalid('aud', 'must be a text or a list of texts');
  }
  if (audiences.length > 0 && !all.some((each) => audiences.includes(each))) {
    throw notAccepted('aud');
  }
}

function requireParty({ azp }: Claims, parties: readonly string[]): void {
  if (azp !== undefined && typeof azp !== 'string') throw invalid('azp', 'must be a text');
  if (parties.length > 0 && (azp === undefined || !parties.includes(azp))) throw notAccepted('azp');
}

/** 9999-12-31T23:59:59Z: what lies beyond is no date but a mistake, or a way to never expire. */
const TIME_MAX_SECONDS = 253_402_300_799;

function readTime(claims: Claims, name: 'exp' | 'nbf' | 'iat'): number | undefined {
  const value = claims[name];
  if (value === undefined) return undefined;
  // NaN and infinities fail both comparisons.
  if (typeof value === 'number' && value >= 0 && value <= TIME_MAX_SECONDS) return value;
  throw invalid(name, 'must be seconds since 1970, up to the year 9999');
}

/** RFC 7519, 4.1.4 to 4.1.6: `exp` is the first instant at which it no longer holds. */
function requireTimes(
  claims: Claims,
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

/** The first that is present decides: one that may not name a user is refused, not passed over. */
function readUserId(claims: Claims): string {
  const name = USER_CLAIMS.find((each) => Object.hasOwn(claims, each));
  if (name === undefined) throw invalid('sub', 'is missing, and so are "user_id" and "userId"');
  const id = claims[name];
  if (typeof id === 'string' && isName(id, USER_CHARS_MAX)) return id;
  throw invalid(name, 'must be a text of 1 to 256 characters without control characters');
}

function requireClaim(claims: Claims, { claim, values }: RequiredClaim): void {
  const found = findClaim(claims, claim);
  const all: readonly unknown[] = Array.isArray(found) ? found : [found];
  const isThere = found !== undefined && found !== null;
  if (isThere && (values.length === 0 || all.some((each) => values.some((v) => v === each))))
    return;
  throw new GatewayError('claim_not_allowed', {
    message: `the claim "${claim}" is missing or not one that this key allows`,
  });
}

const PATH_STEPS_MAX = 8;

/**
 * A member by its whole name, which may be a URL with dots; else by the longest name that the path begins with, and the
 * rest within it. Only members of the token's own are seen.
 */
function findClaim(claims: Claims, path: string): unknown {
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

/** Entra's "email domain owner verified" comes in any of these spellings. */
const EDOV_TRUE: readonly unknown[] = [true, 1, '1', 'true'];

/** Top-level claims only: what lies in `user_metadata` and the like, users write themselves. */
function readEmail(claims: Claims, trustEmail: boolean): string | undefined {
  const { email, email_verified: verified, xms_edov: domainVerified } = claims;
  const isVouchedFor =
    verified === true || (verified === undefined && EDOV_TRUE.includes(domainVerified));
  if (!isVouchedFor && !trustEmail) return undefined;
  return typeof email === 'string' && isName(email, EMAIL_CHARS_MAX) ? email : undefined;
}

/** The first is what it is called here. https://developers.google.com/identity/gsi/web/guides/verify-google-id-token */
export const GOOGLE_ISSUERS = ['https://accounts.google.com', 'accounts.google.com'] as const;

/** Of Entra's first version. https://learn.microsoft.com/en-us/entra/identity-platform/access-tokens */
const ENTRA_V1 = /^https:\/\/sts\.windows\.net\/([0-9a-f-]{36})\/$/;

/** @param issuer one that a key accepts */
export function nameOfIssuer(issuer: string): string {
  if (issuer === GOOGLE_ISSUERS[1]) return GOOGLE_ISSUERS[0];
  const [, tenant] = ENTRA_V1.exec(issuer) ?? [];
  return tenant === undefined ? issuer : `https://login.microsoftonline.com/${tenant}/v2.0`;
}
