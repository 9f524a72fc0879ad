import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AwsCall } from '../../adapters/aws-call.ts';
import { makeRollups } from '../../adapters/dynamodb-rollups.ts';
import { makeUsageRows } from '../../adapters/dynamodb-usage.ts';
import { makeWallets } from '../../adapters/dynamodb-wallets.ts';
import type { Hold, UsageRow } from '../../core/hold.ts';
import { asKeyId, asRequestId, asTokenId, asWalletId } from '../../core/ids.ts';
import { asNanoUsd } from '../../core/money.ts';
import { type RollupPorts, rollUp } from '../../core/rollup.ts';
import { closeExpiredHolds, settle } from '../../core/settle.ts';
import { placeOf, startSegment, sumsOfRow } from '../../core/usage-cells.ts';
import { type GroupBy, REPORT_ROWS_MAX, reportUsage } from '../../core/usage-report.ts';
import { startTables, TABLE_NAMES } from '../support/dynamodb.ts';
import {
  fixedRandom,
  type ManualClock,
  makeHold,
  makeManualClock,
  makeRow,
  NOW_MS,
  usd,
} from '../support/wallet-fixtures.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const KEY_ID = asKeyId('k');
const YESTERDAY_MS = NOW_MS - DAY_MS;

let tables: Awaited<ReturnType<typeof startTables>>;
let clock: ManualClock;
let ports: RollupPorts & { usage: ReturnType<typeof makeUsageRows> };
beforeEach(async () => {
  tables = await startTables();
  clock = makeManualClock();
  ports = makePorts();
});
afterEach(() => tables.close());

/** As another process has them. */
function makePorts(call: AwsCall = tables.call) {
  return {
    usage: makeUsageRows(call, TABLE_NAMES.usageTable, clock.nowMs),
    rollups: makeRollups(call, TABLE_NAMES.usageTable, clock.nowMs),
    clock,
  };
}

let requests = 0;
function row(nanoUsd: bigint, overrides: Partial<UsageRow> = {}): UsageRow {
  requests += 1;
  const requestId = asRequestId(`r${requests}`);
  return makeRow(makeHold({ requestId, reservedAtMs: YESTERDAY_MS }), usd(nanoUsd, 5n), {
    tokens: { input: 3, cachedInput: 1, cacheWrite: 0, output: 2, reasoning: 0 },
    model: 'openai/gpt-5',
    identity: { source: 'token', issuer: '', id: 'ada' },
    ...overrides,
  });
}
/** Written while its day lasts. */
async function putIn(at: ManualClock, rows: readonly UsageRow[]) {
  const usage = makeUsageRows(tables.call, TABLE_NAMES.usageTable, at.nowMs);
  for (const each of rows) await usage.put(each);
}
const putYesterday = (...rows: readonly UsageRow[]) => putIn(makeManualClock(YESTERDAY_MS), rows);

const run = (use: Partial<RollupPorts> = {}, deadlineAtMs = clock.nowMs() + HOUR_MS) =>
  rollUp({ ...ports, ...use }, { deadlineAtMs });

/** What a report says, and how many reads of rows it took. */
async function report(groupBy: readonly GroupBy[] = ['day'], days = 3) {
  let rowReads = 0;
  const usage = {
    readRows: (...args: Parameters<typeof ports.usage.readRows>) => {
      rowReads += 1;
      return ports.usage.readRows(...args);
    },
    readRollups: makePorts().rollups.readRollups,
  };
  const ask = { keyId: KEY_ID, fromMs: NOW_MS - days * DAY_MS, toMs: NOW_MS + DAY_MS / 2, groupBy };
  return {
    ...(await reportUsage({ ...ask, fromMs: ask.fromMs - DAY_MS / 2 }, { usage })),
    rowReads,
  };
}
const scan = async () => {
  const { Items } = await tables.call('Scan', { TableName: TABLE_NAMES.usageTable });
  return Items as Record<string, { S?: string; N?: string }>[];
};
const marksLeft = async () => (await scan()).filter((item) => item.open !== undefined).length;

