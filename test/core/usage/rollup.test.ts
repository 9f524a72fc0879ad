import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asKeyId, asTokenId, asWalletId } from '../../../core/base/ids.ts';
import { placeOf, startSegment } from '../../../core/usage/cells.ts';
import { rollUp } from '../../../core/usage/rollup.ts';
import {
  startUsage,
  type UsageTables,
  usageRow,
  YESTERDAY_MS,
} from '../../support/usage-tables.ts';
import { KEY_ID, makeManualClock, NOW_MS } from '../../support/wallet-fixtures.ts';

const HOUR_MS = 3_600_000;

let at: UsageTables;
beforeEach(async () => {
  at = await startUsage();
});
afterEach(() => at.close());

describe('a rollup', () => {
  test('equals the rows of its day to the nano-dollar, and replaces them in a report', async () => {
    await at.putYesterday(
      usageRow(9_007_199_254_740_993n),
      usageRow(1n, { tokenId: asTokenId('T2') }),
      usageRow(7n, { status: 'released' }),
      usageRow(2n, { walletId: asWalletId('k#k') }),
    );
    const groupBy = ['day', 'user', 'token', 'model'] as const;
    const before = await at.report(groupBy);

    expect(await at.run()).toEqual({ days: 1, rows: 4, failed: 0, finished: true });
    const after = await at.report(groupBy);

    expect(after.rows).toEqual(before.rows);
    expect(after.total).toEqual({
      requests: 3,
      inputTokens: 12,
      cachedInputTokens: 4,
      outputTokens: 8,
      tokens: 20,
      costNanoUsd: 9_007_199_254_741_003n,
      overrunNanoUsd: 0n,
    });
    expect([before.rowReads, after.rowReads]).toEqual([4, 3]);
    expect(await at.marksLeft()).toBe(0);
  });

  test('keeps the tags of its rows apart', async () => {
    await at.putYesterday(
      usageRow(1n, { tags: { env: 'prod', project: 'alpha' } }),
      usageRow(2n, { tags: { project: 'beta' } }),
      usageRow(4n, { tags: { env: 'test', project: 'alpha' } }),
      usageRow(8n),
    );
    const before = await at.report(['tag:project']);
    await at.run();
    const after = await at.report(['tag:project']);

    expect(after.rows).toEqual(before.rows);
    expect(after.rows.map(({ tags, costNanoUsd }) => [tags?.['tag:project'], costNanoUsd])).toEqual(
      [
        [null, 8n],
        ['alpha', 5n],
        ['beta', 2n],
      ],
    );
    expect([before.rowReads, after.rowReads]).toEqual([4, 3]);
  });

  test('is made an hour after the day ended, not earlier', async () => {
    await at.putYesterday(usageRow(1n));
    const clock = makeManualClock(NOW_MS - 11 * HOUR_MS - 1);
    expect(await at.run({ clock })).toMatchObject({ days: 0, finished: true });

    clock.advance(1);
    expect(await at.run({ clock })).toMatchObject({ days: 1, finished: true });
  });

  test('is made again for a late row, which counts once', async () => {
    await at.putYesterday(usageRow(1n));
    await at.run();
    await at.ports.usage.put(usageRow(2n));
    await at.ports.usage.put(usageRow(4n));

    expect((await at.report()).total.costNanoUsd).toBe(1n);
    expect(await at.run()).toMatchObject({ days: 1, rows: 3 });
    const { total, rowReads } = await at.report();
    expect([total.costNanoUsd, rowReads]).toEqual([7n, 3]);
    expect(await at.marksLeft()).toBe(0);
    expect(await at.run()).toMatchObject({ days: 0, rows: 0 });
  });

  test('misses no row written between its sums and its seal', async () => {
    await at.putYesterday(usageRow(1n));
    const late = usageRow(2n, { reservedAtMs: YESTERDAY_MS - 1 });
    const seal: typeof at.ports.rollups.seal = async (...args) => {
      await at.ports.usage.put(late);
      return at.ports.rollups.seal(...args);
    };
    await at.run({ rollups: { ...at.ports.rollups, seal } });

    expect(await at.marksLeft()).toBe(1);
    expect((await at.report()).total.costNanoUsd).toBe(1n);
    await at.run();
    expect((await at.report()).total.costNanoUsd).toBe(3n);
  });

  test('continues after a stopped run and counts nothing twice', async () => {
    await at.putYesterday(...Array.from({ length: 60 }, () => usageRow(1n)));
    const all = (await at.ports.usage.readRows({ keyId: KEY_ID, day: '2026-11-19' })).rows;
    let reads = 0;
    // Pages of one row, of which a segment takes 50; the 53rd read fails, in the second segment.
    const readRows: typeof at.ports.usage.readRows = async ({ after }) => {
      reads += 1;
      if (reads === 53) throw new Error('stopped');
      const at = all.findIndex(({ row: each }) => placeOf(each) > (after ?? ''));
      const page = all.slice(at, at + 1);
      const next = page.map(({ row: each }) => placeOf(each)).join();
      return { rows: page, ...(at + 1 === all.length ? {} : { next }) };
    };
    expect(await at.run({ usage: { readRows } })).toMatchObject({ days: 0, rows: 50, failed: 1 });
    expect((await at.report()).total.costNanoUsd).toBe(60n);
    expect(await at.marksLeft()).toBe(1);

    expect(await at.run({ usage: { readRows } })).toMatchObject({ days: 1, rows: 10, failed: 0 });
    expect((await at.report()).total.costNanoUsd).toBe(60n);
    expect(await at.marksLeft()).toBe(0);
  });

  test('adds up the segments of several runs', async () => {
    await at.putYesterday(
      ...Array.from({ length: 5 }, (_, index) => usageRow(10n ** BigInt(index))),
    );
    // A segment that was written before: of the first two rows.
    const { rows } = await at.ports.usage.readRows({ keyId: KEY_ID, day: '2026-11-19' });
    const builder = startSegment({ day: '2026-11-19', generation: 1, after: '' });
    for (const each of rows.slice(0, 2)) builder.add(each.row, each.isMarked);
    await at.ports.rollups.addSegment(KEY_ID, builder.build(false));

    expect(await at.run()).toMatchObject({ days: 1, rows: 3 });
    expect((await at.report()).total.costNanoUsd).toBe(11_111n);
    expect(await at.marksLeft()).toBe(0);
  });

  // guarantee: first-rollup-part-stands
  test('keeps the first of two segments from one place, and continues after it', async () => {
    await at.putYesterday(usageRow(1n), usageRow(2n));
    const { rows } = await at.ports.usage.readRows({ keyId: KEY_ID, day: '2026-11-19' });
    const first = startSegment({ day: '2026-11-19', generation: 1, after: '' });
    for (const each of rows.slice(0, 1)) first.add(each.row, each.isMarked);
    const addSegment: typeof at.ports.rollups.addSegment = async (...args) => {
      await at.ports.rollups.addSegment(KEY_ID, first.build(false));
      return at.ports.rollups.addSegment(...args);
    };

    const loser = await at.run({ rollups: { ...at.ports.rollups, addSegment } });
    expect(loser).toMatchObject({ days: 0, failed: 1 });
    expect((await at.report()).total.costNanoUsd).toBe(3n);
    expect(await at.run()).toMatchObject({ days: 1, rows: 1 });
    expect(await at.report()).toMatchObject({ total: { costNanoUsd: 3n }, rowReads: 3 });
  });

  test('keeps the mark of a row that came into a segment of an earlier run', async () => {
    await at.putYesterday(usageRow(1n));
    const seal = async () => false;
    await at.run({ rollups: { ...at.ports.rollups, seal } });
    await at.ports.usage.put(usageRow(2n, { reservedAtMs: YESTERDAY_MS - 1 }));

    expect(await at.run()).toMatchObject({ days: 1, rows: 0 });
    expect(await at.marksLeft()).toBe(1);
    expect(await at.run()).toMatchObject({ days: 1, rows: 2 });
    expect(await at.report()).toMatchObject({ total: { costNanoUsd: 3n }, rowReads: 3 });
  });

  test('is made once by two runs at the same time', async () => {
    await at.putYesterday(usageRow(1n), usageRow(2n));
    const outcomes = await Promise.all([
      at.run(),
      rollUp(at.makePorts(), { deadlineAtMs: NOW_MS + 1 }),
    ]);
    await at.run();

    expect(outcomes.every(({ finished }) => finished)).toBe(true);
    expect((await at.report()).total.costNanoUsd).toBe(3n);
    expect((await at.scan()).filter((item) => item.cells !== undefined)).toHaveLength(1);
  });

  // guarantee: rollup-only-forward
  test('is not replaced by an older one whose run was delayed before its seal', async () => {
    await at.putYesterday(usageRow(1n));
    await at.run();
    await at.ports.usage.put(usageRow(2n));
    await at.run();

    expect(
      await at.ports.rollups.seal(KEY_ID, { day: '2026-11-19', generation: 1, segments: 1 }),
    ).toBe(false);
    expect(
      await at.ports.rollups.seal(KEY_ID, { day: '2026-11-19', generation: 2, segments: 1 }),
    ).toBe(false);
    expect((await at.report()).total.costNanoUsd).toBe(3n);
  });

  test('expires an hour after it was replaced, and stays for years otherwise', async () => {
    await at.putYesterday(usageRow(1n));
    await at.run();
    await at.ports.usage.put(usageRow(2n));
    await at.run();

    const segments = (await at.scan()).filter((item) => item.cells !== undefined);
    expect(segments.map((item) => [item.sk?.S, item.expiresAtSeconds?.N])).toEqual([
      ['2026-11-19#000001#', '1795179600'],
      // 1,200 days after the day began.
      ['2026-11-19#000002#', '1898726400'],
    ]);
  });

  test('stops at the deadline, and makes other days though one fails', async () => {
    await at.putYesterday(usageRow(1n), usageRow(1n, { keyId: asKeyId('j') }));
    expect(await at.run({}, at.clock.nowMs())).toEqual({
      days: 0,
      rows: 0,
      failed: 0,
      finished: false,
    });

    const findDay: typeof at.ports.rollups.findDay = async (keyId, day) => {
      if (keyId === 'j') throw new Error('unreadable');
      return at.ports.rollups.findDay(keyId, day);
    };
    const outcome = await at.run({ rollups: { ...at.ports.rollups, findDay } });
    expect(outcome).toEqual({ days: 1, rows: 1, failed: 1, finished: true });
  });

  test('is tried once per run if the marks of its day fill more than a page', async () => {
    let tries = 0;
    const findDay = async () => {
      tries += 1;
      throw new Error('unreadable');
    };
    const open = { keyId: KEY_ID, day: '2026-11-19', marked: ['1795089600000#r'] };
    const findOpenDays: typeof at.ports.rollups.findOpenDays = async (_, after) => ({
      days: [open],
      ...(after === undefined ? { next: 'page 2' } : {}),
    });
    const outcome = await at.run({ rollups: { ...at.ports.rollups, findDay, findOpenDays } });
    expect([tries, outcome.failed, outcome.finished]).toEqual([1, 1, true]);
  });

  test('is not used if it is incomplete: the rows are read', async () => {
    await at.putYesterday(usageRow(1n), usageRow(2n));
    await at.ports.rollups.seal(KEY_ID, { day: '2026-11-19', generation: 1, segments: 2 });
    expect((await at.report()).total.costNanoUsd).toBe(3n);
  });

  // guarantee: expired-stays-gone
  test('restores no row or segment that has expired meanwhile', async () => {
    await at.ports.rollups.unmark(KEY_ID, '2026-11-19', placeOf(usageRow(1n)));
    const segment = startSegment({ day: '2026-11-19', generation: 1, after: '' }).build(true);
    await at.ports.rollups.expireSegment(KEY_ID, segment);

    expect(await at.scan()).toEqual([]);
  });

  test('removes only the marks of rows that a sealed rollup counts', async () => {
    await at.putYesterday(usageRow(1n));
    const seal = async () => false;
    expect(await at.run({ rollups: { ...at.ports.rollups, seal } })).toMatchObject({
      days: 0,
      failed: 1,
    });
    expect(await at.marksLeft()).toBe(1);
  });
});
