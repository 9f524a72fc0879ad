/** Grants of sign-in in memory, in the place of the table. */
import type { SignInStore, StoredGrant } from '../../core/sign-in/ports.ts';

export interface MemorySignIn extends SignInStore {
  /** All that the table would hold, to look for secrets in. */
  readonly grants: Map<string, StoredGrant>;
}

export function makeMemorySignIn(): MemorySignIn {
  const grants = new Map<string, StoredGrant>();
  const counts = new Map<string, number>();
  return {
    grants,
    async find(id, nowMs) {
      const grant = grants.get(id);
      return grant !== undefined && grant.expiresAtMs > nowMs ? grant : undefined;
    },
    async create(grant) {
      if (grants.has(grant.id)) return false;
      grants.set(grant.id, { ...grant, rev: 1 });
      return true;
    },
    async replace({ id, rev }, { expiresAtMs, data }) {
      if (grants.get(id)?.rev !== rev) return false;
      grants.set(id, { id, rev: rev + 1, expiresAtMs, data });
      return true;
    },
    async count(id, { max }) {
      const counted = counts.get(id) ?? 0;
      if (counted >= max) return false;
      counts.set(id, counted + 1);
      return true;
    },
    async uncount(id) {
      const counted = counts.get(id) ?? 0;
      if (counted > 0) counts.set(id, counted - 1);
    },
  };
}
