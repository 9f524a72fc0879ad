/**
 * Sweep: closes holds that no request settled, every few minutes.
 *
 * Steps, for each shard of the index of due wallets:
 * 1. find wallets whose first lease has ended;
 * 2. close their expired holds, at the cost of the row or at the whole amount;
 * 3. move the wallet's due mark to its next lease end, or out of the index.
 *
 * Guarantees: a wallet leaves the index only when nothing is in flight. The sweep may stop at any point, run twice at
 * once, and begin again.
 */
import type { WalletId } from './base/ids.ts';
import { secretOfEnding } from './keys/secret-ending.ts';
import { isAlertItem } from './wallet/alerts/alert.ts';
import type { Wallets } from './wallet/ports.ts';
import { closeExpiredHolds, type SettlePorts } from './wallet/settle.ts';

export interface SweepOptions {
  /** The index is spread over shards `0` to `shards − 1`. */
  readonly shards: number;
  /** The sweep stops there; the next one goes on. */
  readonly deadlineAtMs: number;
}

export interface SweepOutcome {
  /** Wallets looked at. */
  readonly wallets: number;
  /** Holds closed at their whole amount: their requests died. */
  readonly swept: number;
  /** Holds closed at the cost of a row that stood already: settled late, or of an attempt that was given up. */
  readonly settled: number;
  /** Holds and wallets that could not be written; the next sweep tries again. */
  readonly failed: number;
  /** Items of the index that are no wallets: alerts to send, and secrets to delete. */
  readonly others: readonly WalletId[];
  /** False: the deadline came, or there was more than one sweep does. */
  readonly finished: boolean;
}

export type SweepPorts = Pick<SettlePorts, 'wallets' | 'usage' | 'clock'>;

const PAGE_SIZE = 100;
const PAGES_MAX = 1_000;
const HOLDS_CLOSED_MAX = 256;

/** Sweeps all shards at once, so that none waits for another. Never throws. */
export async function sweep(ports: SweepPorts, options: SweepOptions): Promise<SweepOutcome> {
  const shards = Array.from({ length: options.shards }, (_, shard) =>
    sweepShard(shard, ports, options.deadlineAtMs),
  );
  const outcomes = await Promise.all(shards);
  const sum = (count: (outcome: SweepOutcome) => number): number =>
    outcomes.reduce((total, outcome) => total + count(outcome), 0);
  return {
    wallets: sum(({ wallets }) => wallets),
    swept: sum(({ swept }) => swept),
    settled: sum(({ settled }) => settled),
    failed: sum(({ failed }) => failed),
    others: outcomes.flatMap(({ others }) => others),
    finished: outcomes.every(({ finished }) => finished),
  };
}

async function sweepShard(
  shard: number,
  ports: SweepPorts,
  deadlineAtMs: number,
): Promise<SweepOutcome> {
  const others: WalletId[] = [];
  const total = { wallets: 0, swept: 0, settled: 0, failed: 0, others };
  const startedAtMs = ports.clock.nowMs();
  const seen = new Set<WalletId>();
  for (let page = 0; page < PAGES_MAX; page += 1) {
    // Wallets that failed, and what is no wallet, stay at the head of the index. The page grows by their number, so that others
    // get their turn.
    const staying = total.failed + others.length;
    const found = await findDue(ports.wallets, shard, startedAtMs, PAGE_SIZE + staying);
    if (found === undefined) return { ...total, failed: total.failed + 1, finished: false };
    const fresh = found.filter((walletId) => !seen.has(walletId));
    if (fresh.length === 0) return { ...total, finished: true };
    for (const walletId of fresh) {
      if (ports.clock.nowMs() >= deadlineAtMs) return { ...total, finished: false };
      seen.add(walletId);
      if (isAlertItem(walletId) || secretOfEnding(walletId) !== undefined) {
        others.push(walletId);
        continue;
      }
      const outcome = await sweepWallet(walletId, ports);
      total.wallets += 1;
      total.swept += outcome.swept;
      total.settled += outcome.settled;
      total.failed += outcome.failed;
    }
  }
  return { ...total, finished: false };
}

async function findDue(
  wallets: Wallets,
  shard: number,
  beforeMs: number,
  pageSize: number,
): Promise<readonly WalletId[] | undefined> {
  try {
    return await wallets.findDue(shard, beforeMs, pageSize);
  } catch {
    return undefined; // Counted as failed; the other shards go on.
  }
}

type Counts = Pick<SweepOutcome, 'swept' | 'settled' | 'failed'>;

/** Sweeps one wallet. A failure is counted and never stops the sweep of the others. */
async function sweepWallet(walletId: WalletId, ports: SweepPorts): Promise<Counts> {
  const counts = { swept: 0, settled: 0, failed: 0 };
  try {
    const due = await ports.wallets.find(walletId);
    if (due?.dueAtMs === undefined) return counts; // The index lags behind: another sweep was here.
    for (const closing of await closeExpiredHolds(due, HOLDS_CLOSED_MAX, ports)) {
      counts[closing] += 1;
    }
    const left = counts.swept + counts.settled === 0 ? due : await ports.wallets.find(walletId);
    await moveMark(walletId, due.dueAtMs, left?.holds.values(), ports.wallets);
  } catch {
    counts.failed += 1;
  }
  return counts;
}

/**
 * Moves the mark to the earliest open lease, or removes it. Between the look and the write:
 * - a settle leaves the mark as it is, at worst too early, and the next sweep finds nothing to close;
 * - a reserve leaves the mark as it is. If the mark is moved, the new hold is found with the others; if it is removed,
 *   the removal fails because something is in flight;
 * - another sweep moves the mark, and this write fails because the mark is not as it was seen.
 */
async function moveMark(
  walletId: WalletId,
  seenDueAtMs: number,
  holds: Iterable<{ readonly leaseEndsAtMs: number }> | undefined,
  wallets: Wallets,
): Promise<void> {
  const leases = [...(holds ?? [])].map((hold) => hold.leaseEndsAtMs);
  const nextDueAtMs = leases.length === 0 ? undefined : Math.min(...leases);
  await wallets.moveDue(walletId, seenDueAtMs, nextDueAtMs);
}
