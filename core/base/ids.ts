/**
 * Names that must not be mixed up: each is a string to the machine and a type of its own here.
 * None of them holds foreign text; what a client sent is hashed before it becomes one.
 */
import { hash } from 'node:crypto';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A key record's id: 16 random bytes, base64url, made once and never changed. */
export type KeyId = Branded<'KeyId'>;

/** A scoped token's identity: a 22 character digest of its `jti`, else of its signing input. */
export type TokenId = Branded<'TokenId'>;

/** A request's id: a UUID of the proxy's own making, never the client's. */
export type RequestId = Branded<'RequestId'>;

/** A wallet item's key: `<key id>#u<digest>` (a user), `#t<digest>` (a token) or `#k` (the key itself). */
export type WalletId = Branded<'WalletId'>;

/** The item of a key-wide budget: `pool#<key id>#<unit>:<window>:<name>`. */
export type PoolId = Branded<'PoolId'>;

/** SHA-256 of a whole key string, base64url: how a key is looked up without storing it. */
export type KeyHash = Branded<'KeyHash'>;

export const asKeyId = (text: string): KeyId => text as KeyId;
export const asTokenId = (text: string): TokenId => text as TokenId;
export const asRequestId = (text: string): RequestId => text as RequestId;
export const asWalletId = (text: string): WalletId => text as WalletId;
export const asPoolId = (text: string): PoolId => text as PoolId;
export const asKeyHash = (text: string): KeyHash => text as KeyHash;

/** SHA-256 of a text, base64url (43 characters). */
export const sha256 = (text: string): string => hash('sha256', text, 'base64url');

const SHORT_DIGEST_CHARS = 22;

/**
 * A digest of 132 bits that stands for foreign text in item and attribute names.
 * Parts are joined by NUL, which no part may contain (identities are refused with control characters).
 */
export const shortDigest = (...parts: readonly string[]): string =>
  sha256(parts.join('\0')).slice(0, SHORT_DIGEST_CHARS);
