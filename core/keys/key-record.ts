/**
 * The record of a key: everything about it except its secret. Flow: table > **record** > every use of the key.
 * Invariant: `id` is random, never changes and is never used again. A record with a field that this version does not
 * know is refused. A new field is added to `KeyRecord`, to `recordSchema` and, if commands set it, to `key-settings.ts`.
 */
import * as v from 'valibot';
import { GatewayError } from '../base/errors.ts';
import {
  asKeyHash,
  asKeyId,
  asTokenId,
  type KeyHash,
  type KeyId,
  type TokenId,
} from '../base/ids.ts';
import { formatLimit } from '../base/limit-text.ts';
import type { Limit } from '../base/limits.ts';
import { isDomain, isName, isOrigin, KEY_NAME_CHARS_MAX, USER_CHARS_MAX } from '../base/names.ts';
import type { Verifier } from '../jwt/verifier.ts';
import { verifierSchema } from '../jwt/verifier-record.ts';
import {
  formatTier,
  limitsSchema,
  modelsSchema,
  type PlainTier,
  TIERS_MAX,
  type Tier,
  tierSchema,
} from './tier.ts';

/**
 * `server`: for backends; may sign scoped tokens. `personal`: for one user, in whose name it always speaks; signs
 * nothing. `client`: public by nature, refused without a JWT.
 */
export type KeyKind = 'server' | 'personal' | 'client';

/** The version of a key that a rotation replaced. */
export interface FormerVersion {
  readonly version: string;
  /** The former key string, and the tokens it signed, are valid until then (exclusive). */
  readonly untilMs: number;
  /** The instant at which it was replaced; absent: long ago. A token that it signed after that may not outlive it. */
  readonly rotatedAtMs?: number;
}

/** Rules for the identity in a key's requests. An absent rule is off; rules are independent of each other. */
export interface IdentityControls {
  /** A bare server key may name its user in a header. */
  readonly identityHeader?: boolean;
  /** The name of that header, lower-case. @default x-user-email */
  readonly userHeader?: string;
  /** A request without an identity is refused. */
  readonly enforceIdentity?: boolean;
  /** A request without a conversation is refused. */
  readonly enforceConversation?: boolean;
  /** The name of the header that names the conversation, lower-case. @default x-conversation-id */
  readonly conversationHeader?: string;
  /** Joins users of headers, tokens and JWTs by verified e-mail. Chosen when the key is made, and never changed. */
  readonly identityNamespace?: 'email';
  /** Allowed domains of e-mail addresses, lower-case; never empty. @default any */
  readonly allowedDomains?: readonly string[];
  /** The e-mail address of a JWT counts even if its issuer does not say that it is verified. */
  readonly trustEmail?: boolean;
}

export interface KeyRecord {
  readonly id: KeyId;
  readonly account: string;
  readonly name: string;
  readonly kind: KeyKind;
  /** The current version: a member of `versions` in the key's secret. */
  readonly version: string;
  readonly keyHash: KeyHash;
  readonly former?: FormerVersion;
  readonly disabled: boolean;
  /** From this instant on the key, and every token it signed, is unknown; absent: it does not end. */
  readonly expiresAtMs?: number;
  /** The server key, by name, whose owner sees and changes the users of this client or personal key. */
  readonly managedBy?: string;
  /** The user of a personal key. */
  readonly user?: string;
  /** Allowed model ids or `provider/*`; absent: all. Never empty. */
  readonly models?: readonly string[];
  readonly limits: readonly Limit[];
  readonly maxTokenLifetimeSeconds: number;
  /** The rules for the JWT behind the key. A client key always has them, a personal key never. */
  readonly verifier?: Verifier;
  readonly identity?: IdentityControls;
  /** Rules in order, of which the first that fits counts. Only beside a verifier; never empty. */
  readonly tiers?: readonly Tier[];
  /** Origins whose pages may use this key, as browsers send them, or `null`; never empty. @default any */
  readonly allowedOrigins?: readonly string[];
  /** Tokens revoked by `jti` with `DELETE /v1/scoped-jwt` (docs/tokens.md). */
  readonly revoked: readonly TokenId[];
  readonly createdAtMs: number;
  /** The id of the last change (`key-admin.ts`), not counting revocations; absent: no command changed the record. */
  readonly revision?: string;
}

export const DEFAULT_USER_HEADER = 'x-user-email';
export const DEFAULT_CONVERSATION_HEADER = 'x-conversation-id';

/** The most domains and the most origins of a key. */
export const DOMAINS_MAX = 64;
export const ORIGINS_MAX = 64;

/** The range of `maxTokenLifetimeSeconds`: a minute to a year. */
export const TOKEN_LIFETIME_MIN_SECONDS = 60;
export const TOKEN_LIFETIME_MAX_SECONDS = 31_536_000;

/** Well within an item of 400 kB that is read every ten seconds. */
export const REVOKED_MAX = 2000;

/** Headers with another meaning, and those that browsers and proxies write. */
const TAKEN_HEADERS =
  /^(authorization|(x-goog-)?api-key|x-api-key|cookie|host|origin|referer|user-agent|content-.*|accept.*|x-conversation-id|x-request-id|x-amzn?-.*|x-hallpass-.*|x-forwarded-.*|via|forwarded)$/;

/** True for a text that may name the user or conversation header: lower-case, and without another meaning. */
export const isIdentityHeader = (text: string): boolean =>
  /^[a-z][a-z0-9-]{0,63}$/.test(text) && !TAKEN_HEADERS.test(text);

