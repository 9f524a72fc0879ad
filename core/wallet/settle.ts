/**
 * Settle: books the cost of a request once, and gives back the rest of its hold.
 * Flow: reserve > forward > meter > **settle**. The sweep closes in the same way the holds that nobody settled.
 * Invariant: the usage row is written before the wallet, and every settle uses the cost of the row that stands.
 */

import { GatewayError } from '../base/errors.ts';
import { asKeyId, type KeyId, type WalletId } from '../base/ids.ts';
import { ZERO_USD } from '../base/money.ts';
import type { Clock, Random } from '../base/ports.ts';
import { retry } from '../base/retry.ts';
import { NO_TOKENS } from '../base/token-usage.ts';
import type { AlertWatch } from './alerts/watch.ts';
import type { Hold } from './hold.ts';
import type { Settlement, UsageRows, Wallet, Wallets } from './ports.ts';
import { poolIdOf, sliceOf } from './slices.ts';
import { spillTokens } from './spills.ts';
import type { UsageRow } from './usage-row.ts';
import { expiredHolds, type OpenHold, settlementOf } from './wallet.ts';

/**
 * The longest time for a settle, its last call included. After that the hold is left to its lease. The end of the
 * client's answer waits for it, and the function ends this long after its provider's deadline.
 */
export const SETTLE_RETRY_MS = 5_000;
const SETTLE_TRIES_MAX = 12;
const FIRST_WAIT_MS = 50;
const WAIT_MAX_MS = 1_000;

export interface SettlePorts {
  readonly wallets: Wallets;
  readonly usage: UsageRows;
  readonly clock: Clock;
  readonly random: Random;
  /** @default no limit has alerts */
  readonly alerts?: AlertWatch;
}

export interface SettleOutcome {
  /** The row that stands: the one given, or one that was there before. */
  readonly row: UsageRow;
  /** False: the hold is left to its lease, and the sweep settles it at the row's cost. */
  readonly settled: boolean;
  /** The payer's wallet after the settle; undefined: it is not known. */
  readonly wallet: Wallet | undefined;
  readonly writeUnits: number;
}

/** Writes the row and settles the hold at the cost of the row that stands. Tries for 5 s at most. Never throws. */
export async function settle(
  hold: OpenHold,
  row: UsageRow,
  ports: SettlePorts,
): Promise<SettleOutcome> {
  const { clock } = ports;
  const deadlineAtMs = clock.nowMs() + SETTLE_RETRY_MS;
  // A call that could outlast the deadline is cut by it, and counts as lost.
  const leftMs = (): number => Math.max(1, deadlineAtMs - clock.nowMs());
  let stored: UsageRow | undefined;
  let writeUnits = 0;
  let wallet: Wallet | undefined;
  const settleOnce = async (): Promise<void> => {
    if (stored === undefined) {
      const put = await ports.usage.put(row, leftMs());
      stored = put.row;
      writeUnits += put.writeUnits;
    }
    const closed = await settleHold(hold, stored, { ...ports, leftMs });
    writeUnits += closed.writeUnits;
    wallet = closed.wallet;
  };
  const policy = {
    triesMax: SETTLE_TRIES_MAX,
    firstWaitMs: FIRST_WAIT_MS,
    waitMaxMs: WAIT_MAX_MS,
    deadlineAtMs,
  };
  try {
    await retry(settleOnce, policy, ports);
    return { row: stored ?? row, settled: true, wallet, writeUnits };
  } catch {
    // Nothing is lost: the lease ends, and the sweep settles at the row's cost, or at the whole hold without a row.
    return { row: stored ?? row, settled: false, wallet, writeUnits };
  }
}

interface SettleAtRowPorts extends Pick<SettlePorts, 'wallets' | 'clock'> {
  /** The time that the next write may take. @default what the adapter gives any call */
  readonly leftMs?: () => number;
}

/**
 * Settles a hold, and the one beside it in the key's wallet, at the cost of the row that stands. A condition that fails
 * is no error: someone else has settled the hold.
 * @returns the write units it took
 * @throws service_unavailable
 */
export const settleAtRow = async (
  hold: OpenHold,
  row: UsageRow,
  ports: SettleAtRowPorts,
): Promise<number> => (await settleHold(hold, row, ports)).writeUnits;

async function settleHold(
  hold: OpenHold,
  row: UsageRow,
  ports: SettleAtRowPorts,
): Promise<Pick<SettleOutcome, 'wallet' | 'writeUnits'>> {
  const { wallets, clock, leftMs } = ports;
  let settlement = settlementOf(hold, row, clock.nowMs());
  let writeUnits = 0;
  for (let tries = 0; tries < STANDING_TRIES_MAX; tries += 1) {
    const outcome = await wallets.settle(settlement, leftMs?.());
    writeUnits += outcome.writeUnits;
    const standing = outcome.written ? undefined : outcome.wallet?.holds.get(hold.requestId);
    if (standing?.attempt !== hold.attempt) {
      const more = outcome.written ? await tidy(settlement, outcome.wallet, wallets) : 0;
      const beside =
        hold.inKeyWallet === undefined ? 0 : await settleAtRow(hold.inKeyWallet, row, ports);
      return { wallet: outcome.wallet, writeUnits: writeUnits + more + beside };
    }
    settlement = {
      ...settlementOf({ ...hold, ...standing }, row, clock.nowMs()),
      dropTokens: [],
    };
  }
  throw new GatewayError('service_unavailable', { detail: KEEPS_CHANGING, transient: true });
}