describe('a rollup', () => {
  test('says of a day what its rows say, to the nano-dollar, and is read in their place', async () => {
    await putYesterday(
      row(9_007_199_254_740_993n),
      row(1n, { tokenId: asTokenId('T2') }),
      row(7n, { status: 'released' }),
      row(2n, { walletId: asWalletId('k#k') }),
    );
    const groupBy = ['day', 'user', 'token', 'model'] as const;
    const before = await report(groupBy);

    expect(await run()).toEqual({ days: 1, rows: 4, failed: 0, finished: true });
    const after = await report(groupBy);

    expect(after.rows).toEqual(before.rows);
    expect(after.total).toEqual({
      requests: 3,
      inputTokens: 12,
      cachedInputTokens: 4,
      outputTokens: 8,
      tokens: 20,
      costNanoUsd: 9_007_199_254_741_003n,
    });
    expect([before.rowReads, after.rowReads]).toEqual([4, 3]);
    expect(await marksLeft()).toBe(0);
  });

  test('is made of a day that ended an hour ago, and not sooner', async () => {
    await putYesterday(row(1n));
    clock = makeManualClock(NOW_MS - 11 * HOUR_MS - 1);
    ports = makePorts();
    expect(await run()).toMatchObject({ days: 0, finished: true });

    clock.advance(1);
    expect(await run()).toMatchObject({ days: 1, finished: true });
  });

  test('is made anew when a row comes late, and the row counts once', async () => {
    await putYesterday(row(1n));
    await run();
    await ports.usage.put(row(2n));
    await ports.usage.put(row(4n));

    expect((await report()).total.costNanoUsd).toBe(1n);
    expect(await run()).toMatchObject({ days: 1, rows: 3 });
    expect((await report()).total.costNanoUsd).toBe(7n);
    expect(await marksLeft()).toBe(0);
    expect(await run()).toMatchObject({ days: 0, rows: 0 });
  });

  test('misses no row that comes between its sums and its seal', async () => {
    await putYesterday(row(1n));
    const late = row(2n, { reservedAtMs: YESTERDAY_MS - 1 });
    const seal: typeof ports.rollups.seal = async (...args) => {
      await ports.usage.put(late);
      return ports.rollups.seal(...args);
    };
    await run({ rollups: { ...ports.rollups, seal } });

    expect(await marksLeft()).toBe(1);
    expect((await report()).total.costNanoUsd).toBe(1n);
    await run();
    expect((await report()).total.costNanoUsd).toBe(3n);
  });

  test('goes on behind what a run wrote that was stopped, and counts nothing twice', async () => {
    await putYesterday(...Array.from({ length: 60 }, () => row(1n)));
    const all = (await ports.usage.readRows({ keyId: KEY_ID, day: '2026-11-19' })).rows;
    let reads = 0;
    // Pages of one row, of which a segment takes 50; the 53rd read fails, in the second segment.
    const readRows: typeof ports.usage.readRows = async ({ after }) => {
      reads += 1;
      if (reads === 53) throw new Error('stopped');
      const at = all.findIndex(({ row: each }) => placeOf(each) > (after ?? ''));
      const page = all.slice(at, at + 1);
      const next = page.map(({ row: each }) => placeOf(each)).join();
      return { rows: page, ...(at + 1 === all.length ? {} : { next }) };
    };
    expect(await run({ usage: { readRows } })).toMatchObject({ days: 0, rows: 50, failed: 1 });
    expect((await report()).total.costNanoUsd).toBe(60n);
    expect(await marksLeft()).toBe(1);

    expect(await run({ usage: { readRows } })).toMatchObject({ days: 1, rows: 10, failed: 0 });
    expect((await report()).total.costNanoUsd).toBe(60n);
    expect(await marksLeft()).toBe(0);
  });

  test('of a day of many segments adds up, whichever run wrote which of them', async () => {
    await putYesterday(...Array.from({ length: 5 }, (_, index) => row(10n ** BigInt(index))));
    // A segment that was written before: of the first two rows.
    const { rows } = await ports.usage.readRows({ keyId: KEY_ID, day: '2026-11-19' });
    const builder = startSegment({ day: '2026-11-19', generation: 1, after: '' });
    for (const each of rows.slice(0, 2)) builder.add(each.row, each.isMarked);
    await ports.rollups.addSegment(KEY_ID, builder.build(false));

    expect(await run()).toMatchObject({ days: 1, rows: 3 });
    expect((await report()).total.costNanoUsd).toBe(11_111n);
    expect(await marksLeft()).toBe(0);
  });

  test('is made once by two runs at the same time', async () => {
    await putYesterday(row(1n), row(2n));
    const outcomes = await Promise.all([run(), rollUp(makePorts(), { deadlineAtMs: NOW_MS + 1 })]);
    await run();

    expect(outcomes.every(({ finished }) => finished)).toBe(true);
    expect((await report()).total.costNanoUsd).toBe(3n);
    expect((await scan()).filter((item) => item.cells !== undefined)).toHaveLength(1);
  });

  test('does not come back in an earlier form when a run was held up before its seal', async () => {
    await putYesterday(row(1n));
    await run();
    await ports.usage.put(row(2n));
    await run();

    expect(
      await ports.rollups.seal(KEY_ID, { day: '2026-11-19', generation: 1, segments: 1 }),
    ).toBe(false);
    expect(
      await ports.rollups.seal(KEY_ID, { day: '2026-11-19', generation: 2, segments: 1 }),
    ).toBe(false);
    expect((await report()).total.costNanoUsd).toBe(3n);
  });

  test('that was replaced goes an hour later, and the one that holds stays for years', async () => {
    await putYesterday(row(1n));
    await run();
    await ports.usage.put(row(2n));
    await run();

    const segments = (await scan()).filter((item) => item.cells !== undefined);
    expect(segments.map((item) => [item.sk?.S, item.expiresAtSeconds?.N])).toEqual([
      ['2026-11-19#000001#', '1795179600'],
      // 1,200 days after the day began.
      ['2026-11-19#000002#', '1898726400'],
    ]);
  });

  test('is left to the next run at the deadline, and days of other keys are made though one fails', async () => {
    await putYesterday(row(1n), row(1n, { keyId: asKeyId('j') }));
    expect(await run({}, clock.nowMs())).toEqual({ days: 0, rows: 0, failed: 0, finished: false });

    const findDay: typeof ports.rollups.findDay = async (keyId, day) => {
      if (keyId === 'j') throw new Error('unreadable');
      return ports.rollups.findDay(keyId, day);
    };
    const outcome = await run({ rollups: { ...ports.rollups, findDay } });
    expect(outcome).toEqual({ days: 1, rows: 1, failed: 1, finished: true });
  });

  test('that is not whole is not believed: the rows are read', async () => {
    await putYesterday(row(1n), row(2n));
    await ports.rollups.seal(KEY_ID, { day: '2026-11-19', generation: 1, segments: 2 });
    expect((await report()).total.costNanoUsd).toBe(3n);
  });

  test('has only its marks taken from rows that a sealed rollup counts', async () => {
    await putYesterday(row(1n));
    const seal = async () => false;
    expect(await run({ rollups: { ...ports.rollups, seal } })).toMatchObject({
      days: 0,
      failed: 1,
    });
    expect(await marksLeft()).toBe(1);
  });
});

