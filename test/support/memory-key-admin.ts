/**
 * Keys, their changes and their secrets in memory, for what commands do with them.
 */
import { sha256 } from '../../core/base/ids.ts';
import type { KeyAdminPorts } from '../../core/keys/key-admin.ts';
import { formatKeyRecord, type KeyRecord, parseKeyRecord } from '../../core/keys/key-record.ts';
import type { KeyChange } from '../../core/keys/ports.ts';
import { endingIdOf } from '../../core/keys/secret-ending.ts';
import { ACCOUNT } from './memory-keys.ts';
import { NOW_MS } from './tokens.ts';

export interface MemoryKeyAdmin extends KeyAdminPorts {
  nowMs: number;
  readonly records: Map<string, KeyRecord>;
  readonly changes: Map<string, KeyChange>;
  /** Key strings by `<key id> <version>`. */
  readonly secrets: Map<string, string>;
  /** Names by the hashes that lead to them. */
  readonly pointers: Map<string, string>;
  /** Instants at which secrets end, by the ids of their marks. */
  readonly endings: Map<string, number>;
  /** The calls, in order. */
  readonly calls: string[];
  /** Done before a record is replaced: another command, or a crash. */
  beforeReplace: () => void;
}

/** Random bytes and ids that are the same in each run. */
export function makeMemoryKeyAdmin(by = 'grace'): MemoryKeyAdmin {
  const records = new Map<string, KeyRecord>();
  const changes = new Map<string, KeyChange>();
  const secrets = new Map<string, string>();
  const pointers = new Map<string, string>();
  const endings = new Map<string, number>();
  const calls: string[] = [];
  let drawn = 0;
  const admin: MemoryKeyAdmin = {
    nowMs: NOW_MS,
    account: ACCOUNT,
    by,
    records,
    changes,
    secrets,
    pointers,
    endings,
    calls,
    beforeReplace: () => {},
    clock: { nowMs: () => admin.nowMs },
    random: {
      uuid: () => `uuid-${++drawn}`,
      bytes: (count) => Buffer.from(sha256(`${++drawn}`)).subarray(0, count),
    },
    vault: {
      async createKeySecret(keyId, version, key) {
        calls.push('create secret');
        secrets.set(`${keyId} ${version}`, key);
      },
      async putJwtSecret(keyId, version, secret) {
        calls.push('add JWT secret');
        secrets.set(`${keyId} jwt ${version}`, secret);
      },
    },
    store: {
      find: async (_, name) => records.get(name),
      list: async () => [...records.values()],
      async pointId() {
        calls.push('point id');
      },
      async create(record, made) {
        calls.push('create record');
        if (made && !endings.delete(endingIdOf(made.secret))) return false;
        // The authorizer must be able to read a record that was written.
        records.set(record.name, parseKeyRecord(formatKeyRecord(record)));
        pointers.set(record.keyHash, record.name);
        return true;
      },
      async point({ keyHash, name }) {
        calls.push('point');
        pointers.set(keyHash, name);
      },
      async replace(seen, next, { made, ended } = { ended: [] }) {
        calls.push('replace');
        admin.beforeReplace();
        if (records.get(seen.name)?.revision !== seen.revision) return false;
        if (made && !endings.delete(endingIdOf(made.secret))) return false;
        for (const { secret, atMs } of ended) endings.set(endingIdOf(secret), atMs);
        records.set(seen.name, parseKeyRecord(formatKeyRecord(next)));
        return true;
      },
      async putEnding(_, { secret, atMs }) {
        calls.push('mark secret');
        endings.set(endingIdOf(secret), atMs);
      },
      async putChange(change) {
        calls.push(`note ${change.action}`);
        changes.set(change.id, change);
      },
      findChange: async (_, id) => changes.get(id),
    },
  };
  return admin;
}
