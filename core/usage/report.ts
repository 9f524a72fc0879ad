/**
 * Usage of a key, summed from its rows and their day rollups. Flow: Grant > **answer**.
 * Invariant: each row counts once, whether it is read itself or by the rollup of its day.
 */
import type { Identity, IdentitySource } from '../access/grant.ts';
import type { KeyId, TokenId, WalletId } from '../base/ids.ts';
import { DAY_MS, isoDay } from '../base/limits.ts';
import {
  addSums,
  NO_USAGE,
  type RollupSegment,
  type SealedDay,
  sumsOfRow,
  type UsageCell,
  type UsageSums,
} from './cells.ts';
import type { UsageReader } from './ports.ts';

export const GROUP_BYS = ['user', 'token', 'key', 'model', 'day', 'conversation'] as const;
export type GroupBy = (typeof GROUP_BYS)[number];

/** One line of a report. Of the names there are those that were grouped by; null: the rows say none. */
export interface UsageGroup extends UsageSums {
  /** `2026-11-20`, UTC, by when the request began. */
  readonly day?: string;
  readonly keyId?: KeyId;
  /** Whose wallet paid: a user's, a token's without user, or the key's own (`<key id>#u…`, `#t…`, `#k`). By `user`. */
  readonly walletId?: WalletId;
  readonly user?: string | null;
  /** Where the user's name came from; users of different sources are different users. */
  readonly userSource?: IdentitySource | null;
  readonly tokenId?: TokenId | null;
  /** `provider/model`. */
  readonly model?: string | null;
  readonly conversation?: string | null;
}

export interface UsageAsk {
  readonly keyId: KeyId;
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  /** In this order; empty: one line with the total. */
  readonly groupBy: readonly GroupBy[];
  /** Rows of one payer only, and of one of its tokens. @default all of the key's */
  readonly only?: { readonly walletId: WalletId; readonly tokenId?: TokenId };
  /** Reads of the table at most, each of a megabyte at most. @default 600 */
  readonly readsMax?: number;
}

export interface UsageReport {
  /** Ordered by the names, as grouped. */
  readonly rows: readonly UsageGroup[];
  readonly total: UsageSums;
  /** True: there was more than is read for one report, and the sums are too small. */
  readonly truncated: boolean;
}

/** Each day without a rollup is a read, so a year of them is within a report. */
const READS_MAX = 600;

/** Lines of a report: an answer of the function is 6 MB at most. */
export const REPORT_ROWS_MAX = 10_000;

/** What one report works with. */
interface Reporting {
  readonly ask: UsageAsk;
  readonly usage: UsageReader;
  readonly groups: Map<string, UsageGroup>;
  /** Who a wallet's payer is, where any row says so: rows of requests that died do not. */
  readonly payers: Map<WalletId, Identity>;
  total: UsageSums;
  readsLeft: number;
  truncated: boolean;
}

/**
 * Sums what a key, or one payer of it, used. Days that lie wholly within and are rolled up are read from their rollup,
 * all else from rows; conversations are in rows only.
 * @throws service_unavailable
 */
export async function reportUsage(
  ask: UsageAsk,
  { usage }: { readonly usage: UsageReader },
): Promise<UsageReport> {
  const state: Reporting = {
    ask,
    usage,
    groups: new Map(),
    payers: new Map(),
    total: NO_USAGE,
    readsLeft: ask.readsMax ?? READS_MAX,
    truncated: false,
  };
  const rolledUp = ask.groupBy.includes('conversation') ? new Set() : await addRollups(state);
  for (const day of daysOf(ask)) {
    if (!rolledUp.has(day)) await addRows(state, day);
  }
  const rows = [...state.groups.values()].map((group) => withUser(group, state.payers));
  rows.sort((a, b) => compareGroups(a, b, ask.groupBy));
  return { rows, total: state.total, truncated: state.truncated };
}

/** The days that a span touches, in their order. */
function daysOf({ fromMs, toMs }: Pick<UsageAsk, 'fromMs' | 'toMs'>): readonly string[] {
  const days: string[] = [];
  for (let atMs = fromMs; atMs < toMs; atMs = (Math.floor(atMs / DAY_MS) + 1) * DAY_MS) {
    days.push(isoDay(atMs));
  }
  return days;
}

