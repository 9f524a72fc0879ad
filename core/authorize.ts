/**
 * Authorize: decides who sent a request, from its headers alone.
 *
 * Steps, in order:
 * 1. read the one credential (access/credential.ts);
 * 2. find the key's record and verify the key string, the scoped token or the user's JWT;
 * 3. check the identity against the key's controls, then the origin of a page, then the conversation.
 *
 * Guarantees: an outage is thrown (503), never turned into a denial or a grant. All unknown credentials get one answer
 * and cost the same work. Each check that is passed is handed out as a fact; `explain.ts` words the facts.
 */
import type { AccessFact, Authorization } from './access/authorization.ts';
import { readCredential } from './access/credential.ts';
import type { Grant } from './access/grant.ts';
import {
  type Claimant,
  claimantOfJwt,
  claimantOfKey,
  claimantOfToken,
  joinNamespaces,
  readConversation,
  readTags,
  requireAllowedIdentity,
} from './access/identity.ts';
import { applyTier, grantOf } from './access/key-grant.ts';
import { findManagedKey } from './access/managed-key.ts';
import { isJudgedRoute } from './access/model-routes.ts';
import { ANY_ORIGIN, requireAllowedOrigin } from './access/origin.ts';
import { GatewayError } from './base/errors.ts';
import type { Headers, HttpRequest } from './base/http.ts';
import type { Clock, Secrets } from './base/ports.ts';
import { verifyClientJwt } from './jwt/client-jwt.ts';
import type { JwtKeys } from './jwt/ports.ts';
import { formatRequired } from './jwt/required-claim.ts';
import { hashOfKey, isWellFormed } from './keys/api-key.ts';
import type { KeyRecord } from './keys/key-record.ts';
import { findFault, type KeyUse, type ValidVersion, validVersionsOf } from './keys/key-use.ts';
import type { KeyRecords } from './keys/ports.ts';
import { parseScopedClaims, requireInForce, tokenIdOf } from './tokens/scoped-claims.ts';
import {
  isSignedWith,
  parsePayload,
  parseScopedToken,
  type ScopedToken,
} from './tokens/scoped-token.ts';

/** The part of a request that the authorizer sees. */
export interface CredentialRequest {
  readonly headers: Headers;
  /** Absent: one that calls a model. */
  readonly route?: Pick<HttpRequest, 'method' | 'path'> & Partial<Pick<HttpRequest, 'query'>>;
}

export interface AuthorizePorts {
  /** The gateway's account. Keys and tokens of other accounts are unknown here. */
  readonly account: string;
  /** From the configuration. A key may narrow them. */
  readonly allowedOrigins: readonly string[];
  readonly keys: KeyRecords;
  readonly secrets: Pick<Secrets, 'readKey'>;
  readonly jwtKeys: JwtKeys;
  readonly clock: Clock;
  /** Receives each check that is passed, in order. @default the facts are dropped */
  readonly onPassed?: (fact: AccessFact) => void;
}

/**
 * Decides on a request's credential.
 * @throws service_unavailable when keys or secrets cannot be read
 */
export async function authorize(
  request: CredentialRequest,
  ports: AuthorizePorts,
): Promise<Authorization> {
  try {
    return { kind: 'grant', grant: await requireGrant(request, ports) };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    if (error.status === 401) return { kind: 'denied', error };
    if (error.status === 400 || error.status === 403) return { kind: 'refusal', error };
    throw error;
  }
}

