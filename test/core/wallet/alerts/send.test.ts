import { beforeEach, describe, expect, test } from 'vitest';
import { makeAlerts } from '../../../../adapters/dynamodb/alert-marks.ts';
import { makeWallets } from '../../../../adapters/dynamodb/wallets.ts';
import { GatewayError } from '../../../../core/base/errors.ts';
import { asKeyId, asWalletId, type WalletId } from '../../../../core/base/ids.ts';
import type { LogEntry } from '../../../../core/base/ports.ts';
import { sweep } from '../../../../core/sweep.ts';
import type { AlertChannel, AlertMarks } from '../../../../core/wallet/alerts/ports.ts';
import { sendAlerts } from '../../../../core/wallet/alerts/send.ts';
import { staleMarksOf } from '../../../../core/wallet/alerts/stale-marks.ts';
import { makeAlertWatch, type Watched } from '../../../../core/wallet/alerts/watch.ts';
import type { LimitState } from '../../../../core/wallet/hold.ts';
import { startTables, TABLE_NAMES } from '../../../support/dynamodb.ts';

const NOW_MS = Date.parse('2026-11-21T08:00:00Z');
const MINUTE_MS = 60_000;
const NOTE_ID = asWalletId('k1#uada!');
const WATCHED: Watched = {
  subject: { key: 'course', user: 'ada' },
  keyId: asKeyId('k1'),
  walletId: asWalletId('k1#uada'),
  atMs: NOW_MS,
};

const used = (usd: bigint, amount = 100n, per: 'user' | 'key' = 'user'): LimitState => ({
  limit: { per, unit: 'usd', window: 'month', amount },
  used: usd,
  reserved: 0n,
  resetsAtMs: Date.parse('2026-12-01T00:00:00Z'),
});

let tables: Awaited<ReturnType<typeof startTables>>;
let nowMs: number;
let sent: { readonly id: string; readonly level: number }[];
let accepts: boolean;
const entries: LogEntry[] = [];
const clock = { nowMs: () => nowMs, sleep: async () => {} };
const channel: AlertChannel = {
  name: 'webhook',
  async send({ level }, id) {
    sent.push({ id, level });
    if (!accepts) throw new Error('refused');
  },
};

beforeEach(async () => {
  tables = await startTables();
  nowMs = NOW_MS;
  sent = [];
  accepts = true;
  return () => tables.close();
});

const alerts = () => makeAlerts(tables.call, TABLE_NAMES.walletsTable);
/** A process of its own, which has seen no mark. */
const watchOf = (marks: AlertMarks = alerts()) => makeAlertWatch([50, 80, 100], marks, clock);
const ports = () => ({
  alerts: alerts(),
  channels: [channel],
  clock,
  log: { write: (entry: LogEntry) => entries.push(entry) },
});
const send = (itemIds: readonly WalletId[], more = {}) =>
  sendAlerts(itemIds, nowMs + MINUTE_MS, { ...ports(), ...more });
/** The wallets in the index of the sweep. */
async function dueItems(): Promise<readonly WalletId[]> {
  const wallets = makeWallets(tables.call, TABLE_NAMES.walletsTable);
  const usage = { put: () => Promise.reject(new Error('no row is written')) };
  nowMs += 1;
  const outcome = await sweep({ wallets, usage, clock }, { shards: 4, deadlineAtMs: nowMs + 9e4 });
  return outcome.others;
}

describe('a level that is reached', () => {
  // guarantee: alert-marked-once
  test('is sent once, however many processes see it', async () => {
    await Promise.all([1, 2, 3, 4].map(() => watchOf().reached(WATCHED, [used(80n)])));

    const items = await dueItems();
    await send(items);
    await watchOf().reached(WATCHED, [used(85n)]);

    expect(items).toEqual([NOTE_ID]);
    expect(sent.map(({ level }) => level)).toEqual([80]);
    expect(await dueItems()).toEqual([]);
  });

  test('below another one that was reached at the same time has no alert of its own', async () => {
    await watchOf().reached(WATCHED, [used(100n)]);
    await watchOf().reached(WATCHED, [used(50n)]);
    await send(await dueItems());

    expect(sent.map(({ level }) => level)).toEqual([100]);
  });

  test('costs no write in a process that has seen its mark, and none below the first level', async () => {
    let writes = 0;
    const marks: AlertMarks = {
      async mark() {
        writes += 1;
      },
    };
    const watch = watchOf(marks);

    await watch.reached(WATCHED, [used(49n)]);
    await Promise.all([50n, 60n, 79n].map((usd) => watch.reached(WATCHED, [used(usd)])));

    expect(writes).toBe(1);
  });

  test('is judged on settled money, not on holds', async () => {
    await watchOf().reached(WATCHED, [{ ...used(90n), reserved: 50n }]);

    expect(await dueItems()).toEqual([]);
  });

  test('of a new amount, or of a key, has an alert of its own', async () => {
    const watch = watchOf();
    await watch.reached(WATCHED, [used(50n)]);
    await watch.reached(WATCHED, [used(100n, 200n)]);
    await watch.reached(WATCHED, [used(50n, 100n, 'key')]);

    const items = await dueItems();
    await send(items);

    expect(items.toSorted()).toEqual([NOTE_ID, 'pool#k1#usd:month:2026-11']);
    expect(sent.map(({ level }) => level)).toEqual([50, 50, 50]);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(3);
  });

  test('in a window below a day, or in another unit, has no alert', async () => {
    const { limit } = used(90n);
    await watchOf().reached(WATCHED, [
      { ...used(90n), limit: { ...limit, window: 'hour' } },
      { ...used(90n), limit: { ...limit, unit: 'requests' } },
    ]);

    expect(await dueItems()).toEqual([]);
  });

  test('is marked by the next settle if the answer of a mark was lost', async () => {
    const table = alerts();
    let isLost = true;
    const watch = watchOf({
      async mark(mark) {
        await table.mark(mark);
        if (isLost) throw new GatewayError('service_unavailable');
      },
    });

    await watch.reached(WATCHED, [used(80n)]);
    isLost = false;
    await watch.reached(WATCHED, [used(81n)]);
    await send(await dueItems());

    expect(sent.map(({ level }) => level)).toEqual([80]);
  });
});

