/**
 * A usage report of a key, summed from its rows and day rollups. Flow: Grant > **answer**.
 * Invariant: each row counts once, as a row or within the rollup of its day.
 */
import type { Identity, IdentitySource } from '../access/grant.ts';
import type { KeyId, TokenId, WalletId } from '../base/ids.ts';
import { DAY_MS, isoDay } from '../base/limits.ts';
import { addSums, NO_USAGE, sumsOfRow, type UsageCell, type UsageSums } from './cells.ts';
import { READ_UNITS_A_PAGE, type UsageReader } from './ports.ts';
import { makeRollupStream, type RollupStream } from './rollup-stream.ts';

export const GROUP_BYS = ['user', 'token', 'key', 'model', 'day', 'conversation'] as const;
type Name = (typeof GROUP_BYS)[number];
export type TagName = `tag:${string}`;
/** A name to group by; `tag:project` is the value of the tag `project`. */
export type GroupBy = Name | TagName;

export const isTag = (name: GroupBy): name is TagName => name.startsWith('tag:');

/** One line of a report. It has the names that were grouped by; null if the rows have none. */
export interface UsageGroup extends UsageSums {
  /** `2026-11-20`, UTC, the day on which the request began. */
  readonly day?: string;
  readonly keyId?: KeyId;
  /** With `user`: the wallet that paid. A user's, a token's, or the key's own (`<key id>#u…`, `#t…`, `#k`). */
  readonly walletId?: WalletId;
  readonly user?: string | null;
  /** The source of the user's name. Users of different sources are different users. */
  readonly userSource?: IdentitySource | null;
  readonly tokenId?: TokenId | null;
  /** `provider/model`. */
  readonly model?: string | null;
  readonly conversation?: string | null;
  /** Values of tags, by their `tag:` names. */
  readonly tags?: Readonly<Record<TagName, string | null>>;
}

export interface UsageAsk {
  readonly keyId: KeyId;
  /** Inclusive. */
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
  /** Names in the order of the report; empty for one line with the total. */
  readonly groupBy: readonly GroupBy[];
  /** Limits the report to one payer, or to one of its tokens. @default all rows of the key */
  readonly only?: { readonly walletId: WalletId; readonly tokenId?: TokenId };
  /** The most reads of the table, of a megabyte each at most. @default 600 */
  readonly readsMax?: number;
  /** The most megabytes to read. @default as many as reads */
  readonly megabytesMax?: number;
}

export interface UsageReport {
  /** Sorted by the names, in the order of `groupBy`. */
  readonly rows: readonly UsageGroup[];
  readonly total: UsageSums;
  /** True if there is more than one report reads, so that the sums are too small. */
  readonly truncated: boolean;
}

/** Enough for a year of days without rollups, at one read a day. */
const READS_MAX = 600;

/** The most lines of a report. A function's answer may have 6 MB. */
export const REPORT_ROWS_MAX = 10_000;

/** The state of one report while it is summed. */
interface ReportState {
  readonly ask: UsageAsk;
  readonly usage: UsageReader;
  readonly groups: Map<string, UsageGroup>;
  /** The payer of each wallet, from any row that names one. Rows of requests that died do not. */
  readonly payers: Map<WalletId, Identity>;
  total: UsageSums;
  readsLeft: number;
  unitsLeft: number;
  truncated: boolean;
}

/**
 * Sums the usage of a key, or of one of its payers. Whole days are read from their rollup if there is one, and from
 * rows otherwise, the newest day first, so that a report that is cut lacks the oldest. Rollups do not have conversations.
 * @throws service_unavailable
 */
