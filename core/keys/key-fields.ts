/**
 * The settings of a key, one text for each field, as the list of changes keeps them. Flow: command > **fields** > change.
 * Invariant: no text holds a secret; a shared secret is named by its version.
 */
import { shortDigest } from '../base/ids.ts';
import { formatLimit } from '../base/limit-text.ts';
import { formatRequired } from '../jwt/required-claim.ts';
import type { Verifier, VerifierKey } from '../jwt/verifier.ts';
import type { KeyRecord } from './key-record.ts';
import type { Tier } from './tier.ts';

/** Returns the settings of a key as texts. Settings that a key lacks are left out, except models and limits. */
export function toFields(record: KeyRecord): Readonly<Record<string, string>> {
  const { models, limits, maxTokenLifetimeSeconds, verifier, identity, allowedOrigins } = record;
  const { tiers, expiresAtMs, managedBy } = record;
  return {
    models: models?.join(',') ?? 'any',
    limits: limits.length === 0 ? 'none' : limits.map(formatLimit).join(','),
    maxTokenLifetime: `${maxTokenLifetimeSeconds}s`,
    ...(verifier && verifierFields(verifier)),
    ...Object.fromEntries(
      Object.entries(identity ?? {}).map(([name, value]) => [name, String(value)]),
    ),
    ...(allowedOrigins && { allowedOrigins: allowedOrigins.join(',') }),
    ...(tiers && { tiers: tiers.map(tierText).join('; ') }),
    ...(expiresAtMs !== undefined && { expires: new Date(expiresAtMs).toISOString() }),
    ...(managedBy !== undefined && { managedBy }),
  };
}

/** Formats a tier as the flags that make it: `tier=pro user:usd:month=20 openai/*`. */
export const tierText = ({ when, limits, models = [] }: Tier): string =>
  [formatRequired(when), ...limits.map(formatLimit), ...models].join(' ');

/** Returns the fields that differ between two states of a key, as `old -> new`. */
export function changesBetween(
  before: KeyRecord,
  after: KeyRecord,
): Readonly<Record<string, string>> {
  const was = toFields(before);
  const is = toFields(after);
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  return Object.fromEntries(
    names
      .filter((name) => was[name] !== is[name])
      .map((name) => [name, `${was[name] ?? 'none'} -> ${is[name] ?? 'none'}`]),
  );
}

/** Returns the parts of a verifier by name, without those that are off. */
export function verifierFields(verifier: Verifier): Readonly<Record<string, string>> {
  const { key, algorithms, requireExp, clockToleranceSeconds, audienceClaim, required } = verifier;
  return {
    verifier: wordsOf(key),
    algorithms: algorithms.join(','),
    ...list('issuers', verifier.issuers),
    ...list('audiences', verifier.audiences),
    ...(audienceClaim !== undefined && { audienceClaim }),
    ...list('authorizedParties', verifier.authorizedParties),
    ...list('required', required.map(formatRequired)),
    ...(requireExp && { requireExp: 'true' }),
    clockTolerance: `${clockToleranceSeconds}s`,
  };
}

const list = (name: string, texts: readonly string[]): Readonly<Record<string, string>> =>
  texts.length === 0 ? {} : { [name]: texts.join(',') };

function wordsOf(key: VerifierKey): string {
  switch (key.kind) {
    case 'secret':
      return `shared secret ${key.version}`;
    case 'pem':
      return `public key ${shortDigest(key.pem)}`;
    case 'jwks':
      return key.url;
  }
}
