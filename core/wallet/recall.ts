/**
 * Recall: takes what lies idle in the slices of other wallets back into the pool of a key-wide budget.
 * Flow: policy > **reserve** > forward > meter > settle.
 * Invariant: only what a wallet has left is recalled, never what its requests in flight hold.
 */

import { GatewayError } from '../base/errors.ts';
import type { KeyId, WalletId } from '../base/ids.ts';
import type { Hold } from './hold.ts';
import type { Move, Wallet } from './ports.ts';
import type { Reserving } from './reservation.ts';
import { jittered } from './settle.ts';
import type { Shortage } from './slices.ts';
import { heldIn, sliceOf } from './slices.ts';
import { hasNothingLeft, staleSlicesOf } from './wallet.ts';

/** What a look at other wallets found. */

export interface Idle {
  /** What they hold in flight. */
  readonly reserved: bigint;
  /** Whether all of them were seen. */
  readonly isWhole: boolean;
  /** Whether the pool may have got something: look at it again. */
  readonly isMoving: boolean;
}

/**
 * Wallets looked at in one go, and goes: a class whose money is in use would otherwise read every wallet for each
 * request that it is refused.
 */
const PAGE_SIZE = 16;
const PAGES_MAX = 3;

/**
 * Where none of these had anything of the budget, and they are in sight for another one's sake, the look goes on in
 * larger steps: a budget that is spent must be told from one in use. Of more than a thousand wallets it cannot be.
 */
const FAR_PAGE_SIZE = 100;
const FAR_PAGES_MAX = 10;
const LETTERS = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';

type Asker = Pick<Hold, 'walletId' | 'reservedAtMs'> & { readonly keyId: KeyId };

/**
 * Recalls until as much has come back, from whole wallets so that what comes back serves others too. The look begins
 * anywhere: those who look at once look at different wallets, and no wallet is out of sight behind busy ones for long.
 */
export async function recallIdle(
  state: Reserving,
  asker: Asker,
  shortage: Shortage,
  missing: bigint,
): Promise<Idle> {
  const total: Total = { gained: 0n, reserved: 0n, isMoving: false, isWhole: true };
  const first = startOf(asker, state.ports.random.fraction());
  let after = first;
  let isAround = false;
  for (let page = 0; page < PAGES_MAX + FAR_PAGES_MAX; page += 1) {
    const isFar = page >= PAGES_MAX;
    if (isFar && (total.isMoving || total.reserved > 0n)) break;
    const pageSize = isFar ? FAR_PAGE_SIZE : PAGE_SIZE;
    const found = await state.ports.wallets.findHolders(asker.keyId, after, pageSize);
    const fresh = found.filter((id) => id !== asker.walletId && !(isAround && id > first));
    await recallFrom(state, asker, fresh, shortage, missing, total);
    if (total.gained >= missing) return { ...total, isWhole: false };
    const last = found.at(-1);
    if (found.length === pageSize && last !== undefined && !(isAround && last > first)) {
      after = last;
    } else if (isAround) return total;
    else {
      isAround = true;
      after = `${asker.keyId}#`;
    }
  }
  return { ...total, isWhole: false };
}

/** Somewhere among the wallets of the asker's own kind, of which there are most. */
function startOf({ walletId, keyId }: Asker, fraction: number): string {
  const kind = walletId.slice(0, keyId.length + 2);
  const place = Math.floor(fraction * LETTERS.length ** 2);
  const [high, low] = [Math.floor(place / LETTERS.length), place % LETTERS.length];
  return kind + LETTERS.charAt(high) + LETTERS.charAt(low);
}

interface Total {
  isWhole: boolean;
  gained: bigint;
  reserved: bigint;
  isMoving: boolean;
}

async function recallFrom(
  state: Reserving,
  { reservedAtMs }: Asker,
  ids: readonly WalletId[],
  { poolId, name }: Shortage,
  missing: bigint,
  total: Total,
): Promise<void> {
  const { wallets } = state.ports;
  const found = [...(await wallets.findAll(ids))];
  if (found.length < ids.length) total.isWhole = false;
  const most = (wallet: Wallet): bigint => sliceOf(wallet, name).left;
  const empty: Wallet[] = [];
  for (const wallet of found.sort((a, b) => (most(a) > most(b) ? -1 : 1))) {
    const { left, recalledOut } = sliceOf(wallet, name);
    total.reserved += heldIn(wallet, name);
    if (left > 0n && total.gained < missing) {
      const recall = { poolId, walletId: wallet.id, name, amount: left, seenOut: recalledOut };
      const kind = await insist(state, () => wallets.recall(recall));
      // A wallet that has changed has spent it, or gave it back already by a recall whose answer was lost.
      total.isMoving = true;
      if (kind === 'moved') total.gained += left;
    } else if (hasNothingLeft(wallet, reservedAtMs)) empty.push(wallet);
  }
  await Promise.all(empty.map((wallet) => retire(state, wallet)));
}

/** So that those who look next need not look at it. */
async function retire({ ports: { wallets, clock } }: Reserving, wallet: Wallet): Promise<void> {
  try {
    await wallets.retire(wallet.id, wallet.draws, staleSlicesOf(wallet, clock.nowMs()));
  } catch {
    // It stays in sight, which costs a look.
  }
}

export const TRIES_MAX = 8;
export const FIRST_WAIT_MS = 20;
export const WAIT_MAX_MS = 500;

/**
 * Transactions that meet are cancelled, which is no outage. One whose answer was lost changes nothing when it is sent
 * again, and then says that the wallet has changed.
 * @throws service_unavailable when it cannot be made
 */
export async function insist(
  state: Pick<Reserving, 'ports' | 'writeUnits'>,
  move: () => Promise<Move>,
): Promise<Move['kind']> {
  const { clock, random } = state.ports;
  for (let tries = 1; ; tries += 1) {
    try {
      const { kind, writeUnits } = await move();
      state.writeUnits += writeUnits;
      return kind;
    } catch (error) {
      const isTransient = error instanceof GatewayError && error.transient;
      if (!isTransient || tries === TRIES_MAX) throw error;
    }
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), WAIT_MAX_MS);
    await clock.sleep(jittered(waitMs, random));
  }
}
