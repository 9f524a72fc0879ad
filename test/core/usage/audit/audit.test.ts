import { beforeEach, describe, expect, test } from 'vitest';
import { asRequestId, asWalletId, type WalletId } from '../../../../core/base/ids.ts';
import type { CounterKind } from '../../../../core/base/limits.ts';
import { auditUsage } from '../../../../core/usage/audit/audit.ts';
import type { Hold } from '../../../../core/wallet/hold.ts';
import type { Wallet } from '../../../../core/wallet/ports.ts';
import { closeExpiredHolds, settle } from '../../../../core/wallet/settle.ts';
import type { UsageRow } from '../../../../core/wallet/usage-row.ts';
import { countersToReserve } from '../../../../core/wallet/wallet.ts';
import { type MemoryUsage, makeMemoryUsage } from '../../../support/memory-usage.ts';
import { type MemoryWallets, makeMemoryWallets } from '../../../support/memory-wallets.ts';
import {
  fixedRandom,
  KEY_ID,
  type ManualClock,
  makeHold,
  makeManualClock,
  makeRow,
  NOW_MS,
  TOKEN_ID,
  usd,
} from '../../../support/wallet-fixtures.ts';

const DAY_MS = 86_400_000;
const ADA = asWalletId('k#uada');
const COUNTED: readonly CounterKind[] = [
  { per: 'user', unit: 'usd', window: 'total' },
  { per: 'token', unit: 'usd', window: 'total' },
  { per: 'user', unit: 'usd', window: 'month' },
  { per: 'user', unit: 'tokens', window: 'week' },
  { per: 'user', unit: 'requests', window: 'day' },
  { per: 'user', unit: 'requests', window: 'minute' },
];

let clock: ManualClock;
let wallets: MemoryWallets;
let usage: MemoryUsage;
beforeEach(() => {
  clock = makeManualClock();
  wallets = makeMemoryWallets();
  usage = makeMemoryUsage();
});

const flow = () => ({ wallets, usage, clock, random: fixedRandom });
async function reserve(name: string, overrides: Partial<Hold> = {}): Promise<Hold> {
  const hold = makeHold({ requestId: asRequestId(name), counted: COUNTED, ...overrides });
  await wallets.reserve({
    hold,
    counters: countersToReserve(hold, []),
    inFlightMax: 128,
    tokenId: TOKEN_ID,
    tokenKeepUntilMs: NOW_MS + 30 * DAY_MS,
  });
  return hold;
}
async function serve(name: string, nanoUsd: bigint, overrides: Partial<UsageRow> = {}) {
  const hold = await reserve(name);
  await settle(hold, rowOf(hold, nanoUsd, overrides), flow());
}
const rowOf = (hold: Hold, nanoUsd: bigint, overrides: Partial<UsageRow> = {}) =>
  makeRow(hold, usd(nanoUsd, 9n), { counted: hold.counted, ...overrides });

/** Wallets of which one looks otherwise: its counters as `change` leaves them. */
const changed = (change: (counters: Map<string, bigint>) => void) => ({
  ...wallets,
  find: async (id: WalletId): Promise<Wallet | undefined> => {
    const wallet = await wallets.find(id);
    const counters = new Map(wallet?.counters);
    if (id === ADA) change(counters);
    return wallet && { ...wallet, counters };
  },
});
const audit = (use: object = {}, createdAtMs = NOW_MS - 3 * DAY_MS) =>
  auditUsage({ keyId: KEY_ID, createdAtMs }, { ...flow(), ...use });

/** Served, given back, died and swept, and two in flight of which one has written its row. */
async function makeLoad() {
  await serve('served', 12_345_678_901n);
  await serve('again', 1n);
  await serve('released', 0n, { status: 'released', cost: usd(0) });
  const ofBob = await reserve('bob', { walletId: asWalletId('k#ubob') });
  await settle(ofBob, rowOf(ofBob, 77n), flow());
  const died = await reserve('died', { leaseEndsAtMs: NOW_MS });
  const wallet = await wallets.find(died.walletId);
  if (wallet !== undefined) await closeExpiredHolds(wallet, 9, flow());
  await reserve('in flight');
  await usage.put(rowOf(await reserve('row written'), 5n));
  // A late attempt of a request that was settled: a ghost, which the sweep will close at nothing.
  const ghost = makeHold({ requestId: asRequestId('served'), attempt: 2, counted: COUNTED });
  await wallets.reserve({ hold: ghost, counters: countersToReserve(ghost, []), inFlightMax: 128 });
}

