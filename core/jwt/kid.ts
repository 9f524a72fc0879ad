/**
 * The `kid` of scoped tokens: the account id and the key's name (docs/tokens.md).
 * Invariant: a `kid` names one key in one way only; any other text names none.
 */
import { isName, KEY_NAME_CHARS_MAX } from '../base/names.ts';
import { decodeBase64Url, decodeUtf8 } from './compact-jws.ts';

/** The key that a `kid` names. */
export interface NamedKey {
  readonly account: string;
  readonly keyName: string;
}

/**
 * Reads `<account>:<base64 of the key's name>`, split at the last colon: an account may contain colons.
 * @returns undefined for any other text
 */
export function parseKid(kid: string): NamedKey | undefined {
  const colon = kid.lastIndexOf(':');
  const keyName = colon === -1 ? undefined : decodeKeyName(kid.slice(colon + 1));
  return keyName === undefined ? undefined : { account: kid.slice(0, colon), keyName };
}

/** Returns the `kid` of tokens that a key signs. */
export const kidOf = (account: string, keyName: string): string =>
  `${account}:${Buffer.from(keyName).toString('base64')}`;

/** Reads standard base64, with or without padding, or base64url; the bytes must be strict UTF-8. */
function decodeKeyName(text: string): string | undefined {
  const bare = text.replace(/={1,2}$/, '');
  if (bare !== text && text.length % 4 !== 0) return undefined;
  const bytes = decodeBase64Url(bare.replaceAll('+', '-').replaceAll('/', '_'));
  const name = bytes && decodeUtf8(bytes);
  return name !== undefined && isName(name, KEY_NAME_CHARS_MAX) ? name : undefined;
}
