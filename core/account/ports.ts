/**
 * Ports of the owner's routes.
 */
import type { KeyId } from '../base/ids.ts';

/** A change of a user by the owner of a key, as the audit lists it. */
export interface UserChangeRow {
  readonly keyId: KeyId;
  /** Names the change; the same change that is sent again has the same id. */
  readonly id: string;
  readonly atMs: number;
  /** The key, or the person or system that ran a command. */
  readonly by: string;
  readonly user: string;
  /** The fields to change, as JSON. No secret is in it. */
  readonly fields: string;
}

/** The list of changes of users. Fails closed. */
export interface UserChanges {
  /** Adds a change. May be repeated: the first one stays. */
  put(row: UserChangeRow): Promise<void>;
  /** Puts a change without its user's name in the place of the one with its id. */
  forget(row: UserChangeRow): Promise<void>;
  /** All changes of a key's users, the last one first, for commands. @throws service_unavailable */
  list(keyId: KeyId): Promise<readonly UserChangeRow[]>;
}