/** @returns the days whose rollup is in the report; one that is not whole is left to its rows */
async function addRollups(state: Reporting): Promise<ReadonlySet<string>> {
  const { keyId, fromMs, toMs } = state.ask;
  const first = Math.ceil(fromMs / DAY_MS) * DAY_MS;
  const last = Math.floor(toMs / DAY_MS) * DAY_MS - DAY_MS;
  const added = new Set<string>();
  if (last < first) return added;
  let open: SealedDay | undefined;
  let parts: RollupSegment[] = [];
  const close = () => {
    if (open !== undefined && parts.length === open.segments) {
      for (const cell of parts.flatMap(({ cells }) => cells)) addCell(state, cell, open.day);
      added.add(open.day);
    }
    parts = [];
  };
  let after: string | undefined;
  do {
    if (state.readsLeft === 0) break; // What is not added here is read, or left out, with the rows.
    state.readsLeft -= 1;
    const page = await state.usage.readRollups(keyId, isoDay(first), isoDay(last), after);
    for (const entry of page.entries) {
      if ('cells' in entry) {
        if (entry.day === open?.day && entry.generation === open.generation) parts.push(entry);
      } else {
        close();
        open = entry;
      }
    }
    after = page.next;
  } while (after !== undefined);
  close();
  return added;
}

async function addRows(state: Reporting, day: string): Promise<void> {
  const { keyId, fromMs, toMs, only } = state.ask;
  let after: string | undefined;
  do {
    if (state.readsLeft === 0) {
      state.truncated = true;
      return;
    }
    state.readsLeft -= 1;
    const walletId = only?.walletId;
    const page = await state.usage.readRows({
      keyId,
      day,
      ...(after && { after }),
      ...(walletId && { walletId }),
    });
    for (const { row } of page.rows) {
      if (row.reservedAtMs < fromMs || row.reservedAtMs >= toMs) continue;
      addCell(state, { ...row, ...sumsOfRow(row) }, day);
    }
    after = page.next;
  } while (after !== undefined);
}

type Counted = UsageCell & { readonly conversation?: string };

function addCell(state: Reporting, cell: Counted, day: string): void {
  const { only } = state.ask;
  if (only !== undefined && cell.walletId !== only.walletId) return;
  if (cell.identity !== undefined) state.payers.set(cell.walletId, cell.identity);
  if (only?.tokenId !== undefined && cell.tokenId !== only.tokenId) return;
  state.total = addSums(state.total, cell);
  const names = namesOf(cell, day, state.ask);
  const id = JSON.stringify(names);
  const group = state.groups.get(id);
  if (group === undefined && state.groups.size === REPORT_ROWS_MAX) {
    state.truncated = true;
    return;
  }
  state.groups.set(id, { ...names, ...addSums(group ?? NO_USAGE, cell) });
}

type Names = Omit<UsageGroup, keyof UsageSums>;

const namesOf = (cell: Counted, day: string, { groupBy, keyId }: UsageAsk): Names => {
  const names: Readonly<Record<GroupBy, Names>> = {
    user: { walletId: cell.walletId },
    token: { tokenId: cell.tokenId ?? null },
    key: { keyId },
    model: { model: cell.model ?? null },
    day: { day },
    conversation: { conversation: cell.conversation ?? null },
  };
  return Object.assign({}, ...groupBy.map((name) => names[name]));
};

/** Names the payer: of the wallet, so that what died without a name is its payer's too. */
function withUser(group: UsageGroup, payers: ReadonlyMap<WalletId, Identity>): UsageGroup {
  if (group.walletId === undefined) return group;
  const payer = payers.get(group.walletId);
  return { ...group, user: payer?.id ?? null, userSource: payer?.source ?? null };
}

function compareGroups(a: UsageGroup, b: UsageGroup, groupBy: readonly GroupBy[]): number {
  for (const name of groupBy) {
    const [left, right] = [sortTextOf(a, name), sortTextOf(b, name)];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

function sortTextOf(group: UsageGroup, name: GroupBy): string {
  switch (name) {
    case 'user':
      return `${group.user ?? ''}\0${group.walletId}`;
    case 'token':
      return group.tokenId ?? '';
    case 'key':
      return group.keyId ?? '';
    default:
      return group[name] ?? '';
  }
}
