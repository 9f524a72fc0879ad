import type { PoolId, RequestId, TokenId, WalletId } from '../../core/base/ids.ts';
import type { Hold } from '../../core/wallet/hold.ts';
import type { RememberedPrompt } from '../../core/wallet/memory.ts';
import type { Person } from '../../core/wallet/person.ts';
import type { Pools, Slice, Wallet } from '../../core/wallet/ports.ts';

/** A wallet as the memory keeps it. */
export interface StoredWallet {
  readonly counters: Map<string, bigint>;
  readonly holds: Map<RequestId, Hold>;
  readonly slices: Map<string, Slice>;
  draws: number;
  isIndexed: boolean;
  readonly revokedTokens: Set<TokenId>;
  readonly tokenKeepUntilMs: Map<TokenId, number>;
  notBeforeMs?: number | undefined;
  dueAtMs?: number | undefined;
  countedUntilMs?: number | undefined;
  salt?: string | undefined;
  person?: Person | undefined;
  spills?: number | undefined;
  listedUnder?: string | undefined;
  seenDay?: string | undefined;
  movedTo?: WalletId | undefined;
  readonly prompts: Map<number, RememberedPrompt>;
}

const MOVED = { kind: 'moved', writeUnits: 4 } as const;
const WALLET_CHANGED = { kind: 'wallet-changed', writeUnits: 4 } as const;
const POOL_REFUSED = { kind: 'pool-refused', writeUnits: 4 } as const;

/** Pools in memory beside the wallets that draw of them: the rules of the port in plain words. */
export function makeMemoryPools(
  wallets: ReadonlyMap<WalletId, StoredWallet>,
  open: (id: WalletId) => StoredWallet,
  look: (id: WalletId) => Wallet | undefined,
): Pools {
  const pools = new Map<PoolId, bigint>();
  return {
    findDrawn: async (poolId) => pools.get(poolId) ?? 0n,

    async draw({ poolId, walletId, name, amount, seenIn, limit }) {
      const slice = wallets.get(walletId)?.slices.get(name);
      if (wallets.get(walletId)?.movedTo !== undefined) return WALLET_CHANGED;
      if ((slice?.drawnIn ?? 0n) !== seenIn) return WALLET_CHANGED;
      const drawn = pools.get(poolId);
      if (limit !== undefined && drawn !== undefined && drawn + amount > limit) {
        return POOL_REFUSED;
      }
      pools.set(poolId, (drawn ?? 0n) + amount);
      const wallet = open(walletId);
      wallet.slices.set(name, {
        left: (slice?.left ?? 0n) + amount,
        drawnIn: seenIn + amount,
        recalledOut: slice?.recalledOut ?? 0n,
        limit: limit ?? slice?.limit ?? 0n,
      });
      wallet.draws += 1;
      wallet.isIndexed = true;
      return MOVED;
    },

    async recall({ poolId, walletId, name, amount, seenOut }) {
      const slice = wallets.get(walletId)?.slices.get(name);
      if (slice === undefined || slice.recalledOut !== seenOut || slice.left < amount) {
        return WALLET_CHANGED;
      }
      const drawn = pools.get(poolId) ?? 0n;
      if (drawn < amount) return POOL_REFUSED;
      pools.set(poolId, drawn - amount);
      open(walletId).slices.set(name, {
        ...slice,
        left: slice.left - amount,
        recalledOut: seenOut + amount,
      });
      return MOVED;
    },

    findHolders: async (keyId, after, pageSize) =>
      [...wallets]
        .filter(([id, { isIndexed }]) => isIndexed && id.startsWith(`${keyId}#`) && id > after)
        .map(([id]) => id)
        .sort((a, b) => (a < b ? -1 : 1))
        .slice(0, pageSize),

    findAll: async (ids) => ids.map(look).filter((wallet) => wallet !== undefined),

    async retire(walletId, seenDraws, dropSlices) {
      const wallet = wallets.get(walletId);
      if (wallet === undefined || wallet.holds.size > 0 || wallet.draws !== seenDraws) return false;
      wallet.isIndexed = false;
      for (const name of dropSlices) wallet.slices.delete(name);
      return true;
    },
  };
}
