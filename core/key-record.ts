/**
 * The record of a key: all that is known of it but its secret.
 * Invariant: `id` is random and never changes, and names nothing else ever again.
 */
import * as v from 'valibot';
import { GatewayError } from './errors.ts';
import { asKeyHash, asKeyId, asTokenId, type KeyHash, type KeyId, type TokenId } from './ids.ts';
import { formatLimit, type Limit, parseLimit } from './limits.ts';

/**
 * `server`: for back ends, may sign scoped tokens. `personal`: a server key that always speaks for one user
 * and signs nothing. `client`: public by nature, refused without a JWT.
 */
export type KeyKind = 'server' | 'personal' | 'client';

export interface FormerVersion {
  readonly version: string;
  /** The former key and what it signed hold until then (exclusive). */
  readonly untilMs: number;
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
  /** Tokens revoked by `jti` (contract.md, DELETE /v1/scoped-jwt). */
  readonly revoked: readonly TokenId[];
  readonly createdAtMs: number;
  /** The change that made the record what it is, save for what is revoked (key-admin.ts); absent: no command made one. */
  readonly revision?: string;
}

/** A key's name and a user's, in characters. Names reach the authorizer's context, which is a few kilobytes. */
export const KEY_NAME_CHARS_MAX = 128;
export const USER_CHARS_MAX = 256;
/** An allowlist has at most this many entries of at most this many characters together. */
export const MODELS_MAX = 64;
export const MODELS_CHARS_MAX = 2048;
export const LIMITS_MAX = 16;
/** How long a key may let its tokens live: a minute to a year. */
export const TOKEN_LIFETIME_MIN_SECONDS = 60;
export const TOKEN_LIFETIME_MAX_SECONDS = 31_536_000;
/** What a DynamoDB item of 400 kB and a record read every ten seconds bear with ease. */
export const REVOKED_MAX = 2000;

/** Whether a text may name a key or a user: without control characters, which part the fields of a digest. */
export const isName = (text: string, charsMax: number): boolean =>
  text.length >= 1 && text.length <= charsMax && text.isWellFormed() && !/\p{Cc}/u.test(text);

/** Whether a text is an entry of an allowlist: `provider/model`, an id without a provider, or `provider/*`. */
export const isModelPattern = (text: string): boolean =>
  /^[\w.:@/-]{1,200}$/.test(text) || /^[a-z][a-z0-9-]{0,31}\/\*$/.test(text);

/** An allowlist as it may be written; undefined for anything else. Never empty: a list that allows nothing is a mistake. */
export function parseModelPatterns(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > MODELS_MAX) return undefined;
  if (!value.every((item): item is string => typeof item === 'string' && isModelPattern(item))) {
    return undefined;
  }
  return value.join('').length > MODELS_CHARS_MAX ? undefined : value;
}

const instant = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const digest = (chars: number) => v.pipe(v.string(), v.regex(new RegExp(`^[\\w-]{${chars}}$`)));
const version = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const modelPatterns = v.pipe(
  v.array(v.string()),
  v.check((list) => parseModelPatterns(list) !== undefined),
);

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
  former: v.exactOptional(v.strictObject({ version, untilMs: instant })),
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
  if ((record.kind === 'personal') !== (record.user !== undefined)) throw unreadable('user');
  return record;
}

const unreadable = (fields: string): GatewayError =>
  new GatewayError('service_unavailable', { detail: `key record: cannot be read at "${fields}"` });

/** The inverse of `parseKeyRecord`. */
export function formatKeyRecord({ models, limits, revoked, ...rest }: KeyRecord): PlainKeyRecord {
  return {
    ...rest,
    ...(models && { models: [...models] }),
    limits: limits.map(formatLimit),
    revoked: [...revoked],
  };
}
