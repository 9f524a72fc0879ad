/**
 * Revocation: one token, a `jti`, or all of a user's tokens issued until now. Flow: Grant > **mark**.
 * Invariant: what is revoked stays so for as long as anything could be used that it names.
 */
import type { Grant } from '../access/grant.ts';
import { claimantOfToken } from '../access/identity.ts';
import { GatewayError } from '../base/errors.ts';
import type { HttpRequest } from '../base/http.ts';
import type { TokenId } from '../base/ids.ts';
import { isName, USER_CHARS_MAX } from '../base/names.ts';
import type { Clock } from '../base/ports.ts';
import type { RevokedList } from '../keys/ports.ts';
import { JTI_CHARS_MAX, tokenIdOf } from '../tokens/scoped-claims.ts';
import { keepTokenUntilMs, walletIdOf, walletIdOfToken } from '../wallet/payer.ts';
import type { WalletMarks } from '../wallet/ports.ts';
import { parseOwnToken, requireServerKey } from './scoped-jwt.ts';

/** The key whose tokens are revoked; a grant of it, or its record with `id` and `name` so named. */
export type RevokingKey = Pick<Grant, 'account' | 'keyId' | 'keyName' | 'maxTokenLifetimeSeconds'>;

/** A token as its claims say; not verified here: whoever calls has seen that the key signed it. */
export interface RevokedToken {
  readonly id: TokenId;
  readonly expiresAtMs: number;
  /** Its `user`, whose wallet then pays for it. */
  readonly user?: string | undefined;
}

/**
 * Revokes one token, and all that share its `jti` and user: their next request is refused with `token_revoked`.
 * May be repeated. The mark goes with the token's counters, when nothing it names can be in force any more.
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
  await marks.revokeToken(walletIdOfToken(key.keyId, token), token.id, keepUntilMs);
}

/**
 * Revokes all tokens of a key with this `jti`, whosever they are, within ten seconds (the age of a key record).
 * It stays on the key's list for twice the longest life of its tokens.
 * @throws invalid_request when the list is full, service_unavailable
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

/**
 * Revokes all of a user's tokens issued until now: their next request is refused. `iat` counts whole seconds, so a
 * token of this very second counts as issued before; one without `iat` as issued a token's longest life before it ends.
 * @returns the instant, or a later one if the user was revoked later
 * @throws service_unavailable
 */
export async function revokeUser(
  key: RevokingKey,
  user: string,
  { marks, clock }: { readonly marks: WalletMarks; readonly clock: Clock },
): Promise<{ readonly notBeforeMs: number }> {
  const notBeforeMs = clock.nowMs();
  const identity = claimantOfToken(user)?.identity;
  const walletId = walletIdOf({ keyId: key.keyId, ...(identity && { identity }) });
  await marks.raiseNotBefore(walletId, notBeforeMs);
  return { notBeforeMs };
}

export interface RevokePorts {
  readonly marks: WalletMarks;
  readonly revokedList: RevokedList;
  readonly clock: Clock;
}

export type Body = Readonly<Record<string, unknown>>;
export const PARAMETERS = ['jwtoken', 'jti', 'user'] as const;

/** Until then a function may believe a record that it has read. */
export const EFFECTIVE_WITHIN_SECONDS = 10;

/**
 * Revokes one token (`jwtoken`, expired ones too), all with one `jti`, or all of a user's issued until now.
 * `effective_within_seconds` is 0 where the next request is refused.
 * @throws route_not_allowed for anything but the key in force of a server, invalid_request naming the parameter,
 *   service_unavailable
 */
export async function revoke(
  request: HttpRequest,
  grant: Grant,
  ports: RevokePorts,
): Promise<Body> {
  const key = requireServerKey(request, grant);
  if (grant.former) {
    throw new GatewayError('route_not_allowed', {
      message: 'a key that has been replaced revokes no tokens; use the new one',
    });
  }
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

export type Parameter = (typeof PARAMETERS)[number];

/** The one parameter there must be. */
export function readParameter(query: HttpRequest['query']): { name: Parameter; value: string } {
  const [only = '', ...more] = Object.keys(query);
  const name = PARAMETERS.find((each) => each === only);
  const value = query[only];
  if (name === undefined || value === undefined || more.length > 0) {
    throw new GatewayError('invalid_request', {
      message: `there must be exactly one of the parameters ${PARAMETERS.join(', ')}`,
    });
  }
  return { name, value };
}

export function requireName(name: Parameter, value: string, charsMax: number): string {
  if (isName(value, charsMax)) return value;
  throw new GatewayError('invalid_request', {
    message: `"${name}" must be 1 to ${charsMax} characters, none a control character`,
    param: name,
  });
}
