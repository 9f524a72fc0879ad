/**
 * Which texts may be names: of keys, users, domains, origins and models. Every room uses the same rules.
 */

/** Whether a text may name a key or a user: without control characters, which part the fields of a digest. */
export const isName = (text: string, charsMax: number): boolean =>
  text.length >= 1 && text.length <= charsMax && text.isWellFormed() && !/\p{Cc}/u.test(text);

/** Whether a text may be a domain of e-mail addresses as records have it: ASCII, lower-case, with a dot inside. */
export const isDomain = (text: string): boolean =>
  text.length <= 253 &&
  /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/.test(text);

/** Whether a text is an origin as browsers send it (RFC 6454, 6.2), or `null`. */
export function isOrigin(text: string): boolean {
  if (text === 'null') return true;
  if (!/^[a-z][a-z0-9+.-]*:\/\/[!-)+-~]{1,255}$/.test(text)) return false;
  const { host, protocol, origin } = URL.parse(text) ?? {};
  // Schemes of apps and browser extensions have an origin that is opaque to the parser.
  return origin === 'null' ? host !== '' && `${protocol}//${host}` === text : origin === text;
}

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

/** A key's name and a user's, in characters. Names reach the authorizer's context, which is a few kilobytes. */
export const KEY_NAME_CHARS_MAX = 128;
export const USER_CHARS_MAX = 256;

/** An allowlist has at most this many entries of at most this many characters together. */
export const MODELS_MAX = 64;
export const MODELS_CHARS_MAX = 2048;
