/**
 * The grant: what the authorizer found out about a caller, and all that the functions know.
 * It crosses API Gateway as one JSON text; the functions never read the key again.
 * Invariant: a grant holds no key, token, signature or header value.
 */
import { GatewayError } from '../base/errors.ts';
import type { KeyId, TokenId } from '../base/ids.ts';
import type { Limit } from '../base/limits.ts';
import type { NanoUsd } from '../base/money.ts';
import type { Tags } from '../base/tags.ts';
import type { KeyKind } from '../keys/key-record.ts';

/** The source of an identity. Users of different sources are different users, even with one name. */
export type IdentitySource = 'header' | 'token' | 'jwt' | 'personal';

/** The user a request is for. */
export interface Identity {
  readonly source: IdentitySource;
  /** The issuer of a JWT; empty for the other sources. */
  readonly issuer: string;
  /** 1 to 256 characters without control characters. */
  readonly id: string;
}

/** The part of a grant that a scoped token states. */
export interface TokenGrant {
  readonly id: TokenId;
  readonly jti?: string;
  /** `spending_limit`, for the whole life of the token. */
  readonly spendingLimitNanoUsd?: NanoUsd;
  /** The token's own allowlist; absent: the key's. */
  readonly models?: readonly string[];
  /** `iat`, else `exp − maxTokenLifetime`. A revocation of all tokens "until now" compares it. */
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** It is in the key's list of revoked tokens, and the function refuses it with `token_revoked`. */
  readonly revoked: boolean;
}

/** The part of a managed key's record that the owner's routes need. */
export interface ManagedKey {
  readonly keyId: KeyId;
  readonly keyName: string;
  readonly keyKind: KeyKind;
  readonly limits: readonly Limit[];
  /** The user of a personal key. */
  readonly user?: string;
}

/** The rights of a verified caller. */
export interface Grant {
  readonly account: string;
  readonly keyId: KeyId;
  readonly keyName: string;
  readonly keyKind: KeyKind;
  /** The form of credential in the request. */
  readonly credential: 'key' | 'client-access' | 'scoped-token';
  /** It was sent with, or signed by, the key's former string, which may not sign or revoke. */
  readonly former: boolean;
  readonly identity?: Identity;
  /** The user as they were named, if that is not the one form of their id (`foldUser`). */
  readonly formerUser?: string;
  /** The verified e-mail address of a JWT's user, for reports. */
  readonly email?: string;
  readonly token?: TokenGrant;
  readonly models?: readonly string[];
  readonly limits: readonly Limit[];
  readonly maxTokenLifetimeSeconds: number;
  /** From this instant on the key, and every token it signed, is unknown. */
  readonly keyExpiresAtMs?: number;
  readonly conversation?: string;
  /** The key that `?key=NAME` names, if the caller manages it. */
  readonly managed?: ManagedKey;
  /** Kept with usage, never sent upstream. */
  readonly tags?: Tags;
}

/** True from the instant of `exp` on (RFC 7519, 4.1.4). */
export const isExpired = ({ expiresAtMs }: Pick<TokenGrant, 'expiresAtMs'>, nowMs: number) =>
  expiresAtMs <= nowMs;

/**
 * Refuses a key or token that has expired since the authorizer saw it, and a token on its key's list of revoked tokens.
 * @throws invalid_api_key, token_expired, token_revoked
 */
export function requireLiveToken({ token, keyExpiresAtMs }: Grant, nowMs: number): void {
  if (keyExpiresAtMs !== undefined && keyExpiresAtMs <= nowMs) {
    throw new GatewayError('invalid_api_key', { detail: 'the key has expired' });
  }
  if (token === undefined) return;
  if (isExpired(token, nowMs)) throw new GatewayError('token_expired');
  if (token.revoked) throw new GatewayError('token_revoked');
}

/** True for a server key presented alone: its holder owns the key, may sign tokens and sees key-wide figures. */
export const isBareServerKey = ({ keyKind, credential }: Grant): boolean =>
  keyKind === 'server' && credential === 'key';

/** True for the current string of a server key, sent alone and for no user: only the key's owner has it. */
export const isOwner = (grant: Grant): boolean =>
  isBareServerKey(grant) && !grant.former && grant.identity === undefined;

/** Returns when the credential ends: with its key or its token, whichever is earlier; undefined: it does not. */
export function expiryOf({ token, keyExpiresAtMs }: Grant): number | undefined {
  const ends = [token?.expiresAtMs, keyExpiresAtMs].filter((atMs) => atMs !== undefined);
  return ends.length === 0 ? undefined : Math.min(...ends);
}
