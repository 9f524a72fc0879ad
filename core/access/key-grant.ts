/**
 * The grant that a key's record gives to its callers. Flow: verify > **grant** > function.
 */
import type { Limit } from '../base/limits.ts';
import type { KeyRecord } from '../keys/key-record.ts';
import type { Tier } from '../keys/tier.ts';

/** Returns the part of a grant that is the same for every caller of a key. */
export const grantOf = (record: KeyRecord) => ({
  account: record.account,
  keyId: record.id,
  keyName: record.name,
  keyKind: record.kind,
  ...(record.models && { models: record.models }),
  limits: limitsOfRecord(record),
  maxTokenLifetimeSeconds: record.maxTokenLifetimeSeconds,
  ...(record.expiresAtMs !== undefined && { keyExpiresAtMs: record.expiresAtMs }),
});

/** A personal key has no limits of the whole key: one in an old record is a limit of its one user. */
export const limitsOfRecord = ({
  kind,
  limits,
}: Pick<KeyRecord, 'kind' | 'limits'>): readonly Limit[] =>
  kind === 'personal'
    ? limits.map((limit) => (limit.per === 'key' ? { ...limit, per: 'user' } : limit))
    : limits;

/** Puts the limits and models of a tier in the place of the key's own, per unit and window. */
export function applyTier<T extends { readonly limits: readonly Limit[] }>(
  grant: T,
  tier: Tier | undefined,
): T {
  if (tier === undefined) return grant;
  const isReplaced = ({ per, unit, window }: Limit): boolean =>
    per === 'user' && tier.limits.some((own) => own.unit === unit && own.window === window);
  const kept = grant.limits.filter((limit) => !isReplaced(limit));
  return {
    ...grant,
    limits: [...kept, ...tier.limits],
    ...(tier.models && { models: tier.models }),
  };
}