describe('an alert', () => {
  test('is sent again under the same id if the sweep dies before it writes that it was sent', async () => {
    await watchOf().reached(WATCHED, [used(80n)]);
    const items = await dueItems();
    const dying = { ...alerts(), update: () => Promise.reject(new Error('died')) };

    const first = await send(items, { alerts: dying });
    await send(await dueItems());

    expect(first).toMatchObject({ sent: 0, failed: 1 });
    expect(sent).toHaveLength(2);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(1);
    expect(await dueItems()).toEqual([]);
  });

  // guarantee: alert-stays-in-index
  test('that is marked while another is sent stays in the index', async () => {
    await watchOf().reached(WATCHED, [used(50n)]);
    const items = await dueItems();
    const slow: AlertChannel = {
      name: 'webhook',
      async send(alert, id) {
        await channel.send(alert, id);
        await watchOf().reached(WATCHED, [used(80n)]);
      },
    };

    await send(items, { channels: [slow] });
    await send(await dueItems());

    expect(sent.map(({ level }) => level).toSorted()).toEqual([50, 50, 80]);
    expect(await dueItems()).toEqual([]);
  });

  test('that is refused is tried again after five minutes, then later each time, twelve times in all', async () => {
    await watchOf().reached(WATCHED, [used(80n)]);
    accepts = false;
    const waitsMinutes: number[] = [];
    let lastMs = nowMs;
    for (let sweeps = 0; sweeps < 440; sweeps += 1) {
      const before = sent.length;
      await send([NOTE_ID]);
      if (sent.length > before) {
        waitsMinutes.push(Math.floor((nowMs - lastMs) / MINUTE_MS));
        lastMs = nowMs;
      }
      nowMs += 5 * MINUTE_MS;
    }

    expect(await dueItems()).toEqual([]);
    expect(sent).toHaveLength(12);
    expect(waitsMinutes).toEqual([0, 5, 10, 20, 40, 80, 160, 320, 360, 360, 360, 360]);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(1);
    expect(entries.at(-1)).toMatchObject({ level: 'error', event: 'alert given up' });
  });

  test('that one channel took is sent to the other one only', async () => {
    await watchOf().reached(WATCHED, [used(80n)]);
    accepts = false;
    let published = 0;
    const topic: AlertChannel = {
      name: 'topic',
      async send() {
        published += 1;
      },
    };

    await send(await dueItems(), { channels: [channel, topic] });
    accepts = true;
    nowMs += 6 * MINUTE_MS;
    await send(await dueItems(), { channels: [channel, topic] });

    expect([sent.length, published]).toEqual([2, 1]);
    expect(await dueItems()).toEqual([]);
  });

  test('is not tried at a channel that refused three in a row, until the next sweep', async () => {
    accepts = false;
    const ids = ['a', 'b', 'c', 'd', 'e'].map((name) => asWalletId(`k1#u${name}`));
    for (const walletId of ids) await watchOf().reached({ ...WATCHED, walletId }, [used(80n)]);

    await send(await dueItems());

    expect(sent).toHaveLength(3);
  });
});

test('marks go a day after their window, and the oldest of limits for all time', () => {
  const endless = Array.from({ length: 62 }, (_, at): [string, number] => [
    `usd:total:${at.toString(36)}:80`,
    at,
  ]);
  const done = new Map<string, number>([
    ...endless.toReversed(),
    ['usd:day:2026-11-18:a:80', 5],
    ['usd:day:2026-11-20:a:80', 5],
    ['usd:month:2026-11:a:80', 5],
  ]);

  expect(staleMarksOf(done, NOW_MS)).toEqual([
    'usd:day:2026-11-18:a:80',
    'usd:total:0:80',
    'usd:total:1:80',
  ]);
});
