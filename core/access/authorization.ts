/**
 * The authorizer's decision about a credential, and the checks that led there. Flow: **authorization** > function.
 * Invariant: no decision and no fact holds a key, a token, a signature or a header's value.
 */
import type { GatewayError } from '../base/errors.ts';
import type { JwtFact } from '../jwt/facts.ts';
import type { NamedKey } from '../jwt/kid.ts';
import type { JwtAlgorithm, VerifierKey } from '../jwt/verifier.ts';
import type { KeyKind } from '../keys/key-record.ts';
import type { Credential } from './credential.ts';
import type { Grant } from './grant.ts';

/**
 * `refusal`: the caller is known, yet gets a 400 or 403, which the function words in the route's dialect.
 * `denied`: 401.
 */
export type Authorization =
  | { readonly kind: 'grant'; readonly grant: Grant }
  | { readonly kind: 'refusal'; readonly error: GatewayError }
  | { readonly kind: 'denied'; readonly error: GatewayError };

/** A check that a credential passed, with what was found. */
export type AccessFact =
  | JwtFact
  | { readonly check: 'credential'; readonly kind: Credential['kind'] }
  /** `names`: the account and key that a scoped token names; absent for a key string. */
  | { readonly check: 'form'; readonly names?: NamedKey }
  /** `expiresAtMs`: the end of the key, if it has one. */
  | {
      readonly check: 'key';
      readonly name: string;
      readonly kind: KeyKind;
      readonly expiresAtMs?: number;
    }
  /** `version`: of a key string that was sent; `signature`: of the key string that signed a token. */
  | { readonly check: 'version' | 'signature'; readonly isFormer: boolean }
  | {
      readonly check: 'verifier';
      readonly kind: VerifierKey['kind'];
      readonly algorithms: readonly JwtAlgorithm[];
    }
  | { readonly check: 'claims' }
  /** `when`: the claim of the first rule that fits; undefined: none does. */
  | { readonly check: 'tier'; readonly when: string | undefined }
  | { readonly check: 'times'; readonly untilMs: number }
  | { readonly check: 'enforced' | 'domain' | 'origin' | 'conversation' };
