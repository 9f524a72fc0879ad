/**
 * Usage rows and their rollups in tables on loopback, as the proxy writes, the sweep sums and a report reads them.
 */
import { makeRollups } from '../../adapters/dynamodb/rollups.ts';
import { makeUsageRows } from '../../adapters/dynamodb/usage-rows.ts';
import { asRequestId } from '../../core/base/ids.ts';
import { type GroupBy, reportUsage, type UsageAsk } from '../../core/usage/report.ts';
import { type RollupPorts, rollUp } from '../../core/usage/rollup.ts';
import type { UsageRow } from '../../core/wallet/usage-row.ts';
import { startTables, TABLE_NAMES } from './dynamodb.ts';
import { KEY_ID, makeHold, makeManualClock, makeRow, NOW_MS, usd } from './wallet-fixtures.ts';

const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
export const YESTERDAY_MS = NOW_MS - DAY_MS;

let requests = 0;
/** A row of Ada's, of yesterday at noon, unless said otherwise. */
export function usageRow(nanoUsd: bigint, overrides: Partial<UsageRow> = {}): UsageRow {
  requests += 1;
  const requestId = asRequestId(`r${String(requests).padStart(5, '0')}`);
  return makeRow(makeHold({ requestId, reservedAtMs: YESTERDAY_MS }), usd(nanoUsd, 5n), {
    tokens: { input: 3, cachedInput: 1, cacheWrite: 0, output: 2, reasoning: 0 },
    model: 'openai/gpt-5',
    identity: { source: 'token', issuer: '', id: 'ada' },
    ...overrides,
  });
}

/** Empty tables, at noon of 2026-11-20. */
export async function startUsage() {
  const { call, close } = await startTables();
  const clock = makeManualClock();
  /** The tables as another process sees them. */
  const makePorts = () => ({
    usage: makeUsageRows(call, TABLE_NAMES.usageTable, clock.nowMs),
    rollups: makeRollups(call, TABLE_NAMES.usageTable, clock.nowMs),
    clock,
  });
  const ports = makePorts();

  const scan = async () => {
    const { Items } = await call('Scan', { TableName: TABLE_NAMES.usageTable });
    return Items as Record<string, { S?: string; N?: string }>[];
  };
  return {
    call,
    close,
    clock,
    makePorts,
    ports,
    scan,
    /** The number of rows that still lead the sweep to a day. */
    marksLeft: async () => (await scan()).filter((item) => item.open !== undefined).length,

    /** Writes rows while their day lasts. */
    async putYesterday(...rows: readonly UsageRow[]) {
      const during = makeManualClock(YESTERDAY_MS).nowMs;
      const usage = makeUsageRows(call, TABLE_NAMES.usageTable, during);
      for (const each of rows) await usage.put(each);
    },

    run: (use: Partial<RollupPorts> = {}, deadlineAtMs = clock.nowMs() + HOUR_MS) =>
      rollUp({ ...ports, ...use }, { deadlineAtMs }),

    /** Returns a report, of four days by default, and the number of reads of rows it took. */
    async report(groupBy: readonly GroupBy[] = ['day'], ask: Partial<UsageAsk> = {}) {
      let rowReads = 0;
      const usage = {
        readRows: (...args: Parameters<typeof ports.usage.readRows>) => {
          rowReads += 1;
          return ports.usage.readRows(...args);
        },
        readRollups: makePorts().rollups.readRollups,
      };
      const span = { fromMs: NOW_MS - 3.5 * DAY_MS, toMs: NOW_MS + DAY_MS / 2 };
      const report = await reportUsage({ keyId: KEY_ID, ...span, groupBy, ...ask }, { usage });
      return { ...report, rowReads };
    },
  };
}

export type UsageTables = Awaited<ReturnType<typeof startUsage>>;