export async function reportUsage(
  ask: UsageAsk,
  { usage }: { readonly usage: UsageReader },
): Promise<UsageReport> {
  const state: ReportState = {
    ask,
    usage,
    groups: new Map(),
    payers: new Map(),
    total: NO_USAGE,
    readsLeft: ask.readsMax ?? READS_MAX,
    unitsLeft: (ask.megabytesMax ?? Number.POSITIVE_INFINITY) * READ_UNITS_A_PAGE,
    truncated: false,
  };
  const rollups = rollupsOf(state);
  for (const day of daysOf(ask).toReversed()) {
    const cells = await rollups?.cellsOf(day);
    if (cells === undefined) await addRows(state, day);
    else for (const cell of cells) addCell(state, cell, day);
  }
  const rows = [...state.groups.values()].map((group) => withUser(group, state.payers));
  rows.sort((a, b) => compareGroups(a, b, ask.groupBy));
  return { rows, total: state.total, truncated: state.truncated };
}

/** Returns the days that a span touches, in order. */
function daysOf({ fromMs, toMs }: Pick<UsageAsk, 'fromMs' | 'toMs'>): readonly string[] {
  const days: string[] = [];
  for (let atMs = fromMs; atMs < toMs; atMs = (Math.floor(atMs / DAY_MS) + 1) * DAY_MS) {
    days.push(isoDay(atMs));
  }
  return days;
}

/** The rollups of the span's whole days; undefined: the report needs what they do not have. */
function rollupsOf(state: ReportState): RollupStream | undefined {
  const { keyId, fromMs, toMs, groupBy } = state.ask;
  if (groupBy.includes('conversation')) return undefined;
  const firstMs = Math.ceil(fromMs / DAY_MS) * DAY_MS;
  const lastMs = Math.floor(toMs / DAY_MS) * DAY_MS - DAY_MS;
  if (lastMs < firstMs) return undefined;
  const span = { keyId, fromDay: isoDay(firstMs), toDay: isoDay(lastMs) };
  const usage: Pick<UsageReader, 'readRollups'> = {
    async readRollups(...ask) {
      const page = await state.usage.readRollups(...ask);
      state.unitsLeft -= page.readUnits ?? READ_UNITS_A_PAGE;
      return page;
    },
  };
  return makeRollupStream(span, usage, () => takeRead(state));
}

/** Takes one of the reads that are left; false: there is none, and the report is too small. */
function takeRead(state: ReportState): boolean {
  const mayRead = state.readsLeft > 0 && state.unitsLeft > 0;
  state.truncated ||= !mayRead;
  state.readsLeft -= mayRead ? 1 : 0;
  return mayRead;
}

async function addRows(state: ReportState, day: string): Promise<void> {
  const { keyId, fromMs, toMs, only } = state.ask;
  let after: string | undefined;
  do {
    if (!takeRead(state)) return;
    const walletId = only?.walletId;
    const page = await state.usage.readRows({
      keyId,
      day,
      ...(after && { after }),
      ...(walletId && { walletId }),
    });
    state.unitsLeft -= page.readUnits ?? READ_UNITS_A_PAGE;
    for (const { row } of page.rows) {
      if (row.reservedAtMs < fromMs || row.reservedAtMs >= toMs) continue;
      addCell(state, { ...row, ...sumsOfRow(row) }, day);
    }
    after = page.next;
  } while (after !== undefined);
}

type CountedCell = UsageCell & { readonly conversation?: string };

function addCell(state: ReportState, cell: CountedCell, day: string): void {
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

const namesOf = (cell: CountedCell, day: string, { groupBy, keyId }: UsageAsk): Names => {
  const names: Readonly<Record<Name, Names>> = {
    user: { walletId: cell.walletId },
    token: { tokenId: cell.tokenId ?? null },
    key: { keyId },
    model: { model: cell.model ?? null },
    day: { day },
    conversation: { conversation: cell.conversation ?? null },
  };
  const tags = groupBy.filter(isTag).map((name) => [name, cell.tags?.[name.slice(TAG)] ?? null]);
  return Object.assign(
    {},
    ...groupBy.map((name) => (isTag(name) ? {} : names[name])),
    tags.length === 0 ? {} : { tags: Object.fromEntries(tags) },
  );
};

const TAG = 'tag:'.length;

/** Adds the name of the wallet's payer, so that rows without a name are reported under it too. */
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
  if (isTag(name)) return group.tags?.[name] ?? '';
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
