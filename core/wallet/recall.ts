/**
 * Recall: takes idle money out of the slices of other wallets, back into the pool of a key-wide budget.
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: only what a wallet has left is recalled, never what its requests in flight hold.
 */

import type { WalletId } from '../base/ids.ts';
import { type RetryPolicy, retry } from '../base/retry.ts';
import type { Wallet } from './ports.ts';
import type { HoldTarget } from './reserve-plan.ts';
import type { SettlePorts } from './settle.ts';
import { heldIn, type Shortage, sliceOf } from './slices.ts';
import { hasNothingLeft, staleSlicesOf } from './wallet.ts';

/** The money that other wallets had, and the part that was recalled. */
export interface Recalled {
  readonly gained: bigint;
  /** The sum that their requests in flight hold of the budget. */
  readonly reserved: bigint;
  /** True when every wallet that may have something of the budget was seen. */
  readonly hasSeenAll: boolean;
  /** True when the pool may have received something, so that it is worth another look. */
  readonly mayHaveMoved: boolean;
  readonly writeUnits: number;
}

export interface RecallNeed {
  readonly target: HoldTarget;
  readonly shortage: Shortage;
  /** Above zero. */
  readonly missing: bigint;
}

const NOTHING: Recalled = {
  gained: 0n,
  reserved: 0n,
  hasSeenAll: true,
  mayHaveMoved: false,
  writeUnits: 0,
};

/**
 * Wallets read at once, and pages of so many. Without a bound, a class whose money is in use would read every wallet
 * for each request that is refused.
 */
const PAGE_SIZE = 16;
const PAGES_MAX = 3;

/**
 * If none of those wallets had anything of the budget, they were in the index because of another budget. The search
 * then goes on in larger pages, because a spent budget must be distinguished from one in use. Beyond a thousand wallets
 * it cannot be.
 */
const FAR_PAGE_SIZE = 100;
const FAR_PAGES_MAX = 10;

/** In the order in which the index sorts ids. */
const LETTERS = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';

/** Transactions that meet are cancelled, which is no outage: they are repeated more often than other writes. */
export const MOVE_RETRY: RetryPolicy = { triesMax: 8, firstWaitMs: 20, waitMaxMs: 500 };

/**
 * Recalls until the pool has received what is missing. Each wallet is emptied, so that others are served too. The
 * search begins at a random place: searches at the same time read different wallets, and no wallet stays hidden behind
 * busy ones.
 * @throws service_unavailable when the table cannot be reached
 */
export async function recallIdle(
  { target, shortage, missing }: RecallNeed,
  ports: SettlePorts,
): Promise<Recalled> {
  const { hold, keyId } = target;
  const first = startOf(target, ports.random.fraction());
  let total = NOTHING;
  let after = first;
  let isAround = false;
  for (let page = 0; page < PAGES_MAX + FAR_PAGES_MAX; page += 1) {
    const isFar = page >= PAGES_MAX;
    if (isFar && (total.mayHaveMoved || total.reserved > 0n)) break;
    const pageSize = isFar ? FAR_PAGE_SIZE : PAGE_SIZE;
    const found = await ports.wallets.findHolders(keyId, after, pageSize);
    const others = found.filter((id) => id !== hold.walletId && !(isAround && id > first));
    const rest = { target, shortage, missing: missing - total.gained };
    total = addRecalled(total, await recallFrom(others, rest, ports));
    if (total.gained >= missing) return { ...total, hasSeenAll: false };
    const last = found.at(-1);
    if (found.length === pageSize && last !== undefined && !(isAround && last > first)) {
      after = last;
    } else if (isAround) return total;
    else {
      isAround = true;
      after = `${keyId}#`;
    }
  }
  return { ...total, hasSeenAll: false };
}

/** A random place among the wallets of the payer's own kind, of which there are most. */
function startOf({ hold: { walletId }, keyId }: HoldTarget, fraction: number): string {
  const kind = walletId.slice(0, keyId.length + 2);
  const place = Math.floor(fraction * LETTERS.length ** 2);
  const [high, low] = [Math.floor(place / LETTERS.length), place % LETTERS.length];
  return kind + LETTERS.charAt(high) + LETTERS.charAt(low);
}

const addRecalled = (a: Recalled, b: Recalled): Recalled => ({
  gained: a.gained + b.gained,
  reserved: a.reserved + b.reserved,
  hasSeenAll: a.hasSeenAll && b.hasSeenAll,
  mayHaveMoved: a.mayHaveMoved || b.mayHaveMoved,
  writeUnits: a.writeUnits + b.writeUnits,
});

/** Recalls from one page of wallets, those with most left first, and takes empty ones out of the index. */
async function recallFrom(
  ids: readonly WalletId[],
  { target, shortage: { poolId, name }, missing }: RecallNeed,
  ports: SettlePorts,
): Promise<Recalled> {
  const { wallets } = ports;
  const found = [...(await wallets.findAll(ids))];
  const leftIn = (wallet: Wallet): bigint => sliceOf(wallet, name).left;
  let total: Recalled = { ...NOTHING, hasSeenAll: found.length === ids.length };
  const empty: Wallet[] = [];
  for (const wallet of found.sort((a, b) => (leftIn(a) > leftIn(b) ? -1 : 1))) {
    const { left, recalledOut } = sliceOf(wallet, name);
    const reserved = heldIn(wallet, name);
    total = addRecalled(total, { ...NOTHING, reserved });
    if (left > 0n && total.gained < missing) {
      const recall = { poolId, walletId: wallet.id, name, amount: left, seenOut: recalledOut };
      const { kind, writeUnits } = await retry(() => wallets.recall(recall), MOVE_RETRY, ports);
      // A wallet that has changed spent the money, or gave it back already by a recall whose answer was lost.
      const gained = kind === 'moved' ? left : 0n;
      total = addRecalled(total, { ...NOTHING, gained, mayHaveMoved: true, writeUnits });
    } else if (hasNothingLeft(wallet, target.hold.reservedAtMs)) empty.push(wallet);
  }
  await Promise.all(empty.map((wallet) => retire(wallet, ports)));
  return total;
}

/** Takes a wallet out of the index, so that the next search does not read it. */
async function retire(wallet: Wallet, { wallets, clock }: SettlePorts): Promise<void> {
  try {
    await wallets.retire(wallet.id, wallet.draws, staleSlicesOf(wallet, clock.nowMs()));
  } catch {
    // It stays in the index, which costs one read.
  }
}