describe('the audit', () => {
  // guarantee: exact
  test('finds no difference after a mixed load with requests in flight', async () => {
    await makeLoad();
    expect(await audit()).toEqual({
      rows: 6,
      wallets: 2,
      counters: 10,
      pools: 0,
      differences: [],
      overruns: [],
      busy: [],
      totalsChecked: true,
      truncated: false,
    });
  });

  // guarantee: exact
  test.each([
    'usd:total',
    't:tokenA:usd:total',
    'usd:month:2026-11',
    'tokens:week:2026-11-16',
    'requests:day:2026-11-20',
  ])('finds a difference of one in %s, and nothing else', async (counter) => {
    await makeLoad();
    const before = (await wallets.find(ADA))?.counters.get(counter) ?? 0n;
    const planted = changed((counters) => counters.set(counter, before + 1n));
    const { differences, busy } = await audit({ wallets: planted });
    expect(differences).toEqual([{ itemId: ADA, counter, counted: before + 1n, expected: before }]);
    expect(busy).toEqual([]);
  });

  test('finds a missing counter, and one without rows', async () => {
    await serve('r1', 5n);
    const planted = changed((counters) => {
      counters.delete('usd:month:2026-11');
      counters.set('tokens:total', 3n);
    });
    expect((await audit({ wallets: planted })).differences).toEqual([
      { itemId: ADA, counter: 'usd:month:2026-11', counted: 0n, expected: 5n },
      { itemId: ADA, counter: 'tokens:total', counted: 3n, expected: 0n },
    ]);
  });

  test('skips rates, ended windows and removed tokens', async () => {
    await serve('r1', 5n);
    const { find } = changed((counters) => {
      counters.set('requests:minute:29919600', 99n);
      counters.delete('t:tokenA:usd:total');
      counters.delete('requests:day:2026-11-20');
    });
    clock.advance(DAY_MS);
    const gone = async (id: WalletId) => {
      const wallet = await find(id);
      return wallet && { ...wallet, tokenKeepUntilMs: new Map() };
    };
    expect((await audit({ wallets: { ...wallets, find: gone } })).differences).toEqual([]);
  });

  test('counts a new limit from its first request', async () => {
    const hold = await reserve('before', { counted: COUNTED.slice(0, 2) });
    await settle(hold, rowOf(hold, 5n), flow());
    await serve('after', 7n);
    expect((await audit()).differences).toEqual([]);
  });

  test('reads a wallet again that changes meanwhile, and reports it as busy', async () => {
    await serve('r1', 5n);
    let looks = 0;
    const racing = (until: number) => ({
      ...usage,
      readRows: async (ask: Parameters<MemoryUsage['readRows']>[0]) => {
        const page = await usage.readRows(ask);
        // Settled after its rows were read.
        if (ask.day === '2026-11-20' && looks < until) {
          looks += 1;
          await serve(`late ${looks}`, 3n);
        }
        return page;
      },
    });
    expect(await audit({ usage: racing(1) })).toMatchObject({ differences: [], busy: [] });
    looks = 0;
    usage = makeMemoryUsage(100);
    wallets = makeMemoryWallets();
    await serve('r1', 5n);
    expect(await audit({ usage: racing(9) })).toMatchObject({ differences: [], busy: [ADA] });
  });

  test('skips total counters if the first rows are gone', async () => {
    await serve('r1', 5n);
    const planted = changed((counters) => counters.set('usd:total', 6n));
    const old = NOW_MS - 400 * DAY_MS;
    expect(await audit({ wallets: planted }, old)).toMatchObject({
      differences: [],
      totalsChecked: false,
    });
  });

  test('skips windows long past, whose counters are not used', async () => {
    await serve('r1', 5n);
    const planted = changed((counters) => {
      counters.set('usd:day:2026-11-19', 9n);
      counters.set('usd:day:2026-11-20', 9n);
    });
    clock.advance(DAY_MS / 2 - 1);
    expect((await audit({ wallets: planted })).differences).toMatchObject([
      { counter: 'usd:day:2026-11-20', counted: 9n, expected: 0n },
    ]);
  });

  test('compares nothing if there are more rows than it reads', async () => {
    await serve('r1', 5n);
    const readRows = async () => ({ rows: [], next: 'more' });
    expect(await audit({ usage: { readRows } })).toMatchObject({ wallets: 0, truncated: true });
  });
});