describe('a segment', () => {
  const start = { day: '2026-11-19', generation: 1, after: '' };
  test('is full at 200 kB of names, and at 1,000 marks', () => {
    const byBytes = startSegment(start);
    const identity = { source: 'token', issuer: '', id: 'é'.repeat(256) } as const;
    let rows = 0;
    while (byBytes.add(row(1n, { tokenId: asTokenId(`T${rows}`), identity }), false)) rows += 1;
    expect(rows).toBeGreaterThan(200);
    expect(
      JSON.stringify(byBytes.build(false), (_, v) => (typeof v === 'bigint' ? `${v}` : v)).length,
    ).toBeLessThan(300_000);

    const byMarks = startSegment(start);
    rows = 0;
    while (byMarks.add(row(1n), true)) rows += 1;
    expect(rows).toBe(1_000);
  });
});

describe('a report', () => {
  test('equals the rows after requests that were served, released, swept and left in flight', async () => {
    const wallets = makeWallets(tables.call, TABLE_NAMES.walletsTable);
    const flow = { ...ports, wallets, random: fixedRandom };
    const hold = async (name: string): Promise<Hold> => {
      const held = makeHold({ requestId: asRequestId(name), leaseEndsAtMs: NOW_MS + 60_000 });
      await wallets.reserve({
        hold: held,
        counters: [{ name: 'usd:total', add: held.amounts.usd }],
        inFlightMax: 9,
      });
      return held;
    };
    const served = await hold('served');
    const identity = { source: 'token', issuer: '', id: 'ada' } as const;
    await settle(served, makeRow(served, usd(12_345_678_901n, 9n), { identity }), flow);
    const released = await hold('released');
    await settle(released, makeRow(released, usd(0), { status: 'released', identity }), flow);
    await hold('died');
    clock.advance(60_000);
    const wallet = await wallets.find(served.walletId);
    if (wallet !== undefined) await closeExpiredHolds(wallet, 9, flow);

    const { rows, total } = await report(['user']);

    // A tenth of a dollar was held by the request that died.
    expect(total.costNanoUsd).toBe(12_445_678_901n);
    expect(rows).toEqual([
      {
        walletId: 'k#uada',
        user: 'ada',
        userSource: 'token',
        requests: 2,
        inputTokens: 0,
        cachedInputTokens: 0,
        outputTokens: 0,
        tokens: 109,
        costNanoUsd: 12_445_678_901n,
      },
    ]);
    expect((await wallets.find(served.walletId))?.counters.get('usd:total')).toBe(12_445_678_901n);
  });

  test('of conversations reads the rows, of days that are rolled up too', async () => {
    await putYesterday(row(1n, { conversation: 'c1' }), row(2n));
    await run();
    const { rows } = await report(['conversation']);
    expect(rows.map(({ conversation, costNanoUsd }) => [conversation, costNanoUsd])).toEqual([
      [null, 2n],
      ['c1', 1n],
    ]);
  });

  test('of part of a day reads its rows', async () => {
    await putYesterday(row(1n), row(2n, { reservedAtMs: YESTERDAY_MS + 1 }));
    await run();
    const usage = { readRows: ports.usage.readRows, readRollups: makePorts().rollups.readRollups };
    const span = { fromMs: YESTERDAY_MS + 1, toMs: NOW_MS };
    const { total } = await reportUsage({ keyId: KEY_ID, ...span, groupBy: [] }, { usage });
    expect(total.costNanoUsd).toBe(2n);
  });

  test('says so when there is more than it reads, or more lines than it may have', async () => {
    await putYesterday(row(1n));
    const usage = { readRows: ports.usage.readRows, readRollups: makePorts().rollups.readRollups };
    const ask = {
      keyId: KEY_ID,
      fromMs: NOW_MS - 2 * DAY_MS,
      toMs: NOW_MS,
      groupBy: ['day'],
    } as const;
    expect(await reportUsage({ ...ask, readsMax: 2 }, { usage })).toMatchObject({
      truncated: true,
    });
    expect(await reportUsage({ ...ask, readsMax: 4 }, { usage })).toMatchObject({
      truncated: false,
    });

    const many = Array.from({ length: REPORT_ROWS_MAX + 1 }, (_, index) => ({
      row: row(1n, { conversation: `c${index}` }),
      isMarked: false,
    }));
    const readRows = async ({ day }: { day: string }) => ({
      rows: day === '2026-11-19' ? many : [],
    });
    const all = await reportUsage(
      { ...ask, groupBy: ['conversation'] },
      { usage: { ...usage, readRows } },
    );
    expect([all.rows.length, all.truncated]).toEqual([10_000, true]);
  });

  test('counts a request that was given back as none', () => {
    expect(sumsOfRow(row(0n, { status: 'released' })).requests).toBe(0);
    expect(sumsOfRow(row(0n, { status: 'swept' })).requests).toBe(1);
    expect(sumsOfRow(row(0n)).costNanoUsd).toBe(asNanoUsd(0n));
  });
});
