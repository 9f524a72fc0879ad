/**
 * The settings of a key, which commands set and change. Flow: command > **settings** > record.
 * Invariant: a record's settings never contradict its kind, and never change it.
 */
import { invalidRequest } from '../base/errors.ts';
import type { Limit } from '../base/limits.ts';
import {
  type MadeVerifier,
  type MakeOptions,
  makeVerifier,
  type VerifierRequest,
} from '../jwt/make-verifier.ts';
import {
  contradictionIn,
  DEFAULT_CONVERSATION_HEADER,
  DEFAULT_USER_HEADER,
  type IdentityControls,
  type KeyRecord,
} from './key-record.ts';
import type { Tier } from './tier.ts';

/** The settings that a command may give a key. */
export interface KeySettings {
  /** Undefined: any model. */
  readonly models: readonly string[] | undefined;
  readonly limits: readonly Limit[];
  readonly maxTokenLifetimeSeconds: number;
  /** The rules for JWTs behind the key; absent: no change. */
  readonly verifier?: VerifierRequest;
  /** The rules to change. An empty list, and false, remove a rule. */
  readonly identity?: IdentityControls;
  /** Undefined: any. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** Empty: none. */
  readonly tiers?: readonly Tier[];
  /** Undefined: the key does not end. */
  readonly expiresAtMs?: number | undefined;
  /** Undefined: no other key's owner sees its users. */
  readonly managedBy?: string | undefined;
}

/**
 * Returns a record with other settings, and the verifier if it is new. An absent setting keeps its value.
 * @throws invalid_request for settings that contradict each other or the kind of the key
 */
export function applySettings(
  seen: KeyRecord,
  settings: Partial<KeySettings>,
  { version, allowLoopback }: Omit<MakeOptions, 'seen'>,
): { readonly record: KeyRecord; readonly made: MadeVerifier | undefined } {
  const { models: _, identity: __, allowedOrigins: ___, expiresAtMs: ____, ...others } = seen;
  const { managedBy: _____, tiers: ______, ...rest } = others;
  const { models, allowedOrigins, expiresAtMs, managedBy, tiers = [] } = { ...seen, ...settings };
  const { limits = seen.limits, maxTokenLifetimeSeconds = seen.maxTokenLifetimeSeconds } = settings;
  const identity = mergeControls(seen.identity, settings.identity);
  const options = { seen: seen.verifier, allowLoopback, version };
  const made = settings.verifier && makeVerifier(settings.verifier, options);
  const record: KeyRecord = {
    ...rest,
    ...(models && { models }),
    limits,
    maxTokenLifetimeSeconds,
    ...(made && { verifier: made.verifier }),
    ...(identity && { identity }),
    ...(allowedOrigins && { allowedOrigins }),
    ...(tiers.length > 0 && { tiers }),
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    ...(managedBy !== undefined && { managedBy }),
  };
  const field = contradictionIn(record) ?? limitsFault(record, settings);
  if (field !== undefined) throw invalidRequest(CONTRADICTIONS[field], field);
  return { record, made };
}

/** Only for limits that are set now: old records may have such limits. */
const limitsFault = ({ kind }: KeyRecord, { limits = [] }: Partial<KeySettings>) =>
  kind === 'personal' && limits.some(({ per }) => per === 'key') ? 'limits' : undefined;

const CONTRADICTIONS = {
  tiers: 'rules by claim (--when) need a verifier, whose JWTs have the claims',
  limits: 'a personal key has no "key:" limits, because all keys of its user share one budget',
  user: 'a personal key has one user, and no other kind of key has one',
  verifier:
    'a client key needs a verifier (--jwt-secret, --jwt-public-key, --jwks-url or --preset), and a personal key has none',
  identity: 'only a server key may name its users in a header',
  managedBy: 'only a client or personal key may be managed by a server key',
  identityNamespace:
    'users are joined by verified e-mail, so neither --trust-email nor a personal key goes with --identity-namespace',
} as const;

/** Merges the named identity rules into the old ones; undefined: none is on. */
export function mergeControls(
  seen: IdentityControls | undefined,
  named: IdentityControls | undefined,
): IdentityControls | undefined {
  const on = Object.entries({ ...seen, ...named }).filter(([, value]) => isOn(value));
  return on.length === 0 ? undefined : Object.fromEntries(on);
}

const DEFAULTS: readonly unknown[] = [DEFAULT_USER_HEADER, DEFAULT_CONVERSATION_HEADER];

const isOn = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.length > 0
    : value !== undefined && value !== false && !DEFAULTS.includes(value);
