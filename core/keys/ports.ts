/**
 * What key records need from outside: where they are found, changed, and where secrets are kept. Each port fails closed.
 */
import type { KeyHash, KeyId, TokenId } from '../base/ids.ts';
import type { KeyRecord } from './key-record.ts';

/** Records of keys, as they stand now. Fails closed: `service_unavailable`. */
export interface KeyStore {
  /** Read from the table each time. */
  find(account: string, name: string): Promise<KeyRecord | undefined>;
  /** All of an account, by name. */
  list(account: string): Promise<readonly KeyRecord[]>;
  /** A new record and the pointer to it. @throws invalid_request when the name is, or was, another key's */
  create(record: KeyRecord): Promise<void>;
  /** Lets the hash of a record's key find the record. May be repeated. */
  point(record: KeyRecord): Promise<void>;
  /** Puts `next` in the place of `seen`, all but what is revoked. False: another change was made since. */
  replace(seen: KeyRecord, next: KeyRecord): Promise<boolean>;
  /** Writes a change down. */
  putChange(change: KeyChange): Promise<void>;
  findChange(keyId: KeyId, id: string): Promise<KeyChange | undefined>;
}

/** The secrets of keys. Fails closed: `service_unavailable`. */
export interface KeyVault {
  createKeySecret(keyId: KeyId, version: string, key: string): Promise<void>;
  /** Adds a version beside those there are, whoever else adds one at the same time. */
  addKeyVersion(keyId: KeyId, version: string, key: string): Promise<void>;
  /** Adds a version of the secret, as text, that a key's JWTs are signed with. */
  putJwtSecret(keyId: KeyId, version: string, secret: string): Promise<void>;
}

/** One change of a key: who, what, when. */
export interface KeyChange {
  readonly id: string;
  readonly keyId: KeyId;
  /** The change before it; absent on the first one. */
  readonly after?: string;
  readonly atMs: number;
  /** Whoever ran the command: the system's user, or an AWS identity. */
  readonly by: string;
  readonly action: 'create' | 'set' | 'rotate' | 'disable' | 'revoke';
  /** What became of each field, as text without any secret. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Key records. Fails closed. Cached for 10 s at most and never stale. */
export interface KeyRecords {
  /** @param ageMaxMs how old what is found may be, where 10 s are too long */
  findByName(account: string, name: string, ageMaxMs?: number): Promise<KeyRecord | undefined>;
  /**
   * The record whose key, current or former, has this hash, and which version that hash is of. A record that does not
   * name this version yet is a second old at most.
   */
  findByKeyHash(hash: KeyHash): Promise<{ record: KeyRecord; version: string } | undefined>;
}

/** The list of tokens, by `jti`, that a key's record says are revoked. Fails closed. */
export interface RevokedList {
  has(key: KeyName, tokenId: TokenId): Promise<boolean>;
  /** @throws invalid_request when the list is full; service_unavailable */
  add(
    key: KeyName,
    entry: { readonly tokenId: TokenId; readonly keepUntilMs: number; readonly nowMs: number },
  ): Promise<void>;
}

/** A key, as its record is found. */
export interface KeyName {
  readonly account: string;
  readonly keyId: KeyId;
  readonly keyName: string;
}
