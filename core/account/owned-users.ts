/**
 * The users that an owner sees and changes: those of one key, the one user of a personal key, or all users of personal
 * keys. Flow: Grant > **users** > answer. Invariant: only the key in force names them, alone or by `?key=NAME` for a key
 * that it manages; the users of a server or client key are never those of personal keys.
 */
import { type Grant, type Identity, isOwner, type ManagedKey } from '../access/grant.ts';
import { GatewayError } from '../base/errors.ts';
import type { HttpRequest } from '../base/http.ts';
import { asKeyId, type KeyId } from '../base/ids.ts';
import { foldUser } from '../base/names.ts';
import { personalBookOf } from '../wallet/payer.ts';

export interface OwnedUsers extends Pick<Grant, 'account' | 'limits'> {
  /** Changes are listed under it: the key, or the book of all personal keys. */
  readonly keyId: KeyId;
  /** The book in which the users' wallets are listed. */
  readonly book: string;
  /** The users are those of personal keys. */
  readonly arePersonal: boolean;
  /** The one user of a personal key. */
  readonly only?: Identity;
}

/**
 * Refuses everyone but the owner: the key in force of a server key, sent alone and for no user.
 * @throws route_not_allowed
 */
export function requireOwner(grant: Grant): void {
  if (isOwner(grant)) return;
  throw new GatewayError('route_not_allowed', {
    message: 'only a server key in force, without a token, a JWT or a user, may use this route',
  });
}

/**
 * Returns the users of the key itself, or of the key that `?key=NAME` names.
 * @throws route_not_allowed, not_found for a key that this one does not manage
 */
export function ownedUsersOf(grant: Grant, query: HttpRequest['query']): OwnedUsers {
  requireOwner(grant);
  return usersOfKey(grant.account, managedIn(grant, query) ?? grant);
}

/**
 * Returns the managed key that a request is about; undefined: it is about the credential's own key.
 * @throws route_not_allowed, not_found for a key that this one does not manage
 */
export function managedIn(grant: Grant, { key }: HttpRequest['query']): ManagedKey | undefined {
  if (key === undefined || key === grant.keyName) return undefined;
  requireOwner(grant);
  if (grant.managed?.keyName === key) return grant.managed;
  throw new GatewayError('not_found', {
    message: `this key manages no key ${JSON.stringify(key)}`,
  });
}

/** Returns the users of a key. A personal key has one. */
export function usersOfKey(
  account: string,
  { keyId, keyKind, limits, user }: Omit<ManagedKey, 'keyName'>,
): OwnedUsers {
  if (keyKind !== 'personal' || user === undefined) {
    return { account, keyId, limits, book: keyId, arePersonal: false };
  }
  const only = { source: 'personal', issuer: '', id: foldUser(user) || user } as const;
  const book = personalBookOf(account);
  return { account, keyId: asKeyId(book), limits, book, arePersonal: true, only };
}
