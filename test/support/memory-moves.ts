import type { WalletId } from '../../core/base/ids.ts';
import type { Wallet, WalletMove } from '../../core/wallet/ports.ts';
import type { StoredWallet } from './memory-pools.ts';

/** The move of a wallet into another one, in memory: the rule of the port in plain words. */
export function moveInMemory(
  wallets: Map<WalletId, StoredWallet>,
  open: (id: WalletId) => StoredWallet,
  { from, to, seen, joined, counters, slices }: WalletMove,
): boolean {
  const old = wallets.get(from.id);
  if (old === undefined || !isAsSeen(old, from) || !isSameTarget(wallets.get(to), seen))
    return false;
  wallets.delete(from.id);
  open(from.id).movedTo = to;
  const wallet = open(to);
  for (const [name, counted] of counters) {
    wallet.counters.set(name, (wallet.counters.get(name) ?? 0n) + counted);
  }
  for (const [name, slice] of slices) {
    const before = wallet.slices.get(name);
    wallet.slices.set(name, {
      left: slice.left + (before?.left ?? 0n),
      drawnIn: slice.drawnIn + (before?.drawnIn ?? 0n),
      recalledOut: slice.recalledOut + (before?.recalledOut ?? 0n),
      limit: before?.limit ?? slice.limit,
    });
    wallet.isIndexed = true;
  }
  if (slices.size > 0) wallet.draws += 1;
  Object.assign(wallet, joined);
  return true;
}

const isSameTarget = (target: StoredWallet | undefined, seen: WalletMove['seen']): boolean =>
  target?.person?.rev === seen.person?.rev &&
  target?.spills === seen.spills &&
  target?.notBeforeMs === seen.notBeforeMs &&
  target?.movedTo === undefined;

const isAsSeen = (old: StoredWallet, from: Wallet): boolean =>
  old.movedTo === undefined &&
  old.holds.size === 0 &&
  old.person?.rev === from.person?.rev &&
  old.notBeforeMs === from.notBeforeMs &&
  old.spills === from.spills &&
  old.draws === from.draws &&
  old.counters.get('usd:total') === from.counters.get('usd:total') &&
  [...from.counters].every(([name, counted]) => old.counters.get(name) === counted) &&
  [...from.slices].every(([name, { left, drawnIn, recalledOut }]) => {
    const now = old.slices.get(name);
    return now?.drawnIn === drawnIn && now.recalledOut === recalledOut && now.left === left;
  });
