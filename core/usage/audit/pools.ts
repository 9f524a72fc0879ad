/**
 * Audit of pools: checks that a pool's `drawn` = the sum over its wallets of in − out. It changes nothing.
 */
import type { KeyId, PoolId, WalletId } from '../../base/ids.ts';
import { parseCounterName } from '../../wallet/counter-name.ts';
import type { Wallets } from '../../wallet/ports.ts';
import { poolIdOf, sliceOf } from '../../wallet/slices.ts';
import { isLongPast } from '../../wallet/wallet.ts';

export interface PoolsAsk {
  readonly keyId: KeyId;
  /** Every wallet of the key that has spent or drawn. Wallets that draw during the audit are added. */
  readonly walletIds: ReadonlySet<WalletId>;
  /** The names of their slices. */
  readonly slices: ReadonlySet<string>;
  readonly nowMs: number;
  /** False if wallets that spent long ago may be missing, so that `total` pools cannot be summed. */
  readonly totalsChecked: boolean;
}

/** A pool that differs from the sum of its wallets, in its unit. */
export interface PoolDifference {
  readonly itemId: PoolId;
  readonly counter: 'drawn';
  readonly counted: bigint;
  readonly expected: bigint;
}

export interface PoolsReport {
  /** Compared pools. */
  readonly compared: number;
  readonly differences: readonly PoolDifference[];
  /** Pools that differed, but changed during each pass. */
  readonly busy: readonly PoolId[];
}

type PoolWallets = Pick<Wallets, 'find' | 'findDrawn' | 'findHolders'>;

const PAGE_SIZE = 100;
const PAGES_MAX = 1_000;
const PASSES_MAX = 3;

/**
 * Reads the wallets that draw from a key's pools. One that drew a moment ago may be missing.
 * @returns undefined if there are more than one audit reads
 * @throws service_unavailable
 */
export async function readHolders(
  keyId: KeyId,
  wallets: Pick<Wallets, 'findHolders'>,
): Promise<readonly WalletId[] | undefined> {
  const holders: WalletId[] = [];
  let after = `${keyId}#`;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const found = await wallets.findHolders(keyId, after, PAGE_SIZE);
    holders.push(...found);
    const last = found.at(-1);
    if (found.length < PAGE_SIZE || last === undefined) return holders;
    after = last;
  }
  return undefined;
}

/**
 * Compares each pool whose window is not long past. A pool that differs is read again with all its wallets. `in` and
 * `out` only grow, so if nothing changed, these values were all true at one instant and the difference is real.
 * @throws service_unavailable
 */
export async function auditPools(ask: PoolsAsk, wallets: PoolWallets): Promise<PoolsReport> {
  const names = [...ask.slices].filter((name) => isCompared(name, ask));
  const differences: PoolDifference[] = [];
  let suspects: ReadonlyMap<string, PoolReading | undefined> = new Map(
    names.map((name) => [name, undefined]),
  );
  for (let pass = 0; pass < PASSES_MAX && suspects.size > 0; pass += 1) {
    const readings = await readPools([...suspects.keys()], ask, wallets);
    const next = new Map<string, PoolReading>();
    for (const [name, reading] of readings) {
      const { drawn, inOut } = reading;
      if (drawn === inOut) continue;
      if (suspects.get(name)?.fingerprint !== reading.fingerprint) next.set(name, reading);
      else {
        const itemId = poolIdOf(ask.keyId, name);
        differences.push({ itemId, counter: 'drawn', counted: drawn, expected: inOut });
      }
    }
    suspects = next;
  }
  const busy = [...suspects.keys()].map((name) => poolIdOf(ask.keyId, name));
  return { compared: names.length, differences, busy };
}

/** Returns false for windows long past: their slices are removed one by one, and the pool does not change. */
function isCompared(name: string, { nowMs, totalsChecked }: PoolsAsk): boolean {
  const slice = parseCounterName(name);
  if (slice === undefined || (slice.window === 'total' && !totalsChecked)) return false;
  return !isLongPast(slice.window, slice.windowName, nowMs);
}

interface PoolReading {
  readonly drawn: bigint;
  /** The sum over its wallets of in − out. */
  readonly inOut: bigint;
  /** Everything that was read, as text. */
  readonly fingerprint: string;
}

async function readPools(
  names: readonly string[],
  { keyId, walletIds }: PoolsAsk,
  wallets: PoolWallets,
): Promise<ReadonlyMap<string, PoolReading>> {
  const sums = new Map(names.map((name) => [name, { inOut: 0n, seen: '' }]));
  const holders = (await readHolders(keyId, wallets)) ?? [];
  for (const walletId of [...new Set([...walletIds, ...holders])].sort()) {
    const wallet = await wallets.find(walletId);
    for (const [name, sum] of sums) {
      const { drawnIn, recalledOut } = sliceOf(wallet, name);
      sum.inOut += drawnIn - recalledOut;
      if (drawnIn > 0n) sum.seen += `${walletId}=${drawnIn}-${recalledOut} `;
    }
  }
  const readings = new Map<string, PoolReading>();
  for (const [name, { inOut, seen }] of sums) {
    const drawn = await wallets.findDrawn(poolIdOf(keyId, name));
    readings.set(name, { drawn, inOut, fingerprint: `${seen}${drawn}` });
  }
  return readings;
}
