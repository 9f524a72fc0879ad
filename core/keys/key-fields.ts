/**
 * What a key allows, as text a field: what changes are written down in. Flow: command > **fields** > change.
 * Invariant: no secret is in them; a shared secret is told by its version.
 */
import { shortDigest } from '../base/ids.ts';
import { formatLimit } from '../base/limit-text.ts';
import { formatRequired } from '../jwt/required-claim.ts';
import type { Verifier, VerifierKey } from '../jwt/verifier.ts';
import type { KeyRecord } from './key-record.ts';

/** Fields that are never left out. */
type Told = Pick<KeyRecord, 'limits' | 'maxTokenLifetimeSeconds'> &
  Partial<Pick<KeyRecord, 'models' | 'verifier' | 'identity' | 'allowedOrigins'>>;

/** The fields of a key that commands set. What a key does not have is not among them, but for models and limits. */
export function toFields(record: Told): Readonly<Record<string, string>> {
  const { models, limits, maxTokenLifetimeSeconds, verifier, identity, allowedOrigins } = record;
  return {
    models: models?.join(',') ?? 'any',
    limits: limits.length === 0 ? 'none' : limits.map(formatLimit).join(','),
    maxTokenLifetime: `${maxTokenLifetimeSeconds}s`,
    ...(verifier && verifierFields(verifier)),
    ...Object.fromEntries(
      Object.entries(identity ?? {}).map(([name, value]) => [name, String(value)]),
    ),
    ...(allowedOrigins && { allowedOrigins: allowedOrigins.join(',') }),
  };
}

/** What became of each field, between two states of a key: only what is not as it was. */
export function changesBetween(before: Told, after: Told): Readonly<Record<string, string>> {
  const was = toFields(before);
  const is = toFields(after);
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  return Object.fromEntries(
    names
      .filter((name) => was[name] !== is[name])
      .map((name) => [name, `${was[name] ?? 'none'} -> ${is[name] ?? 'none'}`]),
  );
}

/** A verifier, each part by its name; without what it does not ask for. */
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
