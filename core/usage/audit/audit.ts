/**
 * Audit: recomputes the counters and slices of a key's wallets from its usage rows. It changes nothing.
 * It checks that a counter = the cost of its settled rows + the amounts of its holds in flight, that a slice's
 * in − out − left = the same sum, and that a pool's `drawn` = the sum over its wallets of in − out.
 */
import type { KeyId, PoolId, WalletId } from '../../base/ids.ts';
import { DAY_MS, isShortWindow, windowEndMs } from '../../base/limits.ts';
import type { Clock } from '../../base/ports.ts';
import { parseCounterName } from '../../wallet/counter-name.ts';
import { amountOf } from '../../wallet/hold.ts';
import type { Wallet, Wallets } from '../../wallet/ports.ts';
import { takenOf } from '../../wallet/slices.ts';
import type { UsageRow } from '../../wallet/usage-row.ts';
import { isLongPast } from '../../wallet/wallet.ts';
import type { UsageReader } from '../ports.ts';
import {
  add,
  addTo,
  type Book,
  joinMoved,
  NO_ROWS,
  nameOf,
  readBooks,
  SLICE,
  type Span,
} from './books.ts';
import { auditPools, type PoolDifference, type PoolsReport, readHolders } from './pools.ts';

export interface AuditedKey {
  readonly keyId: KeyId;
  /** The instant at which the key was made. Rows are kept for 400 days; `total` counters of older keys cannot be recomputed. */
  readonly createdAtMs: number;
}

export interface AuditAsk extends AuditedKey {
  /**
   * The account's other personal keys, if this is one: their wallets are one book. Their pools are left out, because only
   * the version before drew from them. @default it is no personal key
   */
  readonly otherPersonalKeys?: readonly AuditedKey[];
}

/** A counter that differs from its rows, in its unit: requests, tokens or nano-dollars. */
export interface WalletDifference {
  readonly itemId: WalletId;
  /** The counter's name: `usd:month:2026-11`, `t:<token>:usd:total`; for a slice `slice:usd:month:2026-11`. */
  readonly counter: string;
  readonly counted: bigint;
  readonly expected: bigint;
}

export type AuditDifference = WalletDifference | PoolDifference;

export interface AuditReport {
  readonly rows: number;
  readonly wallets: number;
  /** Compared counters and slices. */
  readonly counters: number;
  /** Compared pools of key-wide budgets. */
  readonly pools: number;
  readonly differences: readonly AuditDifference[];
  /** Rows that cost more than was held, 1,000 at most: only they can pass a limit. */
  readonly overruns: readonly UsageRow[];
  /** Wallets and pools that differed, but changed during each of three passes. They are neither right nor wrong. */
  readonly busy: readonly (WalletId | PoolId)[];
  /** False if `total` counters were left out, because rows of the key's first days are gone. */
  readonly totalsChecked: boolean;
  /** True if there are more rows or wallets than one audit reads. Then nothing is compared. */
  readonly truncated: boolean;
}

export interface AuditPorts {
  readonly usage: Pick<UsageReader, 'readRows'>;
  readonly wallets: Pick<Wallets, 'find' | 'findDrawn' | 'findHolders'>;
  readonly clock: Clock;
}

const PASSES_MAX = 3;

/** Rows are kept for 400 days. Those of the oldest day may be about to go. */
const DAYS_MAX = 398;

/**
 * Compares each day, week, month and total counter and slice with the rows of its window, and each pool with its
 * wallets. It covers every wallet that the key's rows name or that draws from its pools. All personal keys of an account are
 * one book.
 * @throws service_unavailable
 */
export async function auditUsage(ask: AuditAsk, ports: AuditPorts): Promise<AuditReport> {
  const nowMs = ports.clock.nowMs();
  const oldestMs = nowMs - DAYS_MAX * DAY_MS;
  const { otherPersonalKeys } = ask;
  const keys = [ask, ...(otherPersonalKeys ?? [])];
  const span = {
    nowMs,
    keys: keys.map(({ keyId, createdAtMs }) => ({
      keyId,
      fromMs: Math.max(createdAtMs, oldestMs),
    })),
  };
  const totalsChecked = keys.every(({ createdAtMs }) => createdAtMs >= oldestMs);
  const judging = { nowMs, totalsChecked };
  const pooled = otherPersonalKeys === undefined ? ask.keyId : undefined;
  const found = await auditWallets({ span, judging, pooled }, ports);
  if (found === undefined) return { ...NOTHING, totalsChecked, truncated: true };
  const pools =
    pooled === undefined
      ? NO_POOLS
      : await auditPools({ keyId: pooled, ...found, ...judging }, ports.wallets);
  return {
    rows: found.rows,
    wallets: found.walletIds.size,
    counters: found.counters,
    pools: pools.compared,
    differences: [...found.differences, ...pools.differences],
    overruns: found.overruns,
    busy: [...found.busy, ...pools.busy],
    totalsChecked,
    truncated: false,
  };
}

