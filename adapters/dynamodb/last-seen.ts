/**
 * The memory of this process: what the last answer about a wallet showed. It holds only wallets that differ from an
 * ordinary one, and no more than a bound.
 */
import type { WalletId } from '../../core/base/ids.ts';
import type { LastSeen, Wallet } from '../../core/wallet/ports.ts';

/** Some hundred bytes each. */
const WALLETS_MAX = 2_000;

export interface LastSeenWallets {
  find(walletId: WalletId): LastSeen | undefined;
  note(walletId: WalletId, wallet: Wallet | undefined): void;
}

/** An empty memory. The wallet that was noted longest ago goes first. */
export function makeLastSeen(walletsMax = WALLETS_MAX): LastSeenWallets {
  const seen = new Map<WalletId, LastSeen>();
  return {
    find: (walletId) => seen.get(walletId),
    note: (walletId, wallet) => {
      seen.delete(walletId);
      const { person, movedTo } = wallet ?? {};
      if (person === undefined && movedTo === undefined) return;
      seen.set(walletId, { ...(person && { person }), ...(movedTo && { movedTo }) });
      const [oldest] = seen.keys();
      if (seen.size > walletsMax && oldest !== undefined) seen.delete(oldest);
    },
  };
}
