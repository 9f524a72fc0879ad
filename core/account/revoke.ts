/**
 * Revocation: one token, a `jti`, or all of a user's tokens issued until now. Flow: Grant > **mark**.
 * Invariant: what is revoked stays so for as long as anything could be used that it names.
 */
import type { Grant } from '../access/grant.ts';
import { claimantOfToken } from '../access/identity.ts';
import type { TokenId, WalletId } from '../base/ids.ts';
import type { Clock, RevokedList, WalletMarks } from '../base/ports.ts';
import { tokenIdOf } from '../tokens/scoped-claims.ts';
import { walletIdOf } from '../wallet/payer.ts';
import { keepTokenUntilMs } from '../wallet/place-hold.ts';

/** The key whose tokens are revoked; a grant of it, or its record with `id` and `name` so named. */
export type RevokingKey = Pick<Grant, 'account' | 'keyId' | 'keyName' | 'maxTokenLifetimeSeconds'>;

/** A token as its claims say; not verified here: whoever calls has seen that the key signed it. */
export interface RevokedToken {
  readonly id: TokenId;
  readonly expiresAtMs: number;
  /** Its `user`, whose wallet then pays for it. */
  readonly user?: string | undefined;
}

/** The wallet that pays for a token of a key. */
export function walletIdOfToken(
  keyId: Grant['keyId'],
  { id, user }: Pick<RevokedToken, 'id' | 'user'>,
): WalletId {
  const identity = claimantOfToken(user)?.identity;
  return walletIdOf({ keyId, token: { id }, ...(identity && { identity }) });
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
