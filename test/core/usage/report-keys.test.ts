import { expect, test } from 'vitest';
import { asKeyId, type KeyId } from '../../../core/base/ids.ts';
import type { UsageReader } from '../../../core/usage/ports.ts';
import { reportKeys } from '../../../core/usage/report-keys.ts';
import { makeMemoryUsage } from '../../support/memory-usage.ts';
import { makeHold, makeRow, usd } from '../../support/wallet-fixtures.ts';

const NOON_MS = Date.parse('2026-11-20T12:00:00Z');
/** Seven days. */
const ASK = {
  fromMs: Date.parse('2026-11-14T00:00:00Z'),
  toMs: Date.parse('2026-11-21T00:00:00Z'),
  groupBy: [],
};
const keyMadeAt = (id: string, day: string) => ({
  id: asKeyId(id),
  createdAtMs: Date.parse(`${day}T12:00:00Z`),
});

/** Rows in memory, without rollups. */
function startReads(reading?: () => Promise<void>) {
  const memory = makeMemoryUsage();
  const days: string[] = [];
  const usage: UsageReader = {
    async readRows(ask) {
      days.push(ask.day);
      await reading?.();
      return memory.readRows(ask);
    },
    readRollups: async () => ({ entries: [] }),
  };
  const put = (keyId: KeyId, atMs: number) =>
    memory.put(makeRow(makeHold({ reservedAtMs: atMs }), usd(7n), { keyId }));
  return { usage, days, put };
}

test('days before a key was made are not read, save one for a clock that was ahead', async () => {
  const { usage, days } = startReads();

  await reportKeys([keyMadeAt('new', '2026-11-20')], ASK, { usage });
  expect(days).toEqual(['2026-11-20', '2026-11-19']);

  days.length = 0;
  await reportKeys([keyMadeAt('old', '2025-01-01')], ASK, { usage });
  expect(days).toHaveLength(7);
});

test('requests of a key that was made by a clock almost a day ahead are counted', async () => {
  const { usage, put } = startReads();
  const key = { id: asKeyId('ahead'), createdAtMs: NOON_MS + 86_400_000 - 1 };
  await put(key.id, NOON_MS);

  const [report] = await reportKeys([key], ASK, { usage });

  expect(report?.total.costNanoUsd).toBe(7n);
});

test('reports come in the order of the keys, of which eight are read at a time', async () => {
  let atOnce = 0;
  let most = 0;
  const { usage } = startReads(async () => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    await new Promise(setImmediate);
    atOnce -= 1;
  });
  const keys = Array.from({ length: 20 }, (_, index) => keyMadeAt(`k${index}`, '2026-11-18'));

  const reports = await reportKeys(keys, ASK, { usage });

  expect(reports.map(({ key }) => key)).toEqual(keys);
  expect(most).toBe(8);
});
