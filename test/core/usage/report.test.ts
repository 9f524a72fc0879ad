import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeWallets } from '../../../adapters/dynamodb/wallets.ts';
import {
  asRequestId,
  asTokenId,
  asWalletId,
  type TokenId,
  type WalletId,
} from '../../../core/base/ids.ts';
import { REPORT_ROWS_MAX, reportUsage } from '../../../core/usage/report.ts';
import type { Hold } from '../../../core/wallet/hold.ts';
import { closeExpiredHolds, settle } from '../../../core/wallet/settle.ts';
import { TABLE_NAMES } from '../../support/dynamodb.ts';
import {
  DAY_MS,
  startUsage,
  type UsageTables,
  usageRow,
  YESTERDAY_MS,
} from '../../support/usage-tables.ts';
import {
  fixedRandom,
  KEY_ID,
  makeHold,
  makeRow,
  NOW_MS,
  usd,
} from '../../support/wallet-fixtures.ts';

let at: UsageTables;
beforeEach(async () => {
  at = await startUsage();
});
afterEach(() => at.close());

describe('a report', () => {
  test('equals the rows after requests that were served, released, swept and left in flight', async () => {
    const wallets = makeWallets(at.call, TABLE_NAMES.walletsTable);
    const flow = { ...at.ports, wallets, random: fixedRandom };
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
    at.clock.advance(60_000);
    const wallet = await wallets.find(served.walletId);
    if (wallet !== undefined) await closeExpiredHolds(wallet, 9, flow);

    const { rows, total } = await at.report(['user']);

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
        overrunNanoUsd: 0n,
      },
    ]);
    expect((await wallets.find(served.walletId))?.counters.get('usd:total')).toBe(12_445_678_901n);
  });

  test('excludes other payers and tokens from rollups', async () => {
    await at.putYesterday(
      usageRow(1n),
      usageRow(2n, { tokenId: asTokenId('T2') }),
      usageRow(4n, { walletId: asWalletId('k#ubob') }),
    );
    await at.run();
    const usage = {
      readRows: at.ports.usage.readRows,
      readRollups: at.makePorts().rollups.readRollups,
    };
    const ask = { keyId: KEY_ID, fromMs: NOW_MS - 2 * DAY_MS, toMs: NOW_MS, groupBy: [] };
    const sumOf = async (only: { walletId: WalletId; tokenId?: TokenId }) =>
      (await reportUsage({ ...ask, only }, { usage })).total.costNanoUsd;
    expect(await sumOf({ walletId: asWalletId('k#uada') })).toBe(3n);
    expect(await sumOf({ walletId: asWalletId('k#uada'), tokenId: asTokenId('T2') })).toBe(2n);
  });

  test('reads the rows for conversations, also on days with a rollup', async () => {
    await at.putYesterday(usageRow(1n, { conversation: 'c1' }), usageRow(2n));
    await at.run();
    const { rows } = await at.report(['conversation']);
    expect(rows.map(({ conversation, costNanoUsd }) => [conversation, costNanoUsd])).toEqual([
      [null, 2n],
      ['c1', 1n],
    ]);
  });

  test('reads the rows for part of a day', async () => {
    await at.putYesterday(usageRow(1n), usageRow(2n, { reservedAtMs: YESTERDAY_MS + 1 }));
    await at.run();
    const usage = {
      readRows: at.ports.usage.readRows,
      readRollups: at.makePorts().rollups.readRollups,
    };
    const sumOf = async (fromMs: number, toMs: number) =>
      (await reportUsage({ keyId: KEY_ID, fromMs, toMs, groupBy: [] }, { usage })).total
        .costNanoUsd;
    expect(await sumOf(YESTERDAY_MS + 1, NOW_MS)).toBe(2n);
    expect(await sumOf(NOW_MS - 3 * DAY_MS, YESTERDAY_MS + 1)).toBe(1n);
  });

  // guarantee: own-report-is-bounded
  test('of one payer reads ten megabytes, of the newest days, and says that it is cut', async () => {
    const reads: string[] = [];
    // Each day has four pages of a megabyte; the third of November has none.
    const usage = {
      readRollups: async () => ({ entries: [], readUnits: 1 }),
      readRows: async ({ day, after = '' }: { day: string; after?: string }) => {
        reads.push(day);
        if (day === '2026-11-03') return { rows: [], readUnits: 1 };
        const reservedAtMs = Date.parse(`${day}T12:00:00Z`);
        const rows = [{ row: usageRow(1n, { reservedAtMs }), isMarked: false }];
        return { rows, readUnits: 256, ...(after.length < 3 && { next: `${after}.` }) };
      },
    };
    const ask = {
      keyId: KEY_ID,
      fromMs: Date.parse('2026-11-01T00:00:00Z'),
      toMs: Date.parse('2026-11-06T00:00:00Z'),
      groupBy: ['day'],
      megabytesMax: 10,
      readsMax: 400,
    } as const;

    const { rows, truncated } = await reportUsage(ask, { usage });

    expect(truncated).toBe(true);
    expect(rows.map(({ day, requests }) => [day, requests])).toEqual([
      ['2026-11-02', 2],
      ['2026-11-04', 4],
      ['2026-11-05', 4],
    ]);
    expect(reads).toHaveLength(11);
  });

  test('is marked as truncated if there are more rows or lines than it allows', async () => {
    await at.putYesterday(usageRow(1n));
    const usage = {
      readRows: at.ports.usage.readRows,
      readRollups: at.makePorts().rollups.readRollups,
    };
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
      row: usageRow(1n, { conversation: `c${index}` }),
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
});
