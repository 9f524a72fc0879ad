/**
 * The verifier of a key: the rules for the JWT that its users send behind the key (docs/identity.md).
 * Flow: key record > **verify** > identity. Invariant: the kind of the key material decides which algorithms may be used,
 * never a token.
 */
import type { KeyId } from '../base/ids.ts';

/** Algorithms of RFC 7518, 3.1 and RFC 8037, 3.1, without `none`. */
export const HMAC_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
export const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;
export type HmacAlgorithm = (typeof HMAC_ALGORITHMS)[number];
export type JwtAlgorithm =
  | HmacAlgorithm
  | (typeof RSA_ALGORITHMS)[number]
  | ('ES256' | 'ES384' | 'ES512' | 'EdDSA');

/** The key material that verifies signatures. A shared secret is in Secrets Manager under this version. */
export type VerifierKey =
  | { readonly kind: 'secret'; readonly version: string }
  | { readonly kind: 'pem'; readonly pem: string }
  | { readonly kind: 'jwks'; readonly url: string };

/** A claim that must be present. With values, it must be or contain one of them. */
export interface RequiredClaim {
  /** A member's name, namespaced URLs too, or a dot path into nested objects. */
  readonly claim: string;
  /** Compared with their JSON type. Empty: any value. */
  readonly values: readonly (string | number | boolean)[];
}

/** The verifier of a key: its key material, and its rules for claims. */
export interface Verifier {
  readonly key: VerifierKey;
  /** Never empty, and only those that the kind of `key` can serve. */
  readonly algorithms: readonly JwtAlgorithm[];
  /** `iss` must be one of these. Empty: any. */
  readonly issuers: readonly string[];
  /** `aud` must be or contain one of these. Empty: any. */
  readonly audiences: readonly string[];
  /** The claim that names the audience of a token without `aud`. @default a token without `aud` is refused */
  readonly audienceClaim?: string;
  /** `azp` must be one of these. Empty: any. */
  readonly authorizedParties: readonly string[];
  readonly required: readonly RequiredClaim[];
  readonly requireExp: boolean;
  /** The accepted difference between clocks: 0 to 60. */
  readonly clockToleranceSeconds: number;
}

/** The user that a verified JWT names. */
export interface VerifiedUser {
  /** `iss`; always the same name for an issuer that has two. Empty if the key requires none and the token has none. */
  readonly issuer: string;
  /** The first of `sub`, `user_id`, `userId` that is present: 1 to 256 characters, no control characters. */
  readonly id: string;
  /** Absent: there is none, or it is not verified. Domain rules apply to it in `access/identity.ts`. */
  readonly email?: string;
  /** The place of the first rule whose claim fits; absent: none does. */
  readonly rule?: number;
}

/** The part of a key's record that verifies its users' JWTs. */
export interface VerifyingKey {
  readonly id: KeyId;
  readonly verifier: Verifier;
  /** Accepts the issuer's e-mail addresses even if they are not verified. */
  readonly trustEmail: boolean;
  /** Claims of rules of which the first that fits is chosen. @default no rules */
  readonly rules?: readonly RequiredClaim[];
}
