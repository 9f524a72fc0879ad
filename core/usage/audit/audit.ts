/**
 * Audit: recomputes the counters and slices of a key's wallets from its usage rows. Beside the flow; it changes nothing.
 * Invariant it checks: a counter = what its settled rows cost + what the holds in flight that count in it hold; so is
 * what a slice has in − out − left, and a pool's `drawn` = the sum over its wallets of in − out.
 */
import type { KeyId, PoolId, WalletId } from '../../base/ids.ts';
import { DAY_MS, isShortWindow, windowEndMs } from '../../base/limits.ts';
import type { Clock } from '../../base/ports.ts';
import { amountOf } from '../../wallet/hold.ts';
import type { Slice, Wallet, Wallets } from '../../wallet/ports.ts';
import { isLongPast, parseCounterName } from '../../wallet/wallet.ts';
import type { UsageReader } from '../ports.ts';
import { add, addTo, type Book, NO_ROWS, nameOf, readBooks, SLICE, type Span } from './books.ts';
import { auditPools, type PoolDifference, readHolders } from './pools.ts';

export interface AuditAsk {
  readonly keyId: KeyId;
  /** When the key was made. Rows are kept 400 days: beyond that, `total` counters cannot be recomputed. */
  readonly createdAtMs: number;
}

/** What a wallet says that its rows do not, in its unit: requests, tokens or nano-dollars. */
export interface WalletDifference {
  readonly itemId: WalletId;
  /** A counter's name: `usd:month:2026-11`, `t:<token>:usd:total`; of a slice `slice:usd:month:2026-11`. */
  readonly counter: string;
  readonly counted: bigint;
  readonly expected: bigint;
}

export type AuditDifference = WalletDifference | PoolDifference;

export interface AuditReport {
  readonly rows: number;
  readonly wallets: number;
  /** Counters that were compared, with slices. */
  readonly counters: number;
  /** Pools of budgets of the whole key that were compared. */
  readonly pools: number;
  readonly differences: readonly AuditDifference[];
  /** Wallets and pools that differed and were written to meanwhile, three times: nothing is said of them. */
  readonly busy: readonly (WalletId | PoolId)[];
  /** False: `total` counters were left out, since rows of the key's first days are gone. */
  readonly totalsChecked: boolean;
  /** True: there were more rows or wallets than one audit reads; nothing is compared then. */
  readonly truncated: boolean;
}

export interface AuditPorts {
  readonly usage: Pick<UsageReader, 'readRows'>;
  readonly wallets: Pick<Wallets, 'find' | 'findDrawn' | 'findHolders'>;
  readonly clock: Clock;
}

const PASSES_MAX = 3;

/** Rows are kept 400 days; those of the first of them may be going. */
const DAYS_MAX = 398;

/**
 * Compares each day, week, month and total counter and slice of every wallet that a key's rows name or that draws of
 * its pools with the rows of its window, and each pool with its wallets.
 * @throws service_unavailable
 */
export async function auditUsage(ask: AuditAsk, ports: AuditPorts): Promise<AuditReport> {
  const nowMs = ports.clock.nowMs();
  const oldestMs = nowMs - DAYS_MAX * DAY_MS;
  const span = { keyId: ask.keyId, fromMs: Math.max(ask.createdAtMs, oldestMs), nowMs };
  const judging = { nowMs, totalsChecked: ask.createdAtMs >= oldestMs };
  const none = { rows: 0, wallets: 0, counters: 0, pools: 0, differences: [], busy: [] };
  const found = await auditWallets(span, judging, ports);
  if (found === undefined)
    return { ...none, totalsChecked: judging.totalsChecked, truncated: true };
  const pools = await auditPools({ keyId: ask.keyId, ...found, ...judging }, ports.wallets);
  return {
    rows: found.rows,
    wallets: found.walletIds.size,
    counters: found.counters,
    pools: pools.compared,
    differences: [...found.differences, ...pools.differences],
    busy: [...found.busy, ...pools.busy],
    totalsChecked: judging.totalsChecked,
    truncated: false,
  };
}

interface AuditedWallets {
  readonly rows: number;
  readonly counters: number;
  readonly differences: readonly WalletDifference[];
  readonly busy: readonly WalletId[];
  /** All wallets that were looked at, and the names of the slices that they have or should have. */
  readonly walletIds: ReadonlySet<WalletId>;
  readonly slices: ReadonlySet<string>;
}

/**
 * A wallet that differs is looked at again, rows between two looks, since requests settle while the audit reads: it
 * differs only if nothing was written to it in between.
 * @returns undefined when there is more than one audit reads
 */
