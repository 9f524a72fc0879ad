import type { WalletId } from '../../core/base/ids.ts';
import type { Spills, TokenPart } from '../../core/wallet/spill-port.ts';
import type { StoredWallet } from './memory-pools.ts';

const MOVED = { moved: true, writeUnits: 1 };
const CHANGED = { moved: false, writeUnits: 1 };

/** Tokens outside their wallets, in memory: the rules of the port in plain words. */
export function makeMemorySpills(
  wallets: ReadonlyMap<WalletId, StoredWallet>,
  open: (id: WalletId) => StoredWallet,
): Spills {
  const outside = new Map<string, TokenPart>();
  /** The number of the spill that each was last copied for, also of those that came back. */
  const copiedFor = new Map<string, number>();
  return {
    async copyToken(walletId, token, spill) {
      const id = `${walletId}#${token.tokenId}`;
      if ((copiedFor.get(id) ?? 0) >= spill) return CHANGED;
      const before = outside.get(id);
      const isRevoked = token.isRevoked || before?.isRevoked === true;
      const counters = new Map([...(before?.counters ?? []), ...token.counters]);
      outside.set(id, { ...token, isRevoked, counters });
      copiedFor.set(id, spill);
      return MOVED;
    },

    async spill({ walletId, seenSpills, tokens }) {
      const wallet = wallets.get(walletId);
      if (wallet === undefined || wallet.spills !== seenSpills) return CHANGED;
      if (!tokens.every((token) => isAsSeen(wallet, token))) return CHANGED;
      for (const token of tokens) {
        for (const name of token.counters.keys()) wallet.counters.delete(name);
        wallet.tokenKeepUntilMs.delete(token.tokenId);
        wallet.revokedTokens.delete(token.tokenId);
      }
      wallet.spills = (seenSpills ?? 0) + 1;
      return MOVED;
    },

    findSpilled: async (walletId, tokenId) => outside.get(`${walletId}#${tokenId}`),

    async unspill(walletId, token, from = walletId) {
      const id = `${from}#${token.tokenId}`;
      const wallet = open(walletId);
      const isCounted = wallet.tokenKeepUntilMs.has(token.tokenId);
      if (isCounted || wallet.movedTo !== undefined || !isSame(outside.get(id), token))
        return CHANGED;
      outside.delete(id);
      wallet.tokenKeepUntilMs.set(token.tokenId, token.keepUntilMs);
      if (token.isRevoked) wallet.revokedTokens.add(token.tokenId);
      for (const [name, counted] of token.counters) {
        wallet.counters.set(name, (wallet.counters.get(name) ?? 0n) + counted);
      }
      wallet.spills = (wallet.spills ?? 0) + 1;
      return MOVED;
    },
  };
}

const isAsSeen = (wallet: StoredWallet, token: TokenPart): boolean =>
  wallet.tokenKeepUntilMs.get(token.tokenId) === token.keepUntilMs &&
  wallet.revokedTokens.has(token.tokenId) === token.isRevoked &&
  [...token.counters].every(([name, counted]) => wallet.counters.get(name) === counted);

const isSame = (stored: TokenPart | undefined, seen: TokenPart): boolean =>
  stored !== undefined &&
  stored.keepUntilMs === seen.keepUntilMs &&
  stored.isRevoked === seen.isRevoked &&
  [...seen.counters].every(([name, counted]) => stored.counters.get(name) === counted);
