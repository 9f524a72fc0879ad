/**
 * The record of a key: all that is known of it but its secret.
 * Invariant: `id` is random and never changes, and names nothing else ever again.
 */
import type { KeyHash, KeyId, TokenId } from './ids.ts';
import type { Limit } from './limits.ts';

/**
 * `server`: for back ends, may sign scoped tokens. `personal`: a server key that always speaks for one user
 * and signs nothing. `client`: public by nature, refused without a JWT.
 */
export type KeyKind = 'server' | 'personal' | 'client';

export interface FormerVersion {
  readonly version: string;
  /** The former key and what it signed hold until then (exclusive). */
  readonly untilMs: number;
}

export interface KeyRecord {
  readonly id: KeyId;
  readonly account: string;
  readonly name: string;
  readonly kind: KeyKind;
  /** The version of the key's secret in force; names a member of the secret's `versions`. */
  readonly version: string;
  readonly keyHash: KeyHash;
  readonly former?: FormerVersion;
  readonly disabled: boolean;
  /** Whom a personal key speaks for. */
  readonly user?: string;
  /** Allowed model ids or `provider/*`; absent: all. Never empty. */
  readonly models?: readonly string[];
  readonly limits: readonly Limit[];
  readonly maxTokenLifetimeSeconds: number;
  /** Tokens revoked by `jti` (contract.md, DELETE /v1/scoped-jwt). */
  readonly revoked: readonly TokenId[];
  readonly createdAtMs: number;
}
