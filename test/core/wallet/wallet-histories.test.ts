/**
 * Histories of a person's wallets: writes that are lost, late and doubled, requests that die, limits that change,
 * revocations, wallets that are moved, windows that end. `HALLPASS_TEST_SEED=…` plays others, `RUNS=…` as many.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { asTokenId } from '../../../core/base/ids.ts';
import { isoDay } from '../../../core/base/limits.ts';
import type { Wallet } from '../../../core/wallet/ports.ts';
import { findWithTokens } from '../../../core/wallet/spills.ts';
import type { UsageRow } from '../../../core/wallet/usage-row.ts';
import { countersToReserve, type OpenHold } from '../../../core/wallet/wallet.ts';
import type { MemoryWallets } from '../../support/memory-wallets.ts';
import {
  FORMER_ID,
  LEASE_MS,
  startGateway,
  step,
  WALLET_ID,
} from '../../support/wallet-history.ts';

const { RUNS } = process.env;

type Rows = ReadonlyMap<string, UsageRow>;

/**
 * Promise 1: spent and held together stay within the largest limit in force, at every instant. Each spelling may have
 * spent a whole limit of a user before the wallets became one, but a token has one spelling.
 */
function expectNeverOver(
  wallet: Wallet | undefined,
  largest: ReadonlyMap<string, bigint>,
  spellings: bigint,
): void {
  for (const [name, used] of wallet?.counters ?? []) {
    const limit = largest.get(name);
    const times = name.startsWith('t:') ? 1n : spellings;
    if (limit !== undefined) expect(used <= limit * times, `${name} is over`).toBe(true);
  }
}

/** The amount by which a hold or a row counts in a counter; undefined: it does not. */
function countIn(name: string, hold: Omit<OpenHold, 'leaseEndsAtMs'>): bigint {
  const counters = countersToReserve({ ...hold, leaseEndsAtMs: 0 }, []);
  return counters.find((counter) => counter.name === name)?.add ?? 0n;
}

const COUNTED = (['usd:total', 'usd:day', 'usd:month', 'token'] as const).map((name) => {
  const window = name === 'usd:day' ? 'day' : name === 'usd:month' ? 'month' : 'total';
  return { per: name === 'token' ? 'token' : 'user', unit: 'usd', window } as const;
});

/** Promise 3: what is counted is what rows say of requests that are done, and what holds say of those that are not. */
function expectExact(wallet: Wallet | undefined, rows: Rows, nowMs: number): void {
  const openHolds = [...(wallet?.holds.values() ?? [])];
  const done = [...rows.values()].filter(
    (row) => wallet?.holds.get(row.requestId)?.attempt !== row.attempt,
  );
  const today = isoDay(nowMs);
  for (const [name, counted] of wallet?.counters ?? []) {
    // Windows and tokens of the past are on their way out, and nothing reads them any more.
    const isCurrent =
      name === 'usd:total' || name.endsWith(today) || name === `usd:month:${today.slice(0, 7)}`;
    if (!isCurrent && !name.startsWith(`t:A${today}`) && !name.startsWith(`t:B${today}`)) continue;
    if (!name.includes('usd')) continue;
    const held = openHolds.reduce((sum, hold) => sum + countIn(name, hold), 0n);
    const spent = done.reduce(
      (sum, { cost, ...row }) => sum + countIn(name, { ...row, amounts: cost, counted: COUNTED }),
      0n,
    );
    expect(counted, name).toBe(spent + held);
  }
}

/**
 * The wallets of both spellings with whose rows they count. A token that left counts as if it had not, and after the
 * move both are one.
 */
async function readBooks(wallets: MemoryWallets, nowMs: number) {
  const tokenIds = [`A${isoDay(nowMs)}`, `B${isoDay(nowMs)}`].map(asTokenId);
  const wallet = await findWithTokens(wallets, WALLET_ID, tokenIds);
  const former = await findWithTokens(wallets, FORMER_ID, tokenIds);
  if (former?.movedTo === undefined) {
    return [
      { wallet, of: [WALLET_ID] },
      { wallet: former, of: [FORMER_ID] },
    ];
  }
  const counters = new Map(wallet?.counters);
  for (const tokenId of tokenIds) {
    const left = await wallets.findSpilled(FORMER_ID, tokenId);
    for (const [name, counted] of left?.counters ?? []) {
      counters.set(name, (counters.get(name) ?? 0n) + counted);
    }
  }
  return [{ wallet: wallet && { ...wallet, counters }, of: [WALLET_ID, FORMER_ID] }];
}

// guarantee: exact
test('whatever is lost, late, doubled or dead: never over a limit, and exact at every step', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const { begin, play, runSweep, line, clock, wallets, rows, largest } = startGateway();
      await begin();
      const check = async () => {
        for (const { wallet, of } of await readBooks(wallets, clock.nowMs())) {
          expectNeverOver(wallet, largest, BigInt(of.length));
          const own = [...rows].filter(([, { walletId }]) => of.includes(walletId));
          expectExact(wallet, new Map(own), clock.nowMs());
        }
      };
      for (const next of steps) {
        await play(next);
        await check();
      }
      await line.deliver();
      clock.advance(2 * LEASE_MS);
      await runSweep();
      await check();

      for (const id of [WALLET_ID, FORMER_ID]) {
        const wallet = await wallets.find(id);
        expect([wallet?.inFlight ?? 0, wallet?.holds.size ?? 0]).toEqual([0, 0]);
        expect(wallet?.dueAtMs).toBeUndefined();
      }
    }),
    { numRuns: Number(RUNS ?? 1_200) },
  );
}, 600_000);