async function auditWallets(
  span: Span,
  judging: Judging,
  ports: AuditPorts,
): Promise<AuditedWallets | undefined> {
  const holders = await readHolders(span.keyId, ports.wallets);
  const first = await readBooks(span, undefined, ports.usage);
  if (holders === undefined || first === undefined) return undefined;
  const walletIds = new Set([...first.wallets.keys(), ...holders]);
  const slices = new Set<string>();
  const differences: WalletDifference[] = [];
  let counters = 0;
  let suspects = new Map<WalletId, Wallet | undefined>();
  for (const walletId of walletIds) {
    const wallet = await ports.wallets.find(walletId);
    const judged = judge(walletId, first.wallets.get(walletId), wallet, judging);
    counters += judged.counters;
    for (const name of judged.slices) slices.add(name);
    if (judged.differences.length > 0) suspects.set(walletId, wallet);
  }
  for (let pass = 1; pass < PASSES_MAX && suspects.size > 0; pass += 1) {
    const books = await readBooks(span, suspects, ports.usage);
    if (books === undefined) return undefined;
    const next = new Map<WalletId, Wallet | undefined>();
    for (const [walletId, before] of suspects) {
      const wallet = await ports.wallets.find(walletId);
      const judged = judge(walletId, books.wallets.get(walletId), wallet, judging);
      if (isSame(before, wallet)) differences.push(...judged.differences);
      else if (judged.differences.length > 0) next.set(walletId, wallet);
    }
    suspects = next;
  }
  return { rows: first.rows, counters, differences, busy: [...suspects.keys()], walletIds, slices };
}

/** What a slice says was spent of it and is held. */
const takenOf = ({ drawnIn, recalledOut, left }: Slice): bigint => drawnIn - recalledOut - left;

/** All that a wallet says, by the names of `nameOf`. */
const figuresOf = (wallet: Wallet | undefined): ReadonlyMap<string, bigint> =>
  new Map([
    ...(wallet?.counters ?? []),
    ...[...(wallet?.slices ?? [])].map(
      ([name, slice]) => [SLICE + name, takenOf(slice)] satisfies [string, bigint],
    ),
  ]);

interface Judging {
  readonly nowMs: number;
  readonly totalsChecked: boolean;
}

interface Judgement {
  readonly counters: number;
  readonly slices: readonly string[];
  readonly differences: readonly WalletDifference[];
}

function judge(
  walletId: WalletId,
  { counters, recent }: Book = NO_ROWS,
  wallet: Wallet | undefined,
  judging: Judging,
): Judgement {
  const figures = figuresOf(wallet);
  const expectations = new Map(counters);
  for (const hold of wallet?.holds.values() ?? []) {
    const row = recent.get(hold.requestId);
    if (row?.attempt === hold.attempt) addTo(expectations, row, -1n);
    for (const kind of hold.counted) {
      add(expectations, nameOf(kind, hold), amountOf(kind.unit, hold.amounts));
    }
  }
  const names = new Set([...expectations.keys(), ...figures.keys()]);
  const judged = [...names].filter((name) => isJudged(name, figures, wallet, judging));
  const differences = judged.flatMap((counter) => {
    const counted = figures.get(counter) ?? 0n;
    const expected = expectations.get(counter) ?? 0n;
    return counted === expected ? [] : [{ itemId: walletId, counter, counted, expected }];
  });
  const slices = [...names]
    .filter((name) => name.startsWith(SLICE))
    .map((name) => name.slice(SLICE.length));
  return { counters: judged.length, slices, differences };
}

/**
 * Minutes and hours are rates, and promised to no unit; nobody reads a window that is long past. A counter that is gone
 * is right to be so when its window has ended, or when its token's mark has gone with it.
 */
function isJudged(
  name: string,
  figures: ReadonlyMap<string, bigint>,
  wallet: Wallet | undefined,
  { nowMs, totalsChecked }: Judging,
): boolean {
  const counter = parseCounterName(name.startsWith(SLICE) ? name.slice(SLICE.length) : name);
  if (counter === undefined || isShortWindow(counter.window)) return false;
  if (counter.window === 'total' && !totalsChecked) return false;
  if (isLongPast(counter.window, counter.windowName, nowMs)) return false;
  if (figures.has(name)) return true;
  const endsAtMs = windowEndMs(counter.window, counter.windowName);
  if (endsAtMs !== null && endsAtMs <= nowMs) return false;
  return counter.tokenId === undefined || wallet?.tokenKeepUntilMs.has(counter.tokenId) === true;
}

/** Whether nothing was written to a wallet between two looks. */
const isSame = (before: Wallet | undefined, after: Wallet | undefined): boolean =>
  fingerprintOf(before) === fingerprintOf(after);

const fingerprintOf = (wallet: Wallet | undefined): string =>
  [
    ...[...figuresOf(wallet)].map(([name, amount]) => `${name}=${amount}`).sort(),
    ...[...(wallet?.holds.values() ?? [])]
      .map((hold) => `${hold.requestId}/${hold.attempt}`)
      .sort(),
  ].join(' ');
