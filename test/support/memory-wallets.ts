import type { TokenId, WalletId } from '../../core/base/ids.ts';
import type { Hold } from '../../core/wallet/hold.ts';
import { isSameHold } from '../../core/wallet/hold-codec.ts';
import type { People } from '../../core/wallet/people.ts';
import type {
  Reservation,
  Settlement,
  Slice,
  Wallet,
  Wallets,
  WriteOutcome,
} from '../../core/wallet/ports.ts';
import { moveInMemory } from './memory-moves.ts';
import { makeMemoryPeople, moveNote, type StoredNote } from './memory-people.ts';
import { makeMemoryPools, type StoredWallet } from './memory-pools.ts';
import { makeMemorySpills } from './memory-spills.ts';

export interface MemoryWallets extends Wallets {
  /** The records of the people whose wallets these are. */
  readonly people: People;
  /** Marks as revocations leave them. */
  revokeToken(walletId: WalletId, tokenId: TokenId, keepUntilMs?: number): void;
  setNotBefore(walletId: WalletId, atMs: number): void;
  shardOf(walletId: WalletId): number;
}

const SHARDS = 4;

/** Wallets in memory: the rules of the port in plain words. */
export function makeMemoryWallets(): MemoryWallets {
  const wallets = new Map<WalletId, StoredWallet>();
  const seen = new Map<WalletId, Wallet>();
  const notes = new Map<WalletId, StoredNote>();

  const open = (id: WalletId): StoredWallet => {
    const wallet = wallets.get(id) ?? {
      counters: new Map(),
      holds: new Map(),
      slices: new Map(),
      draws: 0,
      isIndexed: false,
      revokedTokens: new Set(),
      tokenKeepUntilMs: new Map(),
      prompts: new Map(),
    };
    wallets.set(id, wallet);
    return wallet;
  };
  const look = (id: WalletId): Wallet | undefined => {
    const stored = wallets.get(id);
    const wallet = stored && toWallet(id, stored);
    if (wallet !== undefined) seen.set(id, wallet);
    return wallet;
  };
  const outcome = (id: WalletId, written: boolean): WriteOutcome => ({
    written,
    wallet: look(id),
    writeUnits: 1,
  });
  const shardOf = (walletId: WalletId): number =>
    [...walletId].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % SHARDS;

  return {
    ...makeMemoryPools(wallets, open, look),
    ...makeMemorySpills(wallets, open),
    shardOf,
    people: makeMemoryPeople(wallets, open, notes),

    async reserve(reservation) {
      const { hold } = reservation;
      if (!isAdmitted(reservation, wallets.get(hold.walletId)))
        return outcome(hold.walletId, false);
      const wallet = open(hold.walletId);
      for (const { name, add } of reservation.counters) {
        wallet.counters.set(name, (wallet.counters.get(name) ?? 0n) + add);
      }
      for (const { name, take } of reservation.slices ?? []) addLeft(wallet, name, -take);
      wallet.holds.set(hold.requestId, hold);
      wallet.dueAtMs ??= hold.leaseEndsAtMs;
      const { tokenId, tokenKeepUntilMs } = reservation;
      if (tokenId !== undefined && tokenKeepUntilMs !== undefined) {
        wallet.tokenKeepUntilMs.set(tokenId, tokenKeepUntilMs);
      }
      wallet.listedUnder ??= reservation.listedUnder;
      wallet.seenDay = reservation.seenDay ?? wallet.seenDay;
      return outcome(hold.walletId, true);
    },

    async settle(settlement) {
      const { hold, remember } = settlement;
      const wallet = wallets.get(hold.walletId);
      if (wallet === undefined || !isSettleable(settlement, wallet)) {
        return outcome(hold.walletId, false);
      }
      for (const { name, add } of settlement.counters) {
        wallet.counters.set(name, (wallet.counters.get(name) ?? 0n) + add);
      }
      for (const { name, back } of settlement.slices ?? []) addLeft(wallet, name, back);
      for (const name of settlement.drop) wallet.counters.delete(name);
      for (const name of settlement.dropSlices ?? []) wallet.slices.delete(name);
      for (const { tokenId, names } of settlement.dropTokens) {
        wallet.tokenKeepUntilMs.delete(tokenId);
        wallet.revokedTokens.delete(tokenId);
        for (const name of names) wallet.counters.delete(name);
      }
      if (settlement.forgetsPrompts) {
        wallet.salt = undefined;
        wallet.prompts.clear();
      }
      if (remember !== undefined) {
        wallet.salt ??= remember.salt;
        wallet.prompts.set(remember.slot, remember.prompt);
      }
      wallet.holds.delete(hold.requestId);
      return outcome(hold.walletId, true);
    },

    async giveBack({ hold, amounts, counters, slices }) {
      const wallet = wallets.get(hold.walletId);
      if (wallet === undefined || !isHeld(hold, wallet)) return outcome(hold.walletId, false);
      wallet.holds.set(hold.requestId, { ...hold, amounts });
      for (const { name, add } of counters) {
        wallet.counters.set(name, (wallet.counters.get(name) ?? 0n) + add);
      }
      for (const { name, back } of slices) addLeft(wallet, name, back);
      return outcome(hold.walletId, true);
    },

    async claimCount(id, nowMs) {
      const wallet = open(id);
      const countedUntilMs = Math.max(wallet.countedUntilMs ?? 0, nowMs);
      if (countedUntilMs > nowMs + 30_000) return false;
      wallet.countedUntilMs = countedUntilMs + 10_000;
      return true;
    },

    find: async (id) => look(id),
    lastSeen: (id) => seen.get(id),

    findDue: async (shard, beforeMs, pageSize) =>
      [...wallets]
        .map(([id, { dueAtMs }]) => ({ id, dueAtMs: dueAtMs ?? Number.POSITIVE_INFINITY }))
        .filter(({ id, dueAtMs }) => dueAtMs < beforeMs && shardOf(id) === shard)
        .sort((a, b) => a.dueAtMs - b.dueAtMs)
        .slice(0, pageSize)
        .map(({ id }) => id),

    async moveWallet(move) {
      const isMoved = moveInMemory(wallets, open, move);
      if (isMoved) moveNote(notes, move.from.id, move.to);
      return isMoved;
    },

    async moveDue(id, seenDueAtMs, nextDueAtMs) {
      const wallet = wallets.get(id);
      if (wallet?.dueAtMs !== seenDueAtMs) return false;
      if (nextDueAtMs === undefined && wallet.holds.size > 0) return false;
      wallet.dueAtMs = nextDueAtMs;
      return true;
    },

    revokeToken: (id, tokenId, keepUntilMs) => {
      const { revokedTokens, tokenKeepUntilMs } = open(id);
      revokedTokens.add(tokenId);
      if (keepUntilMs === undefined) return;
      tokenKeepUntilMs.set(tokenId, Math.max(keepUntilMs, tokenKeepUntilMs.get(tokenId) ?? 0));
    },
    setNotBefore: (id, atMs) => {
      open(id).notBeforeMs = atMs;
    },
  };
}

