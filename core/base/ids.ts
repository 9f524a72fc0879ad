/**
 * Ids: strings with a type of their own, so that one cannot be passed for another.
 * Invariant: an id holds no text of a client; such text is hashed first.
 */
import { hash } from 'node:crypto';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A key record's id: 16 random bytes, base64url, made once and never changed. */
export type KeyId = Branded<'KeyId'>;

/** A scoped token's identity: a 22 character digest of its `jti`, else of its signing input. */
export type TokenId = Branded<'TokenId'>;

/** A request's id: a UUID that the proxy made, never the client's. */
export type RequestId = Branded<'RequestId'>;

/**
 * A wallet item's key: `<key id>#u<digest>` (a user), `#t<digest>` (a token) or `#k` (the key itself);
 * `p<digest of the account>#u<digest>` for the user of personal keys.
 */
export type WalletId = Branded<'WalletId'>;

/** The item of a key-wide budget: `pool#<key id>#<unit>:<window>:<name>`. */
export type PoolId = Branded<'PoolId'>;

/** SHA-256 of a whole key string, base64url. A key is looked up by it, so the string is not stored. */
export type KeyHash = Branded<'KeyHash'>;

export const asKeyId = (text: string): KeyId => text as KeyId;
export const asTokenId = (text: string): TokenId => text as TokenId;
export const asRequestId = (text: string): RequestId => text as RequestId;
export const asWalletId = (text: string): WalletId => text as WalletId;
export const asPoolId = (text: string): PoolId => text as PoolId;
export const asKeyHash = (text: string): KeyHash => text as KeyHash;

/** Returns the SHA-256 of a text, base64url (43 characters). */
export const sha256 = (text: string): string => hash('sha256', text, 'base64url');

const SHORT_DIGEST_CHARS = 22;

/**
 * Returns a digest of 132 bits, used in item and attribute names in place of a client's text.
 * Parts are joined by NUL. No part may contain it; `isName` refuses control characters.
 */
export const shortDigest = (...parts: readonly string[]): string =>
  sha256(parts.join('\0')).slice(0, SHORT_DIGEST_CHARS);
