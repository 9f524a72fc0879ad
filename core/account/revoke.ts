/**
 * Revocation of one token, of a `jti`, or of all of a user's tokens issued until now, with five seconds' grace. Flow: Grant > **mark**.
 * Invariant: a revocation lasts as long as any token that it names could be valid.
 */
import type { Grant } from '../access/grant.ts';
import { claimantOfToken } from '../access/identity.ts';
import { invalidField, invalidRequest } from '../base/errors.ts';
import type { HttpRequest } from '../base/http.ts';
import type { TokenId } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import { isName, USER_CHARS_MAX } from '../base/names.ts';
import type { Clock } from '../base/ports.ts';
import type { RevokedList } from '../keys/ports.ts';
import { JTI_CHARS_MAX, tokenIdOf } from '../tokens/scoped-claims.ts';
import { keepTokenUntilMs, walletIdOf, walletIdOfToken } from '../wallet/payer.ts';
import type { WalletMarks } from '../wallet/ports.ts';
import { formerWalletIdsOfToken } from './find-wallet.ts';
import { parseOwnToken, requireCurrentKey } from './scoped-jwt.ts';

/** The key whose tokens are revoked, as in its grant. */
export type RevokingKey = Pick<Grant, 'account' | 'keyId' | 'keyName' | 'maxTokenLifetimeSeconds'>;

/** A token by its claims. Its signature is NOT checked here; callers use `parseOwnToken`. */
export interface RevokedToken {
  readonly id: TokenId;
  readonly expiresAtMs: number;
  /** Its `user` claim. That user's wallet pays for it. */
  readonly user?: string | undefined;
}

/**
 * Revokes one token and all others with its `jti` and user: their next request is refused with `token_revoked`. A wallet of
 * the user under another spelling is marked too, for a version before that still reads it.
 * May be repeated. The mark is removed with the token's counters, after all such tokens have expired.
 * @throws service_unavailable
 */
export async function revokeToken(
  key: RevokingKey,
  token: RevokedToken,
  { marks, clock }: { readonly marks: WalletMarks; readonly clock: Clock },
): Promise<void> {
  const lifetimeMs = key.maxTokenLifetimeSeconds * 1000;
  const keepUntilMs = Math.max(
    keepTokenUntilMs(clock.nowMs(), key.maxTokenLifetimeSeconds),
    token.expiresAtMs + lifetimeMs,
  );
  for (const former of formerWalletIdsOfToken(key.keyId, token.user)) {
    await marks.revokeToken(former, token.id, keepUntilMs, true);
  }
  await marks.revokeToken(walletIdOfToken(key.keyId, token), token.id, keepUntilMs);
}

/**
 * Revokes all tokens of a key with this `jti`, for any user, within `EFFECTIVE_WITHIN_SECONDS`.
 * The entry stays on the key's list for twice the longest lifetime of its tokens.
 * @throws invalid_request if the list is full, service_unavailable
 */
export async function revokeJti(
  key: RevokingKey,
  jti: string,
  { revokedList, clock }: { readonly revokedList: RevokedList; readonly clock: Clock },
): Promise<void> {
  const nowMs = clock.nowMs();
  const keepUntilMs = keepTokenUntilMs(nowMs, key.maxTokenLifetimeSeconds);
  await revokedList.add(key, { tokenId: tokenIdOf(jti, ''), keepUntilMs, nowMs });
}

/** The lead of an issuer's clock over ours. A token with a later `iat` is not in force yet. */
const ISSUER_LEAD_MS = 5_000;

/**
 * Revokes all of a user's tokens issued until five seconds from now, because an issuer's clock may be ahead: their next
 * request is refused. A token without `iat` counts as issued at its `exp` less the longest token lifetime.
 * @returns the last instant of issue that is revoked
 * @throws service_unavailable
 */
export async function revokeUser(
  key: RevokingKey,
  user: string,
  { marks, clock }: { readonly marks: WalletMarks; readonly clock: Clock },
): Promise<{ readonly notBeforeMs: number }> {
  const notBeforeMs = clock.nowMs() + ISSUER_LEAD_MS;
  const identity = claimantOfToken(user)?.identity;
  const walletId = walletIdOf({ ...key, ...(identity && { identity }) });
  for (const former of formerWalletIdsOfToken(key.keyId, user)) {
    await marks.raiseNotBefore(former, notBeforeMs, true);
  }
  await marks.raiseNotBefore(walletId, notBeforeMs);
  return { notBeforeMs };
}

interface RevokePorts {
  readonly marks: WalletMarks;
  readonly revokedList: RevokedList;
  readonly clock: Clock;
}

const PARAMETERS = ['jwtoken', 'jti', 'user'] as const;
type Parameter = (typeof PARAMETERS)[number];

/** The longest that the authorizer uses a cached key record, with its list of revoked tokens. */
export const EFFECTIVE_WITHIN_SECONDS = 10;

/**
 * `DELETE /v1/scoped-jwt`: revokes one token (`jwtoken`, also an expired one), all tokens with one `jti`, or all of a
 * user's tokens issued until `issued_until`. `effective_within_seconds` is 0 if the next request is refused.
 * @throws route_not_allowed for anything but a server key in force, invalid_request with the parameter,
 *   service_unavailable
 */
export async function revoke(
  request: HttpRequest,
  grant: Grant,
  ports: RevokePorts,
): Promise<JsonObject> {
  const key = requireCurrentKey(request, grant, 'revokes');
  const { name, value } = readParameter(request.query);
  switch (name) {
    case 'jwtoken': {
      const { id, claims } = parseOwnToken(value, key, grant);
      const { user, token } = claims;
      await revokeToken(grant, { id, expiresAtMs: token.expiresAtMs, user }, ports);
      return { revoked: true, jti: token.jti ?? null, effective_within_seconds: 0 };
    }
    case 'jti':
      await revokeJti(grant, requireName('jti', value, JTI_CHARS_MAX), ports);
      return { revoked: true, jti: value, effective_within_seconds: EFFECTIVE_WITHIN_SECONDS };
    case 'user': {
      const user = requireName('user', value, USER_CHARS_MAX);
      const { notBeforeMs } = await revokeUser(grant, user, ports);
      const issuedUntil = new Date(notBeforeMs).toISOString();
      return { revoked: true, user, issued_until: issuedUntil, effective_within_seconds: 0 };
    }
  }
}

/** Returns the one parameter of the request. */
function readParameter(query: HttpRequest['query']): { name: Parameter; value: string } {
  const [only = '', ...more] = Object.keys(query);
  const name = PARAMETERS.find((each) => each === only);
  const value = query[only];
  if (name === undefined || value === undefined || more.length > 0) {
    throw invalidRequest(`there must be exactly one of the parameters ${PARAMETERS.join(', ')}`);
  }
  return { name, value };
}

function requireName(name: Parameter, value: string, charsMax: number): string {
  if (isName(value, charsMax)) return value;
  throw invalidField(name, `must be 1 to ${charsMax} characters without control characters`);
}
