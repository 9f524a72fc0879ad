import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../../core/access/grant.ts';
import { asPoolId, asRequestId, type PoolId, type WalletId } from '../../../../core/base/ids.ts';
import { sweep } from '../../../../core/sweep.ts';
import { auditUsage } from '../../../../core/usage/audit/audit.ts';
import { walletIdOf } from '../../../../core/wallet/payer.ts';
import type { Slice, Wallet } from '../../../../core/wallet/ports.ts';
import { reserve } from '../../../../core/wallet/reserve.ts';
import { type SettlePorts, settle } from '../../../../core/wallet/settle.ts';
import type { OpenHold } from '../../../../core/wallet/wallet.ts';
import { type MemoryUsage, makeMemoryUsage } from '../../../support/memory-usage.ts';
import { type MemoryWallets, makeMemoryWallets } from '../../../support/memory-wallets.ts';
import {
  fixedRandom,
  KEY_ID,
  type ManualClock,
  makeGrant,
  makeManualClock,
  makeRow,
  NOW_MS,
  usd,
} from '../../../support/wallet-fixtures.ts';

const DAY_MS = 86_400_000;
const LIMITS = ['key:usd:month=0.00001', 'key:tokens:total=1000', 'key:requests:day=30'];
const SLICES = ['usd:month:2026-11', 'tokens:total', 'requests:day:2026-11-20'];
const MONTH_POOL = asPoolId('pool#k#usd:month:2026-11');

let clock: ManualClock;
let wallets: MemoryWallets;
let usage: MemoryUsage;
let ports: SettlePorts & { readonly usage: MemoryUsage };
beforeEach(() => {
  clock = makeManualClock();
  wallets = makeMemoryWallets();
  usage = makeMemoryUsage();
  ports = { wallets, usage, clock, random: fixedRandom };
});

const user = (id: string, limits: readonly string[] = LIMITS): Grant =>
  makeGrant(limits, { identity: { source: 'token', issuer: '', id } });
const ADA = walletIdOf(user('ada'));

let count = 0;
async function hold(grant: Grant, nanoUsd: number): Promise<OpenHold> {
  count += 1;
  const requestId = asRequestId(`r${count}`);
  const leaseEndsAtMs = clock.nowMs() + 900_000;
  const ask = { grant, requestId, amounts: usd(nanoUsd, 10n), leaseEndsAtMs };
  return (await reserve(ask, ports)).hold;
}
const pay = (open: OpenHold, nanoUsd: number) =>
  settle(open, makeRow(open, usd(nanoUsd, 7n), { counted: open.counted }), ports);
async function serve(grant: Grant, held: number, paid: number): Promise<void> {
  await pay(await hold(grant, held), paid);
}

/** Served, over its hold, recalled of, died and swept, given back; two in flight, of which one has written its row. */
async function makeLoad(): Promise<void> {
  const { token: _token, identity: _identity, ...bare } = makeGrant(LIMITS);
  await hold(user('dead'), 100);
  clock.advance(1_000_000);
  await sweep(ports, { shards: 4, deadlineAtMs: clock.nowMs() + 1_000 });
  await serve(user('ada'), 900, 400);
  await serve({ ...bare, credential: 'key' }, 200, 150);
  await serve(user('bob'), 500, 700);
  await serve(user('eve'), 7_000, 20);
  await serve(user('kim'), 5_000, 30);
  const back = await hold(user('ada'), 300);
  const released = makeRow(back, usd(0), { status: 'released', counted: back.counted });
  await settle(back, released, ports);
  await hold(user('new'), 50);
  const open = await hold(user('ada'), 60);
  await usage.put(makeRow(open, usd(5, 7n), { counted: open.counted }));
}

/** The wallets, of which one slice of Ada's looks otherwise. */
const changed = (name: string, change: Partial<Record<keyof Slice, bigint>>) => ({
  ...wallets,
  find: async (id: WalletId): Promise<Wallet | undefined> => {
    const wallet = await wallets.find(id);
    const slice = wallet?.slices.get(name);
    if (id !== ADA || wallet === undefined || slice === undefined) return wallet;
    const { left, drawnIn, recalledOut } = slice;
    const planted = {
      ...slice,
      left: left + (change.left ?? 0n),
      drawnIn: drawnIn + (change.drawnIn ?? 0n),
      recalledOut: recalledOut + (change.recalledOut ?? 0n),
    };
    return { ...wallet, slices: new Map(wallet.slices).set(name, planted) };
  },
});
const audit = (use: object = {}, createdAtMs = NOW_MS - 3 * DAY_MS) =>
  auditUsage({ keyId: KEY_ID, createdAtMs }, { ...ports, ...use });

