/**
 * Tiers: rules by claim in a key's record, as plain JSON and as values. Flow: JWT > **tier** > limits and models.
 */
import * as v from 'valibot';
import { limitSchema } from '../base/limit-schema.ts';
import { formatLimit } from '../base/limit-text.ts';
import type { Limit } from '../base/limits.ts';
import { parseModelPatterns } from '../base/names.ts';
import { formatRequired, parseRequired } from '../jwt/required-claim.ts';
import type { RequiredClaim } from '../jwt/verifier.ts';

/** The most limits of a key, and of each of its tiers. */
export const LIMITS_MAX = 16;

export const TIERS_MAX = 16;

/** A rule by claim: users whose JWT fits get these limits and models in place of the key's own. */
export interface Tier {
  readonly when: RequiredClaim;
  /** Limits `user:…`, each in place of the key's of the same unit and window. */
  readonly limits: readonly Limit[];
  /** In place of the key's models; absent: those. Never empty. */
  readonly models?: readonly string[];
}

/** A list of allowed models. */
export const modelsSchema = v.pipe(
  v.array(v.string()),
  v.check((list) => parseModelPatterns(list) !== undefined),
);

/** Limits as text. */
export const limitsSchema = v.pipe(v.array(limitSchema), v.maxLength(LIMITS_MAX));

export const tierSchema = v.strictObject({
  when: v.pipe(
    v.string(),
    v.transform(parseRequired),
    v.custom<RequiredClaim>((value) => value !== undefined),
  ),
  limits: v.pipe(
    limitsSchema,
    v.check((list) => list.every(({ per }) => per === 'user')),
  ),
  models: v.exactOptional(modelsSchema),
});

/** A tier as plain JSON. */
export type PlainTier = Pick<Tier, 'models'> & {
  readonly when: string;
  readonly limits: readonly string[];
};

export const formatTier = (tier: Tier): PlainTier => ({
  ...tier,
  when: formatRequired(tier.when),
  limits: tier.limits.map(formatLimit),
});
