/**
 * Ports of keys: their records, their secrets and their changes. Each port fails closed.
 */
import type { KeyHash, KeyId, TokenId } from '../base/ids.ts';
import type { KeyName, KeyRecord } from './key-record.ts';
import type { KeySecret } from './key-secret.ts';

/** Key records for commands, never from a cache. Fails closed: `service_unavailable`. */
export interface KeyStore {
  find(account: string, name: string): Promise<KeyRecord | undefined>;
  /** All records of an account, sorted by name. */
  list(account: string): Promise<readonly KeyRecord[]>;
  /** Writes the pointer from the id of a key to its name, before the key has a secret. May be repeated. */
  pointId(key: KeyName): Promise<void>;
  /**
   * Writes a new record and the pointer from its key hash, and ends the mark of its secret: all of it, or nothing.
   * False: the sweep claimed the mark, or this record was written before.
   * @throws invalid_request when another key has or had the name
   */
  create(record: KeyRecord, made?: SecretEnding): Promise<boolean>;
  /** Writes the pointer from a record's key hash to the record. May be repeated. */
  point(record: KeyRecord): Promise<void>;
  /**
   * Replaces `seen` by `next`, except its revoked tokens, and changes marks of its secrets with it: all of it, or nothing.
   * False: another change was made since, or the sweep claimed the mark of the new secret.
   */
  replace(seen: KeyRecord, next: KeyRecord, marks?: SecretMarks): Promise<boolean>;
  /** Puts a secret into the index of the sweep, from an instant on. */
  putEnding(key: KeyName, ending: SecretEnding): Promise<void>;
  /** Adds a change to the list of changes. */
  putChange(change: KeyChange): Promise<void>;
  findChange(keyId: KeyId, id: string): Promise<KeyChange | undefined>;
}

/** A secret that the sweep may delete from an instant on, if its key does not need it then. */
export interface SecretEnding {
  readonly secret: KeySecret;
  readonly atMs: number;
}

/** Marks that change with a key's record. */
export interface SecretMarks {
  /** The mark of the new secret, as it was put. It goes, unless the sweep claimed it. */
  readonly made?: SecretEnding;
  /** Marks of secrets that end. */
  readonly ended: readonly SecretEnding[];
}

/** The secrets of keys. Fails closed: `service_unavailable`. */
export interface KeyVault {
  /** Makes the secret of a version. May be repeated. */
  createKeySecret(keyId: KeyId, version: string, key: string): Promise<void>;
  /**
   * Adds a version of the shared secret, as text, that verifies a key's JWTs. May be repeated. Of two that are added at
   * the same time, both stay.
   */
  putJwtSecret(keyId: KeyId, version: string, secret: string): Promise<void>;
}

/** One change of a key: who, what, when. */
export interface KeyChange {
  readonly id: string;
  readonly keyId: KeyId;
  /** The change before it; absent on the first one. */
  readonly after?: string;
  readonly atMs: number;
  /** The user who ran the command: of the system, or an AWS identity. */
  readonly by: string;
  readonly action: 'create' | 'set' | 'rotate' | 'disable' | 'revoke';
  /** The changed fields, as text without any secret. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Key records for the authorizer. Fails closed. A record from a cache is at most 10 s old. */
export interface KeyRecords {
  /** @param ageMaxMs the greatest age of the record, where 10 s is too long */
  findByName(account: string, name: string, ageMaxMs?: number): Promise<KeyRecord | undefined>;
  /**
   * Finds the record whose key string, current or former, has this hash, and the version of that string. A record that
   * does not name this version yet is at most a second old.
   */
  findByKeyHash(hash: KeyHash): Promise<{ record: KeyRecord; version: string } | undefined>;
}

/** The list of revoked tokens, by `jti`, in a key's record. Fails closed. */
export interface RevokedList {
  has(key: KeyName, tokenId: TokenId): Promise<boolean>;
  /** @throws invalid_request when the list is full; service_unavailable */
  add(
    key: KeyName,
    entry: { readonly tokenId: TokenId; readonly keepUntilMs: number; readonly nowMs: number },
  ): Promise<void>;
}