const instant = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const digest = (chars: number) => v.pipe(v.string(), v.regex(new RegExp(`^[\\w-]{${chars}}$`)));
const version = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const keyName = v.pipe(
  v.string(),
  v.check((text) => isName(text, KEY_NAME_CHARS_MAX)),
);
const textList = (max: number, isMember: (text: string) => boolean) =>
  v.pipe(v.array(v.pipe(v.string(), v.check(isMember))), v.minLength(1), v.maxLength(max));

const identitySchema = v.strictObject({
  identityHeader: v.exactOptional(v.boolean()),
  userHeader: v.exactOptional(v.pipe(v.string(), v.check(isIdentityHeader))),
  enforceIdentity: v.exactOptional(v.boolean()),
  enforceConversation: v.exactOptional(v.boolean()),
  conversationHeader: v.exactOptional(v.pipe(v.string(), v.check(isIdentityHeader))),
  identityNamespace: v.exactOptional(v.literal('email')),
  allowedDomains: v.exactOptional(textList(DOMAINS_MAX, isDomain)),
  trustEmail: v.exactOptional(v.boolean()),
});

const recordSchema = v.strictObject({
  id: v.pipe(digest(22), v.transform(asKeyId)),
  account: v.pipe(v.string(), v.regex(/^[!-~]{1,128}$/)),
  name: keyName,
  kind: v.picklist(['server', 'personal', 'client']),
  version,
  keyHash: v.pipe(digest(43), v.transform(asKeyHash)),
  former: v.exactOptional(
    v.strictObject({ version, untilMs: instant, rotatedAtMs: v.exactOptional(instant) }),
  ),
  disabled: v.boolean(),
  expiresAtMs: v.exactOptional(instant),
  managedBy: v.exactOptional(keyName),
  user: v.exactOptional(
    v.pipe(
      v.string(),
      v.check((text) => isName(text, USER_CHARS_MAX)),
    ),
  ),
  models: v.exactOptional(modelsSchema),
  limits: limitsSchema,
  maxTokenLifetimeSeconds: v.pipe(
    v.number(),
    v.integer(),
    v.minValue(TOKEN_LIFETIME_MIN_SECONDS),
    v.maxValue(TOKEN_LIFETIME_MAX_SECONDS),
  ),
  verifier: v.exactOptional(verifierSchema),
  identity: v.exactOptional(identitySchema),
  tiers: v.exactOptional(v.pipe(v.array(tierSchema), v.minLength(1), v.maxLength(TIERS_MAX))),
  allowedOrigins: v.exactOptional(textList(ORIGINS_MAX, isOrigin)),
  revoked: v.pipe(v.array(v.pipe(digest(22), v.transform(asTokenId))), v.maxLength(REVOKED_MAX)),
  createdAtMs: instant,
  revision: v.exactOptional(version),
});

/** The fields that a record may lack. */
export const OPTIONAL_FIELDS: readonly string[] = Object.entries(recordSchema.entries)
  .filter(([, { type }]) => type === 'exact_optional')
  .map(([name]) => name);

/**
 * Reads a record. An unknown field is an error, because a rule that this version does not know must not be ignored.
 * @throws service_unavailable whose detail names the wrong fields, never their values
 */
export function parseKeyRecord(value: unknown): KeyRecord {
  const result = v.safeParse(recordSchema, value);
  if (!result.success) {
    const fields = result.issues.map((issue) => v.getDotPath(issue) ?? '');
    throw unreadable(fields.join(', '));
  }
  const record = result.output;
  const field = contradictionIn(record);
  if (field !== undefined) throw unreadable(field);
  return record;
}

/** The names by which a key's record is found, and its id. */
export interface KeyName {
  readonly account: string;
  readonly keyId: KeyId;
  readonly keyName: string;
}

export const keyNameOf = ({ account, id: keyId, name: keyName }: KeyRecord): KeyName => ({
  account,
  keyId,
  keyName,
});

/**
 * Returns the field that contradicts the kind of a key: a client key has a verifier, a personal key has a user and no
 * verifier, only a server key names users in a header, and no server key is managed by another. Joined name spaces need
 * e-mail addresses that are verified.
 */
export function contradictionIn(record: KeyRecord) {
  const { kind, user, verifier, identity, managedBy, tiers } = record;
  if ((kind === 'personal') !== (user !== undefined)) return 'user';
  if (kind === 'client' && verifier === undefined) return 'verifier';
  if (kind === 'personal' && verifier !== undefined) return 'verifier';
  if (tiers !== undefined && verifier === undefined) return 'tiers';
  if (kind === 'server' && managedBy !== undefined) return 'managedBy';
  const isJoined = identity?.identityNamespace !== undefined;
  if (isJoined && (identity.trustEmail || kind === 'personal')) return 'identityNamespace';
  const namesUsers = identity?.identityHeader || identity?.userHeader !== undefined;
  return kind !== 'server' && namesUsers ? 'identity' : undefined;
}

const unreadable = (fields: string): GatewayError =>
  new GatewayError('service_unavailable', { detail: `key record: cannot be read at "${fields}"` });

type PlainKeyRecord = Omit<KeyRecord, 'limits' | 'tiers'> & {
  readonly limits: readonly string[];
  readonly tiers?: readonly PlainTier[];
};

/**
 * Writes a record as plain JSON: limits and the claims of tiers as text, everything else as in `KeyRecord`. The inverse
 * of `parseKeyRecord`.
 */
export const formatKeyRecord = ({ tiers, ...record }: KeyRecord): PlainKeyRecord => ({
  ...record,
  limits: record.limits.map(formatLimit),
  ...(tiers && { tiers: tiers.map(formatTier) }),
});
