/**
 * The record of a key: all that is known of it but its secret.
 * Invariant: `id` is random and never changes, and names nothing else ever again.
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
import { formatLimit, parseLimit } from '../base/limit-text.ts';
import type { Limit } from '../base/limits.ts';
import {
  isDomain,
  isName,
  isOrigin,
  KEY_NAME_CHARS_MAX,
  parseModelPatterns,
  USER_CHARS_MAX,
} from '../base/names.ts';
import type { Verifier } from '../jwt/verifier.ts';
import { formatVerifier, verifierSchema } from '../jwt/verifier-record.ts';

/**
 * `server`: for back ends, may sign scoped tokens. `personal`: a server key that always speaks for one user
 * and signs nothing. `client`: public by nature, refused without a JWT.
 */
export type KeyKind = 'server' | 'personal' | 'client';

export interface FormerVersion {
  readonly version: string;
  /** The former key and what it signed hold until then (exclusive). */
  readonly untilMs: number;
  /** When another one took its place; absent: long ago. What it signs from then on may not outlive it. */
  readonly rotatedAtMs?: number;
}

/** Who a key's requests must be for, and how they say so. What is absent is off. They compose. */
export interface IdentityControls {
  /** Whether a bare server key may name its user in a header. */
  readonly identityHeader?: boolean;
  /** That header's name, lower-case. @default x-user-email */
  readonly userHeader?: string;
  /** Whether a request for nobody is refused. */
  readonly enforceIdentity?: boolean;
  /** Whether a request without `X-Conversation-Id` is refused. */
  readonly enforceConversation?: boolean;
  /** Domains of e-mail addresses, lower-case; never empty. @default any */
  readonly allowedDomains?: readonly string[];
  /** Whether the e-mail address of a JWT counts though its issuer does not say that it is verified. */
  readonly trustEmail?: boolean;
}

export interface KeyRecord {
  readonly id: KeyId;
  readonly account: string;
  readonly name: string;
  readonly kind: KeyKind;
  /** The version of the key's secret in force; names a member of the secret's `versions`. */
  readonly version: string;
  readonly keyHash: KeyHash;
  readonly former?: FormerVersion;
  readonly disabled: boolean;
  /** Whom a personal key speaks for. */
  readonly user?: string;
  /** Allowed model ids or `provider/*`; absent: all. Never empty. */
  readonly models?: readonly string[];
  readonly limits: readonly Limit[];
  readonly maxTokenLifetimeSeconds: number;
  /** Against what the JWT behind the key is held; a client key always has one, a personal key never. */
  readonly verifier?: Verifier;
  readonly identity?: IdentityControls;
  /** Origins whose pages may call with this key, as browsers send them, or `null`; never empty. @default any */
  readonly allowedOrigins?: readonly string[];
  /** Tokens revoked by `jti` (contract.md, DELETE /v1/scoped-jwt). */
  readonly revoked: readonly TokenId[];
  readonly createdAtMs: number;
  /** The change that made the record what it is, save for what is revoked (key-admin.ts); absent: no command made one. */
  readonly revision?: string;
}

export const LIMITS_MAX = 16;

/** Domains and origins, each. */
export const DOMAINS_MAX = 64;
export const ORIGINS_MAX = 64;

/** How long a key may let its tokens live: a minute to a year. */
export const TOKEN_LIFETIME_MIN_SECONDS = 60;
export const TOKEN_LIFETIME_MAX_SECONDS = 31_536_000;

/** What a DynamoDB item of 400 kB and a record read every ten seconds bear with ease. */
export const REVOKED_MAX = 2000;

/** Headers that carry something else, or that a browser or a proxy on the way writes. */
const TAKEN_HEADERS =
  /^(authorization|(x-goog-)?api-key|x-api-key|cookie|host|origin|referer|user-agent|content-.*|accept.*|x-conversation-id|x-request-id|x-amzn?-.*|x-forwarded-.*|via|forwarded)$/;

/** Whether a text may name the header that names a user: lower-case, and free. */
export const isUserHeader = (text: string): boolean =>
  /^[a-z][a-z0-9-]{0,63}$/.test(text) && !TAKEN_HEADERS.test(text);

const instant = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const digest = (chars: number) => v.pipe(v.string(), v.regex(new RegExp(`^[\\w-]{${chars}}$`)));
const version = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const modelPatterns = v.pipe(
  v.array(v.string()),
  v.check((list) => parseModelPatterns(list) !== undefined),
);

const textList = (max: number, isMember: (text: string) => boolean) =>
  v.pipe(v.array(v.pipe(v.string(), v.check(isMember))), v.minLength(1), v.maxLength(max));

