/**
 * The checks that a JWT passes, as data. Flow: form > signature > claims; each step hands out a fact.
 * Invariant: a fact holds no claim's value and no text for people; `core/explain.ts` words it.
 */
import type { JwtAlgorithm } from './verifier.ts';

/** A check that a JWT passed, in the order of the checks. */
export type JwtFact =
  | { readonly check: 'jwt form'; readonly alg: JwtAlgorithm }
  | { readonly check: 'jwt signature' }
  /** `isRestricted`: the key names the values that it accepts. */
  | { readonly check: 'issuer' | 'audience' | 'azp'; readonly isRestricted: boolean }
  | { readonly check: 'jwt times' | 'user' | 'required claims' };
