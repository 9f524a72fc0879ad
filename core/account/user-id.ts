/**
 * The id by which an owner names a user: `token:ann@x.edu`, `header:…`, `personal:…`, `jwt:<issuer> <subject>`.
 * Flow: request > **id** > wallet. Invariant: read(write(identity)) is the identity.
 */
import type { Identity, IdentitySource } from '../access/grant.ts';
import { asWalletId, type WalletId } from '../base/ids.ts';
import { foldUser, isName, USER_CHARS_MAX } from '../base/names.ts';
import { bookOf } from '../wallet/payer.ts';
import type { PersonNote } from '../wallet/person.ts';

/** The sources whose ids are the name alone. */
const PLAIN = ['token', 'header', 'personal'] as const satisfies readonly IdentitySource[];

/** Writes the id of the user whom a note describes; a wallet without a name is `wallet:<digest>`. */
export function userIdOf(walletId: WalletId, note: PersonNote | undefined): string {
  const { name, source } = note ?? {};
  if (name === undefined || source === undefined) return `wallet:${digestOf(walletId)}`;
  return source.startsWith('jwt:') ? `${source} ${name}` : `${source}:${name}`;
}

/** The part of a wallet's id behind its book. */
export const digestOf = (walletId: WalletId): string => walletId.slice(walletId.indexOf('#') + 1);

/** The users that an owner names: one identity, one wallet, or everybody with this e-mail address or name. */
export type NamedUser =
  | { readonly kind: 'identity'; readonly identity: Identity }
  | { readonly kind: 'wallet'; readonly walletId: WalletId }
  | { readonly kind: 'person'; readonly user: string };

/** True for a text by which an owner named the one user of a personal key. */
export function isNameOf(text: string, only: Identity, walletId: WalletId): boolean {
  const named = readUserId(text, bookOf(walletId));
  switch (named?.kind) {
    case 'identity':
      return named.identity.source === only.source && named.identity.id === only.id;
    case 'wallet':
      return named.walletId === walletId;
    case 'person':
      return named.user === only.id;
    case undefined:
      return false;
  }
}

/** Reads an id; undefined for a text that can name nobody. */
export function readUserId(text: string, book: string): NamedUser | undefined {
  const [, prefix = '', rest = ''] = /^(token|header|personal|jwt|wallet):(.*)$/su.exec(text) ?? [];
  if (prefix === '') {
    return isName(text, USER_CHARS_MAX)
      ? { kind: 'person', user: foldUser(text) || text }
      : undefined;
  }
  if (prefix === 'wallet') {
    const isDigest = /^u[\w-]{22}$/.test(rest);
    return isDigest ? { kind: 'wallet', walletId: asWalletId(`${book}#${rest}`) } : undefined;
  }
  const space = prefix === 'jwt' ? rest.indexOf(' ') : -1;
  if (prefix === 'jwt' && space === -1) return undefined;
  const id = rest.slice(space + 1);
  if (!isName(id, USER_CHARS_MAX)) return undefined;
  const source = PLAIN.find((each) => each === prefix);
  return {
    kind: 'identity',
    identity: source
      ? { source, issuer: '', id: foldUser(id) || id }
      : { source: 'jwt', issuer: rest.slice(0, space), id },
  };
}
