/**
 * Books: the counters that a key's wallets should have, summed from its usage rows for the audit. It changes nothing.
 * Invariant: a row adds the cost of its request to each counter that it names, and to no other.
 */
import type { KeyId, RequestId, WalletId } from '../../base/ids.ts';
import {
  type CounterKind,
  counterName,
  DAY_MS,
  isoDay,
  type LimitUnit,
} from '../../base/limits.ts';
import { amountOf } from '../../wallet/hold.ts';
import { joinBudgets } from '../../wallet/move-wallet.ts';
import { bookOf } from '../../wallet/payer.ts';
import { isKeyBudget } from '../../wallet/slices.ts';
import type { UsageRow } from '../../wallet/usage-row.ts';
import type { UsageReader } from '../ports.ts';

/** The most reads of a key per pass, of a megabyte each. */
const READS_MAX = 5_000;

/** Older than any hold in flight: a lease lasts a quarter of an hour, and the sweep comes minutes after its end. */
const IN_FLIGHT_MAX_MS = DAY_MS;

/** The most rows with an overrun that are listed. */
export const OVERRUNS_MAX = 1_000;

/** The sums of one wallet's rows. */
export interface Book {
  readonly counters: Map<string, bigint>;
  /** Rows whose hold may still be in flight: a row is written before its hold is settled. */
  readonly recent: Map<RequestId, UsageRow>;
}

export const NO_ROWS: Book = { counters: new Map(), recent: new Map() };

export interface Span {
  readonly keys: readonly { readonly keyId: KeyId; readonly fromMs: number }[];
  readonly nowMs: number;
}

/** The rows of a span, summed per wallet. */
export interface Books {
  readonly rows: number;
  readonly wallets: ReadonlyMap<WalletId, Book>;
  /** The first rows that cost more than was held. */
  readonly overruns: readonly UsageRow[];
}

/**
 * Sums the rows of keys per wallet.
 * @returns undefined if there is more than one audit reads
 */
export async function readBooks(
  { keys, nowMs }: Span,
  only: { has(walletId: WalletId): boolean } | undefined,
  usage: Pick<UsageReader, 'readRows'>,
): Promise<Books | undefined> {
  const wallets = new Map<WalletId, Book>();
  const overruns: UsageRow[] = [];
  let rows = 0;
  const onRow = (row: UsageRow): void => {
    rows += 1;
    if (row.overrunNanoUsd > 0n && overruns.length < OVERRUNS_MAX) overruns.push(row);
    if (only === undefined || only.has(row.walletId)) enter(row, wallets, nowMs);
  };
  for (const { keyId, fromMs } of keys) {
    if (!(await readKey({ keyId, fromMs, nowMs, onRow }, usage))) return undefined;
  }
  return { rows, wallets, overruns };
}

interface KeyRead {
  readonly keyId: KeyId;
  readonly fromMs: number;
  readonly nowMs: number;
  readonly onRow: (row: UsageRow) => void;
}

/** @returns false if there is more than one audit reads */
async function readKey(
  { keyId, fromMs, nowMs, onRow }: KeyRead,
  usage: Pick<UsageReader, 'readRows'>,
): Promise<boolean> {
  let reads = 0;
  const firstMs = Math.floor(fromMs / DAY_MS) * DAY_MS;
  for (let dayMs = firstMs; dayMs <= nowMs; dayMs += DAY_MS) {
    let after: string | undefined;
    do {
      if (reads === READS_MAX) return false;
      reads += 1;
      const page = await usage.readRows({ keyId, day: isoDay(dayMs), ...(after && { after }) });
      for (const { row } of page.rows) onRow(row);
      after = page.next;
    } while (after !== undefined);
  }
  return true;
}

function enter(row: UsageRow, wallets: Map<WalletId, Book>, nowMs: number): void {
  const book = wallets.get(row.walletId) ?? { counters: new Map(), recent: new Map() };
  wallets.set(row.walletId, book);
  addTo(book.counters, row, 1n);
  if (row.reservedAtMs > nowMs - IN_FLIGHT_MAX_MS) book.recent.set(row.requestId, row);
}

/** The counters in which every request counts, with any limits. */
const ALWAYS_COUNTED: readonly CounterKind[] = [
  { per: 'user', unit: 'usd', window: 'total' },
  { per: 'token', unit: 'usd', window: 'total' },
];

export function addTo(counters: Map<string, bigint>, row: UsageRow, sign: 1n | -1n): void {
  for (const kind of row.counted ?? ALWAYS_COUNTED) {
    if (kind.per === 'token' && row.tokenId === undefined) continue;
    add(counters, nameOf(kind, row), sign * costIn(kind.unit, row));
  }
}

/** The prefix that tells the name of a slice from that of a counter. */
export const SLICE = 'slice:';

/** Returns the name of the counter or slice in which a request counts. */
export const nameOf = (
  kind: CounterKind,
  { tokenId, reservedAtMs }: Pick<UsageRow, 'tokenId' | 'reservedAtMs'>,
): string => (isKeyBudget(kind) ? SLICE : '') + counterName(kind, tokenId, reservedAtMs);

const costIn = (unit: LimitUnit, { status, cost }: UsageRow): bigint =>
  unit === 'requests' && status === 'released' ? 0n : amountOf(unit, cost);

export const add = (counters: Map<string, bigint>, name: string, amount: bigint): void => {
  counters.set(name, (counters.get(name) ?? 0n) + amount);
};

/** Returns the books with those of moved wallets added to the books of the wallets that they were moved to. */
export function joinMoved(
  books: ReadonlyMap<WalletId, Book>,
  moves: ReadonlyMap<WalletId, WalletId>,
): ReadonlyMap<WalletId, Book> {
  const joined = new Map(books);
  for (const [from, to] of moves) {
    const moved = joined.get(from);
    if (moved === undefined) continue;
    const other = joined.get(to) ?? NO_ROWS;
    const counters = new Map(other.counters);
    for (const [name, sum] of broughtFrom(moved, from, to)) add(counters, name, sum);
    joined.set(to, { counters, recent: new Map([...other.recent, ...moved.recent]) });
    joined.delete(from);
  }
  return joined;
}

/** Returns the counters that a moved wallet brought, by the rule of the move: in another book its slices became counters. */
function broughtFrom({ counters }: Book, from: WalletId, to: WalletId): Iterable<[string, bigint]> {
  if (bookOf(from) === bookOf(to)) return counters;
  const entries = [...counters];
  const taken = entries
    .filter(([name]) => name.startsWith(SLICE))
    .map(([name, sum]) => [name.slice(SLICE.length), sum] as const);
  return joinBudgets(new Map(entries.filter(([name]) => !name.startsWith(SLICE))), taken);
}
