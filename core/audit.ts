/**
 * Audit: recomputes the counters of a key's wallets from its usage rows. Beside the flow; it changes nothing.
 * Invariant it checks: a counter = what its settled rows cost + what the holds in flight that count in it hold.
 */
import { amountOf, type UsageRow } from './hold.ts';
import type { KeyId, RequestId, WalletId } from './ids.ts';
import {
  type CounterKind,
  counterName,
  DAY_MS,
  isoDay,
  type LimitUnit,
  windowEndMs,
} from './limits.ts';
import type { Clock, Wallet, Wallets } from './ports.ts';
import type { UsageReader } from './usage-ports.ts';
import { parseCounterName } from './wallet.ts';

export interface AuditAsk {
  readonly keyId: KeyId;
  /** When the key was made. Rows are kept 400 days: beyond that, `total` counters cannot be recomputed. */
  readonly createdAtMs: number;
}

/** A counter that is not what the rows say, in its unit: requests, tokens or nano-dollars. */
export interface AuditDifference {
  readonly walletId: WalletId;
  /** The counter's name: `usd:month:2026-11`, `t:<token>:usd:total`. */
  readonly counter: string;
  readonly counted: bigint;
  readonly expected: bigint;
}

export interface AuditReport {
  readonly rows: number;
  readonly wallets: number;
  /** Counters that were compared. */
  readonly counters: number;
  readonly differences: readonly AuditDifference[];
  /** Wallets that differed and were written to meanwhile, three times: nothing is said of them. */
  readonly busy: readonly WalletId[];
  /** False: `total` counters were left out, since rows of the key's first days are gone. */
  readonly totalsChecked: boolean;
  /** True: there were more rows than one audit reads; nothing is compared then. */
  readonly truncated: boolean;
}

export interface AuditPorts {
  readonly usage: Pick<UsageReader, 'readRows'>;
  readonly wallets: Pick<Wallets, 'find'>;
  readonly clock: Clock;
}

const PASSES_MAX = 3;
/** Of a pass, each of a megabyte at most. */
const READS_MAX = 5_000;
/** Rows are kept 400 days; those of the first of them may be going. */
const DAYS_MAX = 398;
/** Holds in flight are younger: a lease is a quarter of an hour, and the sweep comes within minutes of its end. */
const IN_FLIGHT_MAX_MS = DAY_MS;

/**
 * Compares each day, week, month and total counter of every wallet that a key's rows name with the rows of its window.
 * A wallet that differs is looked at again, rows between two looks, since requests settle while the audit reads: it
 * differs only if nothing was written to it in between.
 * @throws service_unavailable
 */
export async function auditUsage(ask: AuditAsk, ports: AuditPorts): Promise<AuditReport> {
  const nowMs = ports.clock.nowMs();
  const oldestMs = nowMs - DAYS_MAX * DAY_MS;
  const span = { keyId: ask.keyId, fromMs: Math.max(ask.createdAtMs, oldestMs), nowMs };
  const judging = { nowMs, totalsChecked: ask.createdAtMs >= oldestMs };
  const report = { rows: 0, wallets: 0, counters: 0, totalsChecked: judging.totalsChecked };
  const differences: AuditDifference[] = [];
  let suspects: ReadonlyMap<WalletId, Wallet | undefined> | undefined;
  for (let pass = 0; pass < PASSES_MAX; pass += 1) {
    const books = await readBooks(span, suspects, ports.usage);
    if (books === undefined) return { ...report, differences: [], busy: [], truncated: true };
    const next = new Map<WalletId, Wallet | undefined>();
    for (const [walletId, book] of books.wallets) {
      const wallet = await ports.wallets.find(walletId);
      const judged = judge(walletId, book, wallet, judging);
      if (pass === 0) report.counters += judged.counters;
      if (judged.differences.length === 0) continue;
      if (suspects !== undefined && isSame(suspects.get(walletId), wallet)) {
        differences.push(...judged.differences);
      } else next.set(walletId, wallet);
    }
    if (pass === 0) Object.assign(report, { rows: books.rows, wallets: books.wallets.size });
    suspects = next;
    if (suspects.size === 0) break;
  }
  return { ...report, differences, busy: [...(suspects?.keys() ?? [])], truncated: false };
}

/** What the rows say of one wallet. */
interface Book {
  readonly counters: Map<string, bigint>;
  /** Rows whose hold may be in flight still: a row is written before its hold is settled. */
  readonly recent: Map<RequestId, UsageRow>;
}

interface Span {
  readonly keyId: KeyId;
  readonly fromMs: number;
  readonly nowMs: number;
}

