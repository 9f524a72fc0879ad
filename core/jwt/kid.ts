/**
 * The `kid` of scoped tokens: the account id and the key's name (contract.md, section 1).
 */
import { isName, KEY_NAME_CHARS_MAX } from '../base/names.ts';
import { malformed } from '../tokens/scoped-token.ts';
import { decodeBase64Url, decodeUtf8 } from './compact-jws.ts';

/**
 * `<account>:<base64 of the key's name>`, parted at the last colon: an account may hold colons.
 * @throws invalid_api_key for any other text
 */

export function parseKid(kid: string): NamedSigner {
  const colon = kid.lastIndexOf(':');
  const keyName = decodeKeyName(kid.slice(colon + 1));
  if (colon === -1 || keyName === undefined) {
    throw malformed('"kid" is not an account and the base64 of a name');
  }
  return { account: kid.slice(0, colon), keyName };
}

/** Whether a `kid` could be a scoped token's. */
export function isScopedKid(kid: string): boolean {
  const colon = kid.lastIndexOf(':');
  return colon !== -1 && decodeKeyName(kid.slice(colon + 1)) !== undefined;
}

/** The `kid` of tokens that a key signs. */
export const kidOf = (account: string, keyName: string): string =>
  `${account}:${Buffer.from(keyName).toString('base64')}`;

/** Standard base64 with or without padding, or base64url; strict UTF-8 within. */
export function decodeKeyName(text: string): string | undefined {
  const bare = text.replace(/={1,2}$/, '');
  if (bare !== text && text.length % 4 !== 0) return undefined;
  const bytes = decodeBase64Url(bare.replaceAll('+', '-').replaceAll('/', '_'));
  const name = bytes && decodeUtf8(bytes);
  return name !== undefined && isName(name, KEY_NAME_CHARS_MAX) ? name : undefined;
}

export interface NamedSigner {
  readonly account: string;
  readonly keyName: string;
}
