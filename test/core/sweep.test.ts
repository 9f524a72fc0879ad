import { beforeEach, describe, expect, test } from 'vitest';
import { GatewayError } from '../../core/base/errors.ts';
import { asRequestId, asWalletId, type WalletId } from '../../core/base/ids.ts';
import { type SweepOutcome, type SweepPorts, sweep } from '../../core/sweep.ts';
import type { Hold } from '../../core/wallet/hold.ts';
import type { Wallets } from '../../core/wallet/ports.ts';
import { settleAtRow } from '../../core/wallet/settle.ts';
import { type MemoryUsage, makeMemoryUsage } from '../support/memory-usage.ts';
import { type MemoryWallets, makeMemoryWallets } from '../support/memory-wallets.ts';
import {
  type ManualClock,
  makeHold,
  makeManualClock,
  makeRow,
  NOW_MS,
  usd,
} from '../support/wallet-fixtures.ts';

const ADA = asWalletId('k#uada');
const BOB = asWalletId('k#ubob');
const MINUTE_MS = 60_000;

let clock: ManualClock;
let wallets: MemoryWallets;
let usage: MemoryUsage;
let ports: SweepPorts;

beforeEach(() => {
  clock = makeManualClock();
  wallets = makeMemoryWallets();
  usage = makeMemoryUsage();
  ports = { wallets, usage, clock };
});

const reserve = async (
  walletId: WalletId,
  request: string,
  leaseMinutes: number,
): Promise<Hold> => {
  const hold = makeHold({
    walletId,
    requestId: asRequestId(request),
    leaseEndsAtMs: NOW_MS + leaseMinutes * MINUTE_MS,
  });
  const counters = [{ name: 'usd:total', add: hold.amounts.usd }];
  await wallets.reserve({ hold, counters, inFlightMax: 128 });
  return hold;
};
const run = (use: Partial<SweepPorts> = {}, deadlineAtMs = clock.nowMs() + MINUTE_MS) =>
  sweep({ ...ports, ...use }, { shards: 4, deadlineAtMs });

