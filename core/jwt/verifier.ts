/**
 * How a key's holders prove who they are: the JWT of their own that comes behind the key (contract.md, section 1).
 * Flow: key record > **verify** > identity. Invariant: which algorithms may be used follows from the kind of the key
 * material, never from a token.
 */

import type { KeyId } from '../base/ids.ts';

/** RFC 7518, 3.1 and RFC 8037, 3.1; `none` is not among them. */
export type JwtAlgorithm =
  | 'HS256'
  | 'HS384'
  | 'HS512'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA';

/** What verifies a signature. A shared secret stands in Secrets Manager under this version; the others are public. */
export type VerifierKey =
  | { readonly kind: 'secret'; readonly version: string }
  | { readonly kind: 'pem'; readonly pem: string }
  | { readonly kind: 'jwks'; readonly url: string };

/** A claim that must be there, and the values of which it must be or hold one; none: any. */
export interface RequiredClaim {
  /** A member's name, namespaced URLs too, or a dot path into nested objects. */
  readonly claim: string;
  /** As JSON compares them. */
  readonly values: readonly (string | number | boolean)[];
}

/** The verifier of a key, and what it asks of a JWT beyond the signature. */
export interface Verifier {
  readonly key: VerifierKey;
  /** Never empty, and all of the kind of `key`. */
  readonly algorithms: readonly JwtAlgorithm[];
  /** `iss` must be one of these; empty: any. */
  readonly issuers: readonly string[];
  /** `aud` must be or hold one of these; empty: any. */
  readonly audiences: readonly string[];
  /** The claim that names the audience of a token without `aud`. @default none: such a token is refused */
  readonly audienceClaim?: string;
  /** `azp` must be one of these; empty: any. */
  readonly authorizedParties: readonly string[];
  readonly required: readonly RequiredClaim[];
  readonly requireExp: boolean;
  /** How far clocks may differ: 0 to 60. */
  readonly clockToleranceSeconds: number;
}

/** What a verified JWT says of its holder. */
export interface VerifiedUser {
  /** `iss`, one name of an issuer that has two; empty when the key asks for none and the token has none. */
  readonly issuer: string;
  /** First of `sub`, `user_id`, `userId` that is present: 1 to 256 characters, no control characters. */
  readonly id: string;
  /** Lower-case domain rules apply to it elsewhere. Absent: there is none, or nobody vouches for it. */
  readonly email?: string;
}

/** What of a key's record verifies its holders' JWTs. */
export interface VerifyingKey {
  readonly id: KeyId;
  readonly verifier: Verifier;
  /** The issuer's e-mail addresses are believed even where it does not vouch for them. */
  readonly trustEmail: boolean;
}
