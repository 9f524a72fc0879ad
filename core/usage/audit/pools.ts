/**
 * Audit of pools: whether what each has drawn is what its wallets got. Beside the flow; it changes nothing.
 * Invariant it checks: a pool's `drawn` = the sum over its wallets of in − out.
 */
import type { KeyId, PoolId, WalletId } from '../../base/ids.ts';
import type { Wallets } from '../../wallet/ports.ts';
import { poolIdOf, sliceOf } from '../../wallet/slices.ts';
import { isLongPast, parseCounterName } from '../../wallet/wallet.ts';

export interface PoolsAsk {
  readonly keyId: KeyId;
  /** Every wallet of the key that has spent or drawn; wallets that drew meanwhile are found besides. */
  readonly walletIds: ReadonlySet<WalletId>;
  /** The slices that these have, by name. */
  readonly slices: ReadonlySet<string>;
  readonly nowMs: number;
  /** False: wallets that spent long ago may be missing, so that pools without end cannot be summed. */
  readonly totalsChecked: boolean;
}

/** A pool that is not what its wallets say, in its unit. */
export interface PoolDifference {
  readonly itemId: PoolId;
  readonly counter: 'drawn';
  readonly counted: bigint;
  readonly expected: bigint;
}

export interface PoolsReport {
  /** Pools that were compared. */
  readonly compared: number;
  readonly differences: readonly PoolDifference[];
  /** Pools that differed and were drawn of meanwhile, each time: nothing is said of them. */
  readonly busy: readonly PoolId[];
}

type PoolWallets = Pick<Wallets, 'find' | 'findDrawn' | 'findHolders'>;

const PAGE_SIZE = 100;
const PAGES_MAX = 1_000;
const PASSES_MAX = 3;

/**
 * Wallets that draw of a key's pools; one that did so a moment ago may be missing.
 * @returns undefined when there are more than one audit reads
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
 * Compares each pool whose window is not long past. One that differs is looked at again, with all its wallets: `in` and
 * `out` only grow, so if all are as they were, there was an instant at which they and the pool stood so together.
 * @throws service_unavailable
 */
export async function auditPools(ask: PoolsAsk, wallets: PoolWallets): Promise<PoolsReport> {
  const names = [...ask.slices].filter((name) => isCompared(name, ask));
  const differences: PoolDifference[] = [];
  let suspects: ReadonlyMap<string, PoolLook | undefined> = new Map(
    names.map((name) => [name, undefined]),
  );
  for (let pass = 0; pass < PASSES_MAX && suspects.size > 0; pass += 1) {
    const looks = await lookAt([...suspects.keys()], ask, wallets);
    const next = new Map<string, PoolLook>();
    for (const [name, look] of looks) {
      const { drawn, inOut } = look;
      if (drawn === inOut) continue;
      if (suspects.get(name)?.fingerprint !== look.fingerprint) next.set(name, look);
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

/** Slices of windows long past go one by one, and leave their pool as it was. */
function isCompared(name: string, { nowMs, totalsChecked }: PoolsAsk): boolean {
  const slice = parseCounterName(name);
  if (slice === undefined || (slice.window === 'total' && !totalsChecked)) return false;
  return !isLongPast(slice.window, slice.windowName, nowMs);
}

interface PoolLook {
  readonly drawn: bigint;
  /** The sum over its wallets of in − out. */
  readonly inOut: bigint;
  /** All that was seen. */
  readonly fingerprint: string;
}

async function lookAt(
  names: readonly string[],
  { keyId, walletIds }: PoolsAsk,
  wallets: PoolWallets,
): Promise<ReadonlyMap<string, PoolLook>> {
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
  const looks = new Map<string, PoolLook>();
  for (const [name, { inOut, seen }] of sums) {
    const drawn = await wallets.findDrawn(poolIdOf(keyId, name));
    looks.set(name, { drawn, inOut, fingerprint: `${seen}${drawn}` });
  }
  return looks;
}