describe('sweep', () => {
  test('has nothing to do when nothing is due', async () => {
    await reserve(ADA, 'r1', 15);

    expect(await run()).toEqual({
      wallets: 0,
      swept: 0,
      settled: 0,
      failed: 0,
      others: [],
      finished: true,
    });
  });

  // guarantee: due-to-earliest-lease
  test('closes expired holds, leaves open ones, and comes back when the next lease ends', async () => {
    await reserve(ADA, 'dead', 1);
    await reserve(ADA, 'open', 15);
    await reserve(ADA, 'longer', 20);
    clock.advance(2 * MINUTE_MS);

    expect(await run()).toEqual({
      wallets: 1,
      swept: 1,
      settled: 0,
      failed: 0,
      others: [],
      finished: true,
    });
    const wallet = await wallets.find(ADA);
    expect([...(wallet?.holds.keys() ?? [])]).toEqual(['open', 'longer']);
    expect(wallet?.dueAtMs).toBe(NOW_MS + 15 * MINUTE_MS);
    expect(usage.rows.get(asRequestId('dead'))?.status).toBe('swept');
  });

  test('takes a wallet with nothing in flight out of the index', async () => {
    const hold = await reserve(ADA, 'r1', 1);
    await settleAtRow(hold, makeRow(hold, usd(5)), ports);
    clock.advance(2 * MINUTE_MS);

    expect(await run()).toMatchObject({ wallets: 1, swept: 0, settled: 0 });
    expect((await wallets.find(ADA))?.dueAtMs).toBeUndefined();
  });

  test('closes at the cost of a row that stands', async () => {
    const hold = await reserve(ADA, 'r1', 1);
    await usage.put(makeRow(hold, usd(5)));
    clock.advance(2 * MINUTE_MS);

    expect(await run()).toMatchObject({ swept: 0, settled: 1 });
    expect((await wallets.find(ADA))?.counters.get('usd:total')).toBe(5n);
  });

  test('goes through every shard, page after page', async () => {
    const ids = Array.from({ length: 450 }, (_, index) => asWalletId(`k#u${index}`));
    for (const id of ids) await reserve(id, `r${id}`, 1);
    clock.advance(2 * MINUTE_MS);

    expect(await run()).toEqual({
      wallets: 450,
      swept: 450,
      settled: 0,
      failed: 0,
      others: [],
      finished: true,
    });
    expect(await run()).toMatchObject({ wallets: 0 });
  });

  // guarantee: one-look
  test('keeps the mark of a wallet that got a request during the sweep', async () => {
    const first = await reserve(ADA, 'r1', 1);
    clock.advance(2 * MINUTE_MS);
    const racing: Wallets = {
      ...wallets,
      moveDue: async (...move) => {
        await reserve(ADA, 'r2', 15);
        return wallets.moveDue(...move);
      },
    };

    await run({ wallets: racing });

    const wallet = await wallets.find(ADA);
    expect(wallet?.holds.has(first.requestId)).toBe(false);
    expect(wallet?.holds.size).toBe(1);
    expect(wallet?.dueAtMs).toBe(NOW_MS + MINUTE_MS);
  });

  test('may run twice at once', async () => {
    await reserve(ADA, 'r1', 1);
    clock.advance(2 * MINUTE_MS);

    await Promise.all([run(), run()]);

    const wallet = await wallets.find(ADA);
    expect([wallet?.inFlight, wallet?.counters.get('usd:total'), wallet?.dueAtMs]).toEqual([
      0,
      100_000_000n,
      undefined,
    ]);
  });

  // guarantee: stale-index-skipped
  test('skips a wallet that the index still shows after another sweep removed it', async () => {
    const findDue = async () => [ADA, BOB];
    const hold = await reserve(BOB, 'r1', 1);
    await settleAtRow(hold, makeRow(hold, usd(5)), ports);
    await wallets.moveDue(BOB, NOW_MS + MINUTE_MS, undefined);
    const moveDue = () => Promise.reject(new TypeError('a mark that is gone was moved'));

    const outcome = await run({ wallets: { ...wallets, findDue, moveDue } });

    expect(outcome).toMatchObject({ swept: 0, settled: 0, failed: 0, others: [], finished: true });
  });

  // guarantee: sweep-deadline
  test('stops at its deadline, and the next one goes on', async () => {
    await reserve(ADA, 'r1', 1);
    await reserve(BOB, 'r2', 1);
    clock.advance(2 * MINUTE_MS);

    expect(await run({}, clock.nowMs())).toMatchObject({ wallets: 0, others: [], finished: false });
    expect(await run()).toMatchObject({ wallets: 2, swept: 2, others: [], finished: true });
  });

  // guarantee: sweep-resumes
  test('closes 10,000 expired holds, each once, in as many runs as its deadline needs', async () => {
    const count = 10_000;
    const walletsOf = 2_500;
    for (let at = 0; at < count; at += 1) {
      await reserve(asWalletId(`k#u${at % walletsOf}`), `r${at}`, 1);
    }
    clock.advance(2 * MINUTE_MS);
    let longestMs = 0;
    let settles = 0;
    const slow: Wallets = {
      ...wallets,
      settle: async (settlement) => {
        settles += 1;
        clock.advance(10);
        return wallets.settle(settlement);
      },
    };
    const outcomes: SweepOutcome[] = [];
    do {
      const startedAtMs = clock.nowMs();
      outcomes.push(await run({ wallets: slow }, startedAtMs + 30_000));
      longestMs = Math.max(longestMs, clock.nowMs() - startedAtMs);
    } while (outcomes.at(-1)?.finished === false && outcomes.length < 10);

    expect(outcomes.map(({ finished }) => finished)).toEqual([false, false, false, true]);
    expect(outcomes.reduce((sum, { swept }) => sum + swept, 0)).toBe(count);
    expect([settles, usage.rows.size]).toEqual([count, count]);
    // Past its deadline a shard only ends the wallet that it is at: four holds of 10 ms, of four shards.
    expect(longestMs).toBeLessThanOrEqual(30_160);
    const left = await Promise.all(
      Array.from({ length: walletsOf }, (_, at) => wallets.find(asWalletId(`k#u${at}`))),
    );
    expect(left.every((wallet) => wallet?.inFlight === 0 && wallet.dueAtMs === undefined)).toBe(
      true,
    );
  });

  test('goes on with the others when one wallet fails, and tries that one again next time', async () => {
    await reserve(ADA, 'r1', 1);
    await reserve(BOB, 'r2', 1);
    clock.advance(2 * MINUTE_MS);
    const broken: Wallets = {
      ...wallets,
      find: async (id) => {
        if (id === ADA) throw new TypeError('a hold of the wallet cannot be read');
        return wallets.find(id);
      },
    };

    expect(await run({ wallets: broken })).toMatchObject({ wallets: 2, swept: 1, failed: 1 });
    expect(await run()).toMatchObject({ wallets: 1, swept: 1, failed: 0 });
  });

  // guarantee: failures-do-not-starve
  test('reaches wallets behind more failing ones than a page has', async () => {
    const [shard, ...ids] = [
      3,
      ...Array.from({ length: 900 }, (_, index) => `k#u${index}`),
    ] as const;
    const inShard = ids
      .map(asWalletId)
      .filter((id) => wallets.shardOf(id) === shard)
      .slice(0, 150);
    for (const [index, id] of inShard.entries()) await reserve(id, `r${index}`, 1 + index / 1_000);
    clock.advance(2 * MINUTE_MS);
    const last = inShard.at(-1);
    const broken: Wallets = {
      ...wallets,
      find: async (id) => {
        if (id !== last) throw new GatewayError('service_unavailable', { transient: true });
        return wallets.find(id);
      },
    };

    expect(await run({ wallets: broken })).toMatchObject({ wallets: 150, swept: 1, failed: 149 });
  });

  test('leaves the mark where it is for a hold that could not be closed', async () => {
    await reserve(ADA, 'r1', 1);
    clock.advance(2 * MINUTE_MS);
    const put = async (): Promise<never> => {
      throw new GatewayError('service_unavailable', { transient: true });
    };

    expect(await run({ usage: { put } })).toMatchObject({ failed: 1, others: [], finished: true });
    expect((await wallets.find(ADA))?.dueAtMs).toBe(NOW_MS + MINUTE_MS);
  });

  test('reports that it did not finish when the index cannot be read', async () => {
    const findDue = async (): Promise<never> => {
      throw new GatewayError('service_unavailable', { transient: true });
    };

    expect(await run({ wallets: { ...wallets, findDue } })).toMatchObject({
      failed: 4,
      others: [],
      finished: false,
    });
  });
});