async function requireGrant(
  { headers, route }: CredentialRequest,
  ports: AuthorizePorts,
): Promise<Grant> {
  const { onPassed, allowedOrigins } = ports;
  const { record, grant, claimant: named } = await identify(headers, ports);
  const claimant = joinNamespaces(named, record.identity);
  const isJudged = route === undefined || isJudgedRoute(route);
  if (isJudged) requireIdentity(claimant, record, onPassed);
  requireAllowedOrigin(headers, allowedOrigins);
  requireAllowedOrigin(headers, record.allowedOrigins ?? [ANY_ORIGIN]);
  if (headers.has('origin')) onPassed?.({ check: 'origin' });
  const conversation = isJudged ? readConversation(headers, record.identity) : undefined;
  if (conversation !== undefined) onPassed?.({ check: 'conversation' });
  const tags = isJudged && grant.credential === 'key' ? readTags(headers) : grant.tags;
  const granted: Grant = {
    ...grant,
    ...(claimant && { identity: claimant.identity }),
    ...(claimant?.formerUser !== undefined && { formerUser: claimant.formerUser }),
    ...(claimant?.identity.source === 'jwt' && claimant.email && { email: claimant.email }),
    ...(conversation !== undefined && { conversation }),
    ...(tags && { tags }),
  };
  const managed = route && (await findManagedKey(granted, route, ports.keys));
  return managed === undefined ? granted : { ...granted, managed };
}

function requireIdentity(
  claimant: Claimant | undefined,
  { identity: controls }: KeyRecord,
  onPassed: AuthorizePorts['onPassed'],
): void {
  requireAllowedIdentity(claimant, controls);
  if (controls?.enforceIdentity) onPassed?.({ check: 'enforced' });
  if (claimant && controls?.allowedDomains) onPassed?.({ check: 'domain' });
}

/** A verified credential: its key's record, what it grants, and the user it speaks for. */
interface Identified {
  readonly record: KeyRecord;
  readonly grant: Grant;
  readonly claimant: Claimant | undefined;
}

/** Identifies a user in the name space of the header, the token or the JWT that names them. */
async function identify(headers: Headers, ports: AuthorizePorts): Promise<Identified> {
  const credential = readCredential(headers);
  ports.onPassed?.({ check: 'credential', kind: credential.kind });
  switch (credential.kind) {
    case 'key':
      return identifyByKey(credential.key, headers, ports);
    case 'scoped-token':
      return identifyByToken(credential.jws, ports);
    case 'client-access':
      return identifyByJwt(credential, ports);
  }
}

/** The one answer to every unknown credential, so that callers cannot tell the reasons apart. */
const unknown = (detail: string): GatewayError => new GatewayError('invalid_api_key', { detail });

async function identifyByKey(
  key: string,
  headers: Headers,
  ports: AuthorizePorts,
): Promise<Identified> {
  const { record, former } = await requirePresentedKey(key, 'alone', ports);
  const grant: Grant = { ...grantOf(record), credential: 'key', former };
  return { record, grant, claimant: claimantOfKey(record, headers) };
}

/** A key with its holder's JWT. The header that names users is not read, because the JWT names the user. */
async function identifyByJwt(
  { key, jwt }: { readonly key: string; readonly jwt: string },
  ports: AuthorizePorts,
): Promise<Identified> {
  const { record, former } = await requirePresentedKey(key, 'with-jwt', ports);
  const { id, verifier, identity } = record;
  if (verifier === undefined) throw unknown('client access on a key without a verifier');
  const { key: material, algorithms } = verifier;
  ports.onPassed?.({ check: 'verifier', kind: material.kind, algorithms });
  const trustEmail = identity?.trustEmail ?? false;
  const { tiers = [] } = record;
  const rules = tiers.map(({ when }) => when);
  const user = await verifyClientJwt(jwt, { id, verifier, trustEmail, rules }, ports);
  const tier = user.rule === undefined ? undefined : tiers[user.rule];
  if (tiers.length > 0) {
    ports.onPassed?.({ check: 'tier', when: tier && formatRequired(tier.when) });
  }
  const grant: Grant = { ...applyTier(grantOf(record), tier), credential: 'client-access', former };
  return { record, grant, claimant: claimantOfJwt(user) };
}

