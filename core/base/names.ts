/**
 * Rules for names of keys, users, domains, origins and models, the same everywhere.
 */
import { parseUrl } from './url.ts';

/** Returns true for a valid name of a key or user. Control characters are refused: NUL separates the parts of a digest. */
export const isName = (text: string, charsMax: number): boolean =>
  text.length >= 1 && text.length <= charsMax && text.isWellFormed() && !/\p{Cc}/u.test(text);

/** Returns true for a domain of e-mail addresses: ASCII, lower-case, with a dot inside. */
export const isDomain = (text: string): boolean =>
  text.length <= 253 &&
  /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/.test(text);

/** Returns true for an origin as browsers send it (RFC 6454, 6.2), and for `null`. */
export function isOrigin(text: string): boolean {
  if (text === 'null') return true;
  if (!/^[a-z][a-z0-9+.-]*:\/\/[!-)+-~]{1,255}$/.test(text)) return false;
  const { host, protocol, origin } = parseUrl(text) ?? {};
  // The parser reports the origin of app and extension schemes as "null".
  return origin === 'null' ? host !== '' && `${protocol}//${host}` === text : origin === text;
}

/** Returns true for an entry of a list of allowed models: `provider/model`, an id without a provider, or `provider/*`. */
export const isModelPattern = (text: string): boolean =>
  /^[\w.:@/-]{1,200}$/.test(text) || /^[a-z][a-z0-9-]{0,31}\/\*$/.test(text);

/** Returns a valid list of allowed models; undefined for anything else. An empty list is refused as a mistake. */
export function parseModelPatterns(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > MODELS_MAX) return undefined;
  if (!value.every((item): item is string => typeof item === 'string' && isModelPattern(item))) {
    return undefined;
  }
  return value.join('').length > MODELS_CHARS_MAX ? undefined : value;
}

/** The longest name of a key and of a user, in characters. The authorizer's context, a few kilobytes, holds both. */
export const KEY_NAME_CHARS_MAX = 128;
export const USER_CHARS_MAX = 256;

/** The most entries of a list of allowed models, and their characters together. */
export const MODELS_MAX = 64;
const MODELS_CHARS_MAX = 2048;

const ASCII = /^[ -~]*$/;
const ASCII_EMAIL = /^[!-?A-~]+@[!-?A-~]+$/;

/**
 * Returns the one form of a user's id: trimmed, in NFC, and in lower case if it is an e-mail address of ASCII letters
 * alone. Look-alikes stay apart: NFC would make U+212A (KELVIN SIGN) a "K", so a text that it would turn into ASCII is
 * left as it is. A form that is folded again is the same.
 */
export function foldUser(text: string): string {
  const user = text.trim();
  if (ASCII.test(user)) return ASCII_EMAIL.test(user) ? user.toLowerCase() : user;
  const composed = user.normalize('NFC');
  return ASCII.test(composed) ? user : composed;
}
