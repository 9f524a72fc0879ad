import type { WalletId } from '../../core/base/ids.ts';
import type { MadeChange, PersonNote } from '../../core/wallet/person.ts';
import type { People } from '../../core/wallet/ports.ts';
import type { StoredWallet } from './memory-pools.ts';

interface StoredNote {
  texts: Omit<PersonNote, 'changes' | 'minutesRefused'>;
  readonly changes: Map<string, MadeChange>;
}

/** Records of people in memory beside their wallets: the rules of the port in plain words. */
export function makeMemoryPeople(
  wallets: ReadonlyMap<WalletId, StoredWallet>,
  open: (id: WalletId) => StoredWallet,
): People {
  const notes = new Map<WalletId, StoredNote>();
  return {
    async findNote(walletId) {
      const note = notes.get(walletId);
      return note && { ...note.texts, changes: new Map(note.changes) };
    },

    async change({ walletId, seenRev, person, listedUnder, ...change }) {
      const { idempotencyKey, digest, nowMs, forget, texts } = change;
      const note = notes.get(walletId) ?? { texts: {}, changes: new Map() };
      if (note.changes.has(idempotencyKey) && !forget.includes(idempotencyKey)) return 'repeated';
      const wallet = wallets.get(walletId);
      if (wallet?.person?.rev !== seenRev || wallet?.movedTo !== undefined) return 'record-changed';
      for (const key of forget) note.changes.delete(key);
      note.changes.set(idempotencyKey, { madeAtMs: nowMs, digest });
      const merged = Object.entries({ ...note.texts, ...texts }).filter(([, text]) => text != null);
      notes.set(walletId, { ...note, texts: Object.fromEntries(merged) });
      const changed = open(walletId);
      changed.person = person;
      changed.listedUnder ??= listedUnder;
      return 'changed';
    },

    findListed: async (book, after, pageSize) =>
      [...wallets]
        .filter(([id, { listedUnder }]) => listedUnder === book && id > after)
        .map(([id]) => id)
        .sort((a, b) => (a < b ? -1 : 1))
        .slice(0, pageSize),
  };
}