/** Finds the record of a key string that was sent, and if the string is the key's former one. */
async function requirePresentedKey(
  key: string,
  use: KeyUse,
  ports: AuthorizePorts,
): Promise<{ readonly record: KeyRecord; readonly former: boolean }> {
  const { account, keys, clock, onPassed } = ports;
  if (!isWellFormed(key)) throw unknown('not a key of this gateway');
  onPassed?.({ check: 'form' });
  const hash = hashOfKey(key);
  const found = await keys.findByKeyHash(hash);
  if (found === undefined) throw unknown('no such key');
  const { record, version } = found;
  const valid = validVersionsOf(record, clock.nowMs()).find((each) => each.version === version);
  if (valid === undefined || (!valid.former && record.keyHash !== hash)) {
    throw unknown('a version of the key that is no longer in force');
  }
  const fault = findFault(record, { account, use, nowMs: clock.nowMs() });
  if (fault !== undefined) throw unknown(fault);
  const former = valid.former !== undefined;
  onPassed?.(keyFactOf(record));
  onPassed?.({ check: 'version', isFormer: former });
  return { record, former };
}

const keyFactOf = ({ name, kind, expiresAtMs }: KeyRecord): AccessFact => ({
  check: 'key',
  name,
  kind,
  ...(expiresAtMs !== undefined && { expiresAtMs }),
});

/** If a signature fails and the record was read longer ago than this, read it again: the key may have been rotated. */
const UNSIGNED_AGE_MAX_MS = 1_000;

async function identifyByToken(jws: string, ports: AuthorizePorts): Promise<Identified> {
  const token = parseScopedToken(jws);
  const { account, keyName } = token;
  ports.onPassed?.({ check: 'form', names: { account, keyName } });
  const cached = await requireSigningKey(token, ports);
  ports.onPassed?.(keyFactOf(cached));
  const version = await findSigningVersion(token, cached, ports);
  if (version !== undefined) return toIdentified(token, { record: cached, version }, ports);
  const fresh = await requireSigningKey(token, ports, UNSIGNED_AGE_MAX_MS);
  const isRotated = fresh.version !== cached.version;
  const newer = isRotated ? await findSigningVersion(token, fresh, ports) : undefined;
  if (newer === undefined) throw unknown('the signature does not hold');
  return toIdentified(token, { record: fresh, version: newer }, ports);
}

/** Finds the record of the key that a token names, if that key may sign tokens. */
async function requireSigningKey(
  token: ScopedToken,
  ports: AuthorizePorts,
  ageMaxMs?: number,
): Promise<KeyRecord> {
  const { account, keyName } = token;
  const isOurs = account === ports.account;
  const record = isOurs ? await ports.keys.findByName(account, keyName, ageMaxMs) : undefined;
  const asked = { account: ports.account, use: 'signer', nowMs: ports.clock.nowMs() } as const;
  const fault = record === undefined ? 'no such key' : findFault(record, asked);
  if (record !== undefined && fault === undefined) return record;
  isSignedWith(token, ''); // Takes as long as checking a wrong signature.
  throw unknown(fault ?? 'no such key');
}

async function findSigningVersion(
  token: ScopedToken,
  record: KeyRecord,
  { secrets, clock }: AuthorizePorts,
): Promise<ValidVersion | undefined> {
  for (const each of validVersionsOf(record, clock.nowMs())) {
    if (isSignedWith(token, await secrets.readKey(record.id, each.version))) return each;
  }
  return undefined;
}

/** Reads a token whose signature holds. Nothing in it is believed before this. */
function toIdentified(
  token: ScopedToken,
  { record, version }: { readonly record: KeyRecord; readonly version: ValidVersion },
  { clock, onPassed }: AuthorizePorts,
): Identified {
  const { former } = version;
  onPassed?.({ check: 'signature', isFormer: former !== undefined });
  const claims = parseScopedClaims(parsePayload(token), record);
  onPassed?.({ check: 'claims' });
  requireInForce(claims, record.maxTokenLifetimeSeconds, clock.nowMs(), former);
  const { expiresAtMs, jti } = claims.token;
  const ends = [expiresAtMs, former?.untilMs, record.expiresAtMs];
  onPassed?.({ check: 'times', untilMs: Math.min(...ends.filter((each) => each !== undefined)) });
  const id = tokenIdOf(jti, token.signingInput);
  const grant: Grant = {
    ...grantOf(record),
    credential: 'scoped-token',
    former: former !== undefined,
    token: { ...claims.token, id, revoked: record.revoked.includes(id) },
    ...(claims.tags && { tags: claims.tags }),
  };
  return { record, grant, claimant: claimantOfToken(claims.user) };
}