describe('the audit of key-wide budgets', () => {
  // guarantee: exact-key-budget
  test('finds no difference after a mixed load with requests in flight', async () => {
    await makeLoad();
    expect(
      (await wallets.find(walletIdOf(user('eve'))))?.slices.get(SLICES[0] ?? ''),
    ).toMatchObject({ left: 0n, recalledOut: 6_980n });
    expect(await audit()).toMatchObject({
      rows: 8,
      wallets: 7,
      pools: 3,
      differences: [],
      busy: [],
    });
  });

  test.each(SLICES)('finds a slice of %s that is one too small', async (name) => {
    await makeLoad();
    const { differences, busy } = await audit({ wallets: changed(name, { left: -1n }) });
    const [difference, ...more] = differences;
    expect([more, busy]).toEqual([[], []]);
    expect(difference).toMatchObject({ itemId: ADA, counter: `slice:${name}` });
    expect((difference?.counted ?? 0n) - (difference?.expected ?? 0n)).toBe(1n);
  });

  test.each<[string, Partial<Record<keyof Slice, bigint>>, bigint]>([
    ['drawn into a slice', { drawnIn: 1n, left: 1n }, 1n],
    ['recalled from it', { recalledOut: 1n, left: -1n }, -1n],
  ])('finds one more %s than its pool has recorded', async (_what, change, by) => {
    await makeLoad();
    const drawn = await wallets.findDrawn(MONTH_POOL);
    const planted = changed('usd:month:2026-11', change);
    expect((await audit({ wallets: planted })).differences).toEqual([
      { itemId: MONTH_POOL, counter: 'drawn', counted: drawn, expected: drawn + by },
    ]);
  });

  test('finds a pool that has drawn one more than its wallets got', async () => {
    await makeLoad();
    const drawn = await wallets.findDrawn(MONTH_POOL);
    const findDrawn = async (id: PoolId): Promise<bigint> =>
      (await wallets.findDrawn(id)) + (id === MONTH_POOL ? 1n : 0n);
    expect((await audit({ wallets: { ...wallets, findDrawn } })).differences).toEqual([
      { itemId: MONTH_POOL, counter: 'drawn', counted: drawn + 1n, expected: drawn },
    ]);
  });

  test('finds a missing slice by its rows and by its pool', async () => {
    await serve(user('ada'), 900, 400);
    const find = async (id: WalletId): Promise<Wallet | undefined> => {
      const wallet = await wallets.find(id);
      const slices = new Map([...(wallet?.slices ?? [])].filter(([name]) => !/^usd/.test(name)));
      return wallet && { ...wallet, slices };
    };
    expect((await audit({ wallets: { ...wallets, find } })).differences).toEqual([
      { itemId: ADA, counter: 'slice:usd:month:2026-11', counted: 0n, expected: 400n },
      { itemId: MONTH_POOL, counter: 'drawn', counted: 900n, expected: 0n },
    ]);
  });

  test('includes a wallet that has drawn and has no row yet', async () => {
    await hold(user('new'), 50);
    expect(await audit()).toMatchObject({ rows: 0, wallets: 1, pools: 3, differences: [] });
  });

  test('reads a pool again that changes meanwhile, and reports it as busy', async () => {
    const [month] = LIMITS;
    await serve(user('ada', [month ?? '']), 900, 400);
    let looks = 0;
    // Another draw comes between the look at the wallets and the one at the pool.
    const racing = (until: number) => ({
      ...wallets,
      findDrawn: async (id: PoolId): Promise<bigint> => {
        if (id === MONTH_POOL && looks < until) {
          looks += 1;
          await serve(user(`late${count}`, [month ?? '']), 100, 100);
        }
        return wallets.findDrawn(id);
      },
    });
    expect(await audit({ wallets: racing(1) })).toMatchObject({ differences: [], busy: [] });
    looks = 0;
    const crowded = await audit({ wallets: racing(9) });
    expect(crowded).toMatchObject({ differences: [], busy: [MONTH_POOL] });
  });

  test('skips pools of windows long past, whose slices are removed one by one', async () => {
    await serve(user('ada'), 900, 400);
    await serve(user('bob'), 900, 400);
    clock.advance(Date.parse('2026-12-01T01:00:00Z') - clock.nowMs());
    await serve(user('ada'), 10, 10);
    expect([...((await wallets.find(ADA))?.slices.keys() ?? [])]).not.toContain(SLICES[0]);
    expect(await audit()).toMatchObject({ pools: 3, differences: [] });
  });

  test('skips total pools if the first rows are gone', async () => {
    await serve(user('ada'), 900, 400);
    const findDrawn = async () => 0n;
    const found = await audit({ wallets: { ...wallets, findDrawn } }, NOW_MS - 400 * DAY_MS);
    expect(found).toMatchObject({ pools: 2, totalsChecked: false });
    expect(found.differences.map(({ itemId }) => itemId)).not.toContain('pool#k#tokens:total');
  });

  test('compares nothing if more wallets draw than it reads', async () => {
    const findHolders = async () => Array.from({ length: 100 }, (_, at) => `k#u${at}`);
    expect(await audit({ wallets: { ...wallets, findHolders } })).toMatchObject({
      wallets: 0,
      truncated: true,
    });
  });

  test('skips rates of the key, which no row names', async () => {
    await serve(user('ada', [...LIMITS, 'key:requests:minute=5']), 900, 400);
    expect(await audit()).toMatchObject({ wallets: 1, differences: [] });
  });
});
