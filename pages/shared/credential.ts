/**
 * The credential of a page: from the address's fragment, which is read once and emptied, or typed into a form.
 * It is kept in memory alone.
 */

/** The claims of a scoped token about itself. Not verified here: the gateway does that. */
export interface TokenClaims {
  readonly keyName?: string | undefined;
  readonly user?: string | undefined;
  readonly jti?: string | undefined;
  readonly expiresAtMs?: number | undefined;
}

/**
 * Takes the fragment out of the address. A fragment that comes later, by a link or by another page, reloads this one:
 * nothing of the former credential's data stays, and the page asks before it uses the new one.
 */
export function takeFragment(): { readonly text: string; readonly isLater: boolean } {
  const text = readFragment();
  if (location.hash !== '') dropFragment();
  const [entry] = performance.getEntriesByType('navigation');
  const isLater = (entry as PerformanceNavigationTiming | undefined)?.type === 'reload';
  addEventListener('hashchange', () => location.reload());
  return { text, isLater };
}

/** Reads the fragment of the address. One with a broken escape is taken as it is. */
function readFragment(): string {
  const text = location.hash.slice(1);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const dropFragment = (): void =>
  history.replaceState(null, '', location.pathname + location.search);

/** Takes a credential out of the address, and leaves any other fragment. */
export function dropCredential(): void {
  if (isCredential(readFragment())) dropFragment();
}

/** Returns true for the forms that a request may carry. */
export const isCredential = (text: string): boolean => /^(sk-|jwt:)[\x21-\x7e]+$/.test(text);

/** Reads what a scoped token says; nothing for any other credential. */
export function readClaims(credential: string): TokenClaims {
  if (!credential.startsWith('jwt:')) return {};
  const [header, payload] = credential.slice(4).split('.').map(decodePart);
  const { kid } = Object(header);
  const { user, user_id: userId, jti, exp } = Object(payload);
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return {
    keyName: readKeyName(text(kid)),
    user: text(user) ?? text(userId),
    jti: text(jti),
    expiresAtMs: typeof exp === 'number' ? exp * 1000 : undefined,
  };
}

/** The account in a `kid` may contain colons, the base64 of the key's name has none. */
function readKeyName(kid: string | undefined): string | undefined {
  if (kid === undefined) return undefined;
  try {
    return fromBase64(kid.slice(kid.lastIndexOf(':') + 1));
  } catch {
    return undefined;
  }
}

/** Decodes one part of a JWT; undefined if it is none. */
export function decodePart(part: string): unknown {
  try {
    return JSON.parse(fromBase64(part));
  } catch {
    return undefined;
  }
}

const fromBase64 = (text: string): string => {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
};