const NO_SLICE: Slice = { left: 0n, drawnIn: 0n, recalledOut: 0n, limit: 0n };

function addLeft(wallet: StoredWallet, name: string, amount: bigint): void {
  const slice = wallet.slices.get(name) ?? NO_SLICE;
  wallet.slices.set(name, { ...slice, left: slice.left + amount });
}

function isAdmitted(reservation: Reservation, wallet: StoredWallet | undefined): boolean {
  const { hold, counters, slices = [], inFlightMax, tokenId, issuedAtMs } = reservation;
  if (wallet?.person?.rev !== reservation.seenRev || wallet?.movedTo !== undefined) return false;
  if (wallet === undefined) return inFlightMax > 0 && slices.length === 0;
  if (wallet.holds.has(hold.requestId) || wallet.holds.size >= inFlightMax) return false;
  if (tokenId !== undefined && wallet.revokedTokens.has(tokenId)) return false;
  const isCounted = tokenId === undefined || wallet.tokenKeepUntilMs.has(tokenId);
  if (!isCounted && wallet.spills !== reservation.seenSpills) return false;
  const { notBeforeMs } = wallet;
  if (issuedAtMs !== undefined && notBeforeMs !== undefined && issuedAtMs <= notBeforeMs) {
    return false;
  }
  const isDrawn = slices.every(({ name, take, limit }) => {
    const slice = wallet.slices.get(name);
    return slice !== undefined && slice.left >= take && slice.limit <= limit;
  });
  if (!isDrawn) return false;
  return counters.every(({ name, add, max }) => {
    const used = wallet.counters.get(name);
    return max === undefined || used === undefined || used + add <= max;
  });
}

function isHeld(hold: Hold, wallet: StoredWallet): boolean {
  const held = wallet.holds.get(hold.requestId);
  return held !== undefined && isSameHold(held, hold);
}

const isSettleable = (settlement: Settlement, wallet: StoredWallet): boolean =>
  isHeld(settlement.hold, wallet) &&
  settlement.dropTokens.every(
    ({ tokenId, seenKeepUntilMs }) => wallet.tokenKeepUntilMs.get(tokenId) === seenKeepUntilMs,
  );

/** About the size that the item would have in the table. */
const bytesIn = ({ counters, holds, slices, prompts }: StoredWallet): number =>
  100 + 30 * counters.size + 110 * holds.size + 100 * slices.size + 40 * prompts.size;

const toWallet = (id: WalletId, stored: StoredWallet): Wallet => ({
  id,
  counters: new Map(stored.counters),
  holds: new Map(stored.holds),
  slices: new Map(stored.slices),
  draws: stored.draws,
  inFlight: stored.holds.size,
  revokedTokens: new Set(stored.revokedTokens),
  tokenKeepUntilMs: new Map(stored.tokenKeepUntilMs),
  ...(stored.notBeforeMs === undefined ? {} : { notBeforeMs: stored.notBeforeMs }),
  ...(stored.dueAtMs === undefined ? {} : { dueAtMs: stored.dueAtMs }),
  bytes: bytesIn(stored),
  ...(stored.spills === undefined ? {} : { spills: stored.spills }),
  ...(stored.person && { person: stored.person }),
  ...(stored.seenDay === undefined ? {} : { seenDay: stored.seenDay }),
  ...(stored.movedTo === undefined ? {} : { movedTo: stored.movedTo }),
  ...(stored.salt === undefined
    ? {}
    : { memory: { salt: stored.salt, prompts: new Map(stored.prompts) } }),
});