/** @returns undefined when there is more than one audit reads */
async function readBooks(
  { keyId, fromMs, nowMs }: Span,
  only: ReadonlyMap<WalletId, unknown> | undefined,
  usage: AuditPorts['usage'],
): Promise<{ readonly rows: number; readonly wallets: ReadonlyMap<WalletId, Book> } | undefined> {
  const wallets = new Map<WalletId, Book>();
  let rows = 0;
  let reads = 0;
  const firstMs = Math.floor(fromMs / DAY_MS) * DAY_MS;
  for (let dayMs = firstMs; dayMs <= nowMs; dayMs += DAY_MS) {
    let after: string | undefined;
    do {
      if (reads === READS_MAX) return undefined;
      reads += 1;
      const page = await usage.readRows({ keyId, day: isoDay(dayMs), ...(after && { after }) });
      for (const { row } of page.rows) {
        rows += 1;
        if (only === undefined || only.has(row.walletId)) enter(row, wallets, nowMs);
      }
      after = page.next;
    } while (after !== undefined);
  }
  return { rows, wallets };
}

function enter(row: UsageRow, wallets: Map<WalletId, Book>, nowMs: number): void {
  const book = wallets.get(row.walletId) ?? { counters: new Map(), recent: new Map() };
  wallets.set(row.walletId, book);
  addTo(book.counters, row, 1n);
  if (row.reservedAtMs > nowMs - IN_FLIGHT_MAX_MS) book.recent.set(row.requestId, row);
}

/** The counters that every request counts in, whatever its limits. */
const ALWAYS_COUNTED: readonly CounterKind[] = [
  { per: 'user', unit: 'usd', window: 'total' },
  { per: 'token', unit: 'usd', window: 'total' },
];

function addTo(counters: Map<string, bigint>, row: UsageRow, sign: 1n | -1n): void {
  for (const kind of row.counted ?? ALWAYS_COUNTED) {
    if (kind.per === 'token' && row.tokenId === undefined) continue;
    if (isOfWholeKey(kind)) continue;
    add(counters, counterName(kind, row.tokenId, row.reservedAtMs), sign * costIn(kind.unit, row));
  }
}

/** Budgets and rates of a whole key stand in slices, pools and the key's own wallet, which have no counter here. */
const isOfWholeKey = ({ per }: CounterKind): boolean => per === 'key';

const costIn = (unit: LimitUnit, { status, cost }: UsageRow): bigint =>
  unit === 'requests' && status === 'released' ? 0n : amountOf(unit, cost);

const add = (counters: Map<string, bigint>, name: string, amount: bigint): void => {
  counters.set(name, (counters.get(name) ?? 0n) + amount);
};

interface Judging {
  readonly nowMs: number;
  readonly totalsChecked: boolean;
}

function judge(
  walletId: WalletId,
  book: Book,
  wallet: Wallet | undefined,
  judging: Judging,
): { readonly counters: number; readonly differences: readonly AuditDifference[] } {
  const expectations = new Map(book.counters);
  for (const hold of wallet?.holds.values() ?? []) {
    const row = book.recent.get(hold.requestId);
    if (row?.attempt === hold.attempt) addTo(expectations, row, -1n);
    for (const kind of hold.counted) {
      if (isOfWholeKey(kind)) continue;
      const name = counterName(kind, hold.tokenId, hold.reservedAtMs);
      add(expectations, name, amountOf(kind.unit, hold.amounts));
    }
  }
  const names = new Set([...expectations.keys(), ...(wallet?.counters.keys() ?? [])]);
  const judged = [...names].filter((name) => isJudged(name, wallet, judging));
  const differences = judged.flatMap((counter) => {
    const counted = wallet?.counters.get(counter) ?? 0n;
    const expected = expectations.get(counter) ?? 0n;
    return counted === expected ? [] : [{ walletId, counter, counted, expected }];
  });
  return { counters: judged.length, differences };
}

/**
 * Minutes and hours are rates, and promised to no unit. A counter that is gone is right to be so when its window has
 * ended, or when its token's mark has gone with it.
 */
function isJudged(name: string, wallet: Wallet | undefined, judging: Judging): boolean {
  const counter = parseCounterName(name);
  if (counter === undefined || counter.window === 'minute' || counter.window === 'hour')
    return false;
  if (counter.window === 'total' && !judging.totalsChecked) return false;
  if (wallet?.counters.has(name)) return true;
  const endsAtMs = windowEndMs(counter.window, counter.windowName);
  if (endsAtMs !== null && endsAtMs <= judging.nowMs) return false;
  return counter.tokenId === undefined || wallet?.tokenKeepUntilMs.has(counter.tokenId) === true;
}

/** Whether nothing was written to a wallet between two looks. */
const isSame = (before: Wallet | undefined, after: Wallet | undefined): boolean =>
  fingerprintOf(before) === fingerprintOf(after);

const fingerprintOf = (wallet: Wallet | undefined): string =>
  [
    ...[...(wallet?.counters ?? [])].map(([name, amount]) => `${name}=${amount}`).sort(),
    ...[...(wallet?.holds.values() ?? [])]
      .map((hold) => `${hold.requestId}/${hold.attempt}`)
      .sort(),
  ].join(' ');