const NOTHING = {
  rows: 0,
  wallets: 0,
  counters: 0,
  pools: 0,
  differences: [],
  overruns: [],
  busy: [],
};

const NO_POOLS: PoolsReport = { compared: 0, differences: [], busy: [] };

interface WalletsAsk {
  readonly span: Span;
  readonly judging: Judging;
  /** The key from whose pools wallets draw; absent: from none. */
  readonly pooled: KeyId | undefined;
}

interface AuditedWallets {
  readonly rows: number;
  readonly counters: number;
  readonly differences: readonly WalletDifference[];
  readonly overruns: readonly UsageRow[];
  readonly busy: readonly WalletId[];
  /** All audited wallets, and the names of the slices that they have or should have. */
  readonly walletIds: ReadonlySet<WalletId>;
  readonly slices: ReadonlySet<string>;
}

/**
 * Audits each wallet, and those that differ again: requests settle while the audit reads. A difference is reported only
 * if the wallet did not change between two reads, with the rows read in between.
 * @returns undefined if there is more than one audit reads
 */
async function auditWallets(
  { span, judging, pooled }: WalletsAsk,
  ports: AuditPorts,
): Promise<AuditedWallets | undefined> {
  const holders = pooled === undefined ? [] : await readHolders(pooled, ports.wallets);
  const first = await readBooks(span, undefined, ports.usage);
  if (holders === undefined || first === undefined) return undefined;
  const named = new Set([...first.wallets.keys(), ...holders]);
  const found = new Map<WalletId, Wallet | undefined>();
  const moves = new Map<WalletId, WalletId>();
  for (const walletId of named) {
    const wallet = await ports.wallets.find(walletId);
    found.set(walletId, wallet);
    if (wallet?.movedTo !== undefined) moves.set(walletId, wallet.movedTo);
  }
  const firstBooks = joinMoved(first.wallets, moves);
  const walletIds = new Set([...firstBooks.keys(), ...holders]);
  const slices = new Set<string>();
  const differences: WalletDifference[] = [];
  let counters = 0;
  let suspects = new Map<WalletId, Wallet | undefined>();
  for (const walletId of walletIds) {
    const wallet = found.get(walletId) ?? (await ports.wallets.find(walletId));
    const judged = judge(walletId, firstBooks.get(walletId), wallet, judging);
    counters += judged.counters;
    for (const name of judged.slices) slices.add(name);
    if (judged.differences.length > 0) suspects.set(walletId, wallet);
  }
  for (let pass = 1; pass < PASSES_MAX && suspects.size > 0; pass += 1) {
    const wanted = suspects;
    const isWanted = (id: WalletId): boolean => wanted.has(moves.get(id) ?? id);
    const read = await readBooks(span, { has: isWanted }, ports.usage);
    if (read === undefined) return undefined;
    const books = joinMoved(read.wallets, moves);
    const next = new Map<WalletId, Wallet | undefined>();
    for (const [walletId, before] of suspects) {
      const wallet = await ports.wallets.find(walletId);
      const judged = judge(walletId, books.get(walletId), wallet, judging);
      if (isSame(before, wallet)) differences.push(...judged.differences);
      else if (judged.differences.length > 0) next.set(walletId, wallet);
    }
    suspects = next;
  }
  const { rows, overruns } = first;
  const busy = [...suspects.keys()];
  return { rows, counters, differences, overruns, busy, walletIds, slices };
}

/** Returns the counters and slices of a wallet, by the names of `nameOf`. */
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
 * Returns true for a counter that must be exact. Minute and hour counters are rates, and counters of past windows are
 * not used. A counter may be missing after its window ended, or after its token's mark was removed.
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

/** Returns true if a wallet did not change between two reads. */
const isSame = (before: Wallet | undefined, after: Wallet | undefined): boolean =>
  fingerprintOf(before) === fingerprintOf(after);

const fingerprintOf = (wallet: Wallet | undefined): string =>
  [
    ...[...figuresOf(wallet)].map(([name, amount]) => `${name}=${amount}`).sort(),
    ...[...(wallet?.holds.values() ?? [])]
      .map((hold) => `${hold.requestId}/${hold.attempt}`)
      .sort(),
  ].join(' ');
