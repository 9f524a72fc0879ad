import type { WalletId } from '../../core/base/ids.ts';
import type { People } from '../../core/wallet/people.ts';
import type { MadeChange, PersonNote } from '../../core/wallet/person.ts';
import type { StoredWallet } from './memory-pools.ts';

export interface StoredNote {
  refusedAtMs?: number;
  minutesRefused?: number;
  texts: Omit<PersonNote, 'changes' | 'minutesRefused'>;
  readonly changes: Map<string, MadeChange>;
}

const toNote = ({ texts, changes, minutesRefused }: StoredNote): PersonNote => ({
  ...texts,
  ...(minutesRefused === undefined ? {} : { minutesRefused }),
  changes: new Map(changes),
});

/** Joins the note of a person to another one, whose texts stay. */
export function moveNote(notes: Map<WalletId, StoredNote>, from: WalletId, to: WalletId): void {
  const former = notes.get(from);
  if (former === undefined) return;
  const other: StoredNote = notes.get(to) ?? { texts: {}, changes: new Map() };
  const { name: _, ...texts } = former.texts;
  const minutesRefused = (former.minutesRefused ?? 0) + (other.minutesRefused ?? 0);
  notes.set(to, {
    ...other,
    texts: { ...texts, ...other.texts },
    ...(minutesRefused > 0 && { minutesRefused }),
    changes: new Map([...former.changes, ...other.changes]),
  });
  notes.set(from, { texts: {}, changes: new Map() });
}

/** Records of people in memory beside their wallets: the rules of the port in plain words. */
export function makeMemoryPeople(
  wallets: ReadonlyMap<WalletId, StoredWallet>,
  open: (id: WalletId) => StoredWallet,
  notes = new Map<WalletId, StoredNote>(),
): People {
  const noteOf = (id: WalletId): StoredNote => notes.get(id) ?? { texts: {}, changes: new Map() };
  return {
    async findNote(walletId) {
      const note = notes.get(walletId);
      return note && toNote(note);
    },

    findNotes: async (walletIds) =>
      new Map(
        walletIds.flatMap((id) => {
          const note = notes.get(id);
          return note === undefined ? [] : [[id, toNote(note)] as const];
        }),
      ),

    async introduce(walletId, names) {
      const note = noteOf(walletId);
      if (note.texts.name !== undefined) return;
      notes.set(walletId, { ...note, texts: { ...note.texts, ...names } });
    },

    async forget(walletId, { reason }) {
      const note = notes.get(walletId);
      const texts = reason === undefined ? {} : { reason: 'removed' };
      if (note !== undefined) notes.set(walletId, { ...note, texts });
    },

    async countRefusal(walletId, nowMs) {
      const note = noteOf(walletId);
      notes.set(walletId, note);
      if (nowMs - (note.refusedAtMs ?? Number.NEGATIVE_INFINITY) < 60_000) return;
      note.refusedAtMs = nowMs;
      note.minutesRefused = (note.minutesRefused ?? 0) + 1;
    },

    async change({ walletId, seenRev, person, listedUnder, ...change }) {
      const { idempotencyKey, digest, nowMs, forget, texts } = change;
      const note = noteOf(walletId);
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