/**
 * Settles of one hold that still stands. It was given back in part, with its answer lost or late, or the mark of a token
 * to remove has moved: the token is in use again, and its counters must stay. Each happens once.
 */
const STANDING_TRIES_MAX = 3;
const KEEPS_CHANGING = 'a hold keeps changing';

/** After a settle: draws what was billed beyond a slice, and lets tokens leave a wallet that has too many. */
async function tidy(
  settlement: Settlement,
  wallet: Wallet | undefined,
  wallets: Wallets,
): Promise<number> {
  const covered = await coverOverruns(settlement, wallet, wallets);
  return covered + (await spillTokens(wallet, settlement.hold.tokenId, wallets));
}

/**
 * Draws from the pool the amount that was billed beyond a slice, also above the limit, so that the next reserve of any wallet sees
 * it. If this fails, the wallet's own next draw makes up for it, because the slice begins below zero.
 */
async function coverOverruns(
  { hold: { walletId, ...hold }, slices = [] }: Settlement,
  wallet: Wallet | undefined,
  wallets: Wallets,
): Promise<number> {
  let writeUnits = 0;
  for (const { name } of slices) {
    const { left, drawnIn } = sliceOf(wallet, name);
    if (left >= 0n) continue;
    const poolId = poolIdOf(hold.keyId ?? keyIdOf(walletId), name);
    const draw = { poolId, walletId, name, amount: -left, seenIn: drawnIn };
    const move = await wallets.draw(draw).catch(() => undefined);
    writeUnits += move?.writeUnits ?? 0;
  }
  return writeUnits;
}

const keyIdOf = (walletId: WalletId): KeyId => asKeyId(walletId.slice(0, walletId.indexOf('#')));

/** The result for a hold whose lease ended: closed at its whole amount, closed by its row, or not closed. */
export type Closing = 'swept' | 'settled' | 'failed';

/**
 * Closes the holds of a wallet whose lease ended: at the cost of their row if there is one, else at the whole amount,
 * because the provider may have been called and the limit must hold.
 * @param countMax the most holds to close; the oldest go first
 */
export async function closeExpiredHolds(
  wallet: Wallet,
  countMax: number,
  ports: Pick<SettlePorts, 'wallets' | 'usage' | 'clock'>,
): Promise<readonly Closing[]> {
  const closings: Closing[] = [];
  for (const hold of expiredHolds(wallet, ports.clock.nowMs()).slice(0, countMax)) {
    closings.push(await closeHold(hold, ports));
  }
  return closings;
}

async function closeHold(
  hold: Hold,
  ports: Pick<SettlePorts, 'wallets' | 'usage' | 'clock'>,
): Promise<Closing> {
  try {
    const row = await rowOfExpired(hold, ports.wallets);
    const { row: stored } = await ports.usage.put(row);
    await settleAtRow(hold, stored, ports);
    return stored === row && row.status === 'swept' ? 'swept' : 'settled';
  } catch {
    return 'failed'; // It stays in the wallet as it is; the next look closes it.
  }
}

/**
 * The row for a hold that nobody settled. A hold in the key's wallet gets the row of its payer's hold, which names the
 * payer's counters. If the payer's wallet does not hold it any more, either a row stands already, or the request was
 * given up before its provider was called.
 */
async function rowOfExpired(hold: Hold, wallets: Pick<Wallets, 'find'>): Promise<UsageRow> {
  if (hold.payerId === undefined) return rowOf(hold, 'swept');
  const paid = (await wallets.find(hold.payerId))?.holds.get(hold.requestId);
  return paid === undefined ? rowOf(hold, 'released') : rowOf(paid, 'swept');
}

/** The usage row of a hold that nobody metered: `swept` at the whole amount, `released` at zero. */
export function rowOf(hold: Hold, status: 'swept' | 'released'): UsageRow {
  const { requestId, attempt, reservedAtMs, tokenId, counted } = hold;
  const walletId = hold.payerId ?? hold.walletId;
  return {
    keyId: hold.keyId ?? keyIdOf(walletId),
    walletId,
    requestId,
    attempt,
    reservedAtMs,
    status,
    cost: status === 'swept' ? hold.amounts : { usd: ZERO_USD, tokens: 0n },
    overrunNanoUsd: ZERO_USD,
    tokens: NO_TOKENS,
    counted,
    ...(tokenId === undefined ? {} : { tokenId }),
  };
}
