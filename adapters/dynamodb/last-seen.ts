/**
 * The memory of this process: what the last answer about a wallet showed. It holds only wallets that differ from an
 * ordinary one, and no more than a bound.
 */
import { makeBoundedMap } from '../../core/base/bounded-map.ts';
import type { WalletId } from '../../core/base/ids.ts';
import type { LastSeen, Wallet } from '../../core/wallet/ports.ts';

/** A wallet that was missing is looked for again after this: a process of the version before may have made it. */
const MISSING_MS = 60_000;

/** Some hundred bytes each. */
const WALLETS_MAX = 2_000;

export interface LastSeenWallets {
  find(walletId: WalletId): LastSeen | undefined;
  note(walletId: WalletId, wallet: Wallet | undefined): void;
}

/** An empty memory. The wallet that was noted longest ago goes first. */
export function makeLastSeen(nowMs: () => number = Date.now): LastSeenWallets {
  const seen = makeBoundedMap<WalletId, LastSeen & { readonly untilMs?: number }>(WALLETS_MAX);
  return {
    find: (walletId) => {
      const { untilMs, ...last } = seen.get(walletId) ?? {};
      return untilMs !== undefined && untilMs <= nowMs() ? undefined : last;
    },
    note: (walletId, wallet) => {
      const { person, movedTo } = wallet ?? {};
      if (wallet === undefined) {
        seen.set(walletId, { isMissing: true, untilMs: nowMs() + MISSING_MS });
      } else if (person === undefined && movedTo === undefined) {
        seen.delete(walletId);
      } else {
        seen.set(walletId, { ...(person && { person }), ...(movedTo && { movedTo }) });
      }
    },
  };
}