const identitySchema = v.strictObject({
  identityHeader: v.exactOptional(v.boolean()),
  userHeader: v.exactOptional(v.pipe(v.string(), v.check(isUserHeader))),
  enforceIdentity: v.exactOptional(v.boolean()),
  enforceConversation: v.exactOptional(v.boolean()),
  allowedDomains: v.exactOptional(textList(DOMAINS_MAX, isDomain)),
  trustEmail: v.exactOptional(v.boolean()),
});

const recordSchema = v.strictObject({
  id: v.pipe(digest(22), v.transform(asKeyId)),
  account: v.pipe(v.string(), v.regex(/^[!-~]{1,128}$/)),
  name: v.pipe(
    v.string(),
    v.check((text) => isName(text, KEY_NAME_CHARS_MAX)),
  ),
  kind: v.picklist(['server', 'personal', 'client']),
  version,
  keyHash: v.pipe(digest(43), v.transform(asKeyHash)),
  former: v.exactOptional(
    v.strictObject({ version, untilMs: instant, rotatedAtMs: v.exactOptional(instant) }),
  ),
  disabled: v.boolean(),
  user: v.exactOptional(
    v.pipe(
      v.string(),
      v.check((text) => isName(text, USER_CHARS_MAX)),
    ),
  ),
  models: v.exactOptional(modelPatterns),
  limits: v.pipe(
    v.array(v.string()),
    v.maxLength(LIMITS_MAX),
    v.rawTransform<string[], Limit[]>(({ dataset, addIssue, NEVER }) => {
      try {
        return dataset.value.map(parseLimit);
      } catch {
        addIssue({ message: 'has a limit that cannot be read' });
        return NEVER;
      }
    }),
  ),
  maxTokenLifetimeSeconds: v.pipe(
    v.number(),
    v.integer(),
    v.minValue(TOKEN_LIFETIME_MIN_SECONDS),
    v.maxValue(TOKEN_LIFETIME_MAX_SECONDS),
  ),
  verifier: v.exactOptional(verifierSchema),
  identity: v.exactOptional(identitySchema),
  allowedOrigins: v.exactOptional(textList(ORIGINS_MAX, isOrigin)),
  revoked: v.pipe(v.array(v.pipe(digest(22), v.transform(asTokenId))), v.maxLength(REVOKED_MAX)),
  createdAtMs: instant,
  revision: v.exactOptional(version),
});

/** A record as plain JSON: limits as text, all else as in `KeyRecord`. */
export type PlainKeyRecord = v.InferInput<typeof recordSchema>;

/**
 * Reads a record. An unknown field is an error: a rule that this version does not know must not be passed over.
 * @throws service_unavailable whose detail names the fields at fault, never their values
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

/**
 * The field that does not go with the kind of a key: a client key has a verifier, a personal key has a user and no
 * verifier, and only a server key names users in a header.
 */
export function contradictionIn({
  kind,
  user,
  verifier,
  identity,
}: Pick<KeyRecord, 'kind' | 'user' | 'verifier' | 'identity'>):
  | 'user'
  | 'verifier'
  | 'identity'
  | undefined {
  if ((kind === 'personal') !== (user !== undefined)) return 'user';
  if (kind === 'client' && verifier === undefined) return 'verifier';
  if (kind === 'personal' && verifier !== undefined) return 'verifier';
  const namesUsers = identity?.identityHeader || identity?.userHeader !== undefined;
  return kind !== 'server' && namesUsers ? 'identity' : undefined;
}

const unreadable = (fields: string): GatewayError =>
  new GatewayError('service_unavailable', { detail: `key record: cannot be read at "${fields}"` });

/** The inverse of `parseKeyRecord`. */
export function formatKeyRecord(record: KeyRecord): PlainKeyRecord {
  const { models, limits, revoked, verifier, identity, allowedOrigins, ...rest } = record;
  return {
    ...rest,
    ...(models && { models: [...models] }),
    ...(verifier && { verifier: formatVerifier(verifier) }),
    ...(identity && { identity: formatIdentity(identity) }),
    ...(allowedOrigins && { allowedOrigins: [...allowedOrigins] }),
    limits: limits.map(formatLimit),
    revoked: [...revoked],
  };
}

const formatIdentity = ({ allowedDomains, ...rest }: IdentityControls) => ({
  ...rest,
  ...(allowedDomains && { allowedDomains: [...allowedDomains] }),
});
export const DEFAULT_USER_HEADER = 'x-user-email';
