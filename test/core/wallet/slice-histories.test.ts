import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { GatewayError } from '../../../core/base/errors.ts';
import { asPoolId, asRequestId } from '../../../core/base/ids.ts';
import { parseLimit } from '../../../core/base/limit-text.ts';
import { sweep } from '../../../core/sweep.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import type { Wallet } from '../../../core/wallet/ports.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { type SettlePorts, settle } from '../../../core/wallet/settle.ts';
import type { OpenHold } from '../../../core/wallet/wallet.ts';
import { type Fault, makeFaultyLine, makeSeededFraction } from '../../support/faulty.ts';
import { makeMemoryUsage } from '../../support/memory-usage.ts';
import { makeMemoryWallets } from '../../support/memory-wallets.ts';
import { makeGrant, makeManualClock, makeRow, usd } from '../../support/wallet-fixtures.ts';

const LEASE_MS = 60_000;
const LIMIT = 1_000n;
const MONTHS = ['2026-11', '2026-12'];
/** Slices of November go an hour after it; from then on its pool has nothing to be compared with. */
const NOVEMBER_GOES_AT_MS = Date.parse('2026-12-01T01:00:00Z');
const monthsAt = (nowMs: number): string[] => (nowMs < NOVEMBER_GOES_AT_MS ? MONTHS : ['2026-12']);
const USERS = ['ada', 'bob', 'eve', 'kim'];

const grantOf = (user: string, limit = 'key:usd:month=0.000001'): Grant =>
  makeGrant([limit], { identity: { source: 'token', issuer: '', id: user } });

const fault = fc.constantFrom<Fault>(
  'none',
  'none',
  'none',
  'none',
  'dropped',
  'answer-lost',
  'late',
);
const faults = fc.array(fault, { maxLength: 6 });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      user: fc.nat(USERS.length - 1),
      nanoUsd: fc.integer({ min: 1, max: 300 }),
      isLow: fc.boolean(),
      faults,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      which: fc.nat(),
      share: fc.integer({ min: 0, max: 100 }),
      isTwice: fc.boolean(),
      faults,
    }),
  },
  fc.record({ kind: fc.constant('crash' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('deliver' as const), isTwice: fc.boolean() }),
  fc.record({ kind: fc.constant('sweep' as const) }),
  fc.record({ kind: fc.constant('wait' as const), minutes: fc.integer({ min: 0, max: 30 }) }),
  fc.record({ kind: fc.constant('next month' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A key whose users' writes are lost, repeated and late, and whose requests end or die in any order. */
function startKey() {
  const clock = makeManualClock();
  const wallets = makeMemoryWallets();
  const usage = makeMemoryUsage();
  const line = makeFaultyLine(() => new GatewayError('service_unavailable', { transient: true }));
  const random = { uuid: () => '', fraction: makeSeededFraction(1) };
  const open: OpenHold[] = [];
  const late: (() => Promise<unknown>)[] = [];
  let drawnFaults: Fault[] = [];
  const once = <T>(write: () => Promise<T>): Promise<T> =>
    line.through(drawnFaults.shift() ?? 'none', write);
  /** Kept, to arrive once more later. A reserve is not: each try of it has an attempt of its own. */
  const through = <T>(write: () => Promise<T>): Promise<T> => {
    if (drawnFaults.length > 0) late.push(write);
    return once(write);
  };
  const steady: SettlePorts = { clock, usage, wallets, random };
  const flaky: SettlePorts = {
    ...steady,
    usage: { put: (row) => through(() => usage.put(row)) },
    wallets: {
      ...wallets,
      reserve: (reservation) => once(() => wallets.reserve(reservation)),
      settle: (settlement) => through(() => wallets.settle(settlement)),
      draw: (draw) => through(() => wallets.draw(draw)),
      recall: (recall) => through(() => wallets.recall(recall)),
    },
  };
  let count = 0;
  const runSweep = () => sweep(steady, { shards: 4, deadlineAtMs: clock.nowMs() + 1_000 });
  const take = (which: number) => open.splice(which % (open.length || 1), 1)[0];
  const ask = (grant: Grant, nanoUsd: bigint, ports: SettlePorts) => {
    count += 1;
    const requestId = asRequestId(`r${count}`);
    const leaseEndsAtMs = clock.nowMs() + LEASE_MS;
    return reserve({ grant, requestId, amounts: usd(nanoUsd), leaseEndsAtMs }, ports);
  };
  async function deliver(isTwice: boolean): Promise<void> {
    await line.deliver();
    const again = late.splice(0);
    if (isTwice) for (const write of again) await write().catch(() => undefined);
  }

  async function play(next: Step): Promise<void> {
    if (next.kind === 'reserve') {
      drawnFaults = [...next.faults];
      const limit = next.isLow ? 'key:usd:month=0.0000007' : undefined;
      const grant = grantOf(USERS[next.user] ?? '', limit);
      const outcome = await ask(grant, BigInt(next.nanoUsd), flaky).catch(() => undefined);
      if (outcome !== undefined) open.push(outcome.hold);
    } else if (next.kind === 'settle') {
      const hold = take(next.which);
      if (hold === undefined) return;
      drawnFaults = [...next.faults];
      const row = makeRow(hold, usd((hold.amounts.usd * BigInt(next.share)) / 100n));
      await settle(hold, row, flaky);
      if (next.isTwice) await settle(hold, row, steady);
    } else if (next.kind === 'crash') take(next.which);
    else if (next.kind === 'deliver') await deliver(next.isTwice);
    else if (next.kind === 'sweep') await runSweep();
    else if (next.kind === 'wait') clock.advance(next.minutes * 60_000);
    else clock.advance(Math.max(0, Date.parse('2026-12-01T00:00:01Z') - clock.nowMs()));
    drawnFaults = [];
  }

  const readWallets = async (): Promise<Wallet[]> => {
    const found = await Promise.all(USERS.map((user) => wallets.find(walletIdOf(grantOf(user)))));
    return found.filter((wallet) => wallet !== undefined);
  };
  return { play, deliver, runSweep, ask, readWallets, clock, wallets, usage, steady };
}

/** The figures of a month's pool and slices, and the part of them that is held. */
async function booksOf(month: string, { wallets, readWallets }: ReturnType<typeof startKey>) {
  const name = `usd:month:${month}`;
  const drawn = await wallets.findDrawn(asPoolId(`pool#k#${name}`));
  let inOut = 0n;
  let left = 0n;
  for (const wallet of await readWallets()) {
    const slice = wallet.slices.get(name);
    if (slice === undefined) continue;
    expect(slice.left >= 0n, `${wallet.id} ${name}`).toBe(true);
    inOut += slice.drawnIn - slice.recalledOut;
    left += slice.left;
  }
  return { drawn, inOut, spentAndHeld: inOut - left };
}

const RUNS = Number(process.env.RUNS ?? 400);

// guarantee: exact-key-budget
test('whatever is lost, late, doubled or dead: a key is never over its budget, and it is exact at rest', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 50 }), async (steps) => {
      const key = startKey();
      for (const next of steps) {
        await key.play(next);
        for (const month of monthsAt(key.clock.nowMs())) {
          const { drawn, inOut, spentAndHeld } = await booksOf(month, key);
          expect(drawn, month).toBe(inOut);
          expect(spentAndHeld <= LIMIT, month).toBe(true);
          expect(drawn <= LIMIT, month).toBe(true);
        }
      }
      await key.deliver(true);
      key.clock.advance(2 * LEASE_MS);
      await key.runSweep();

      const open = await key.readWallets();
      expect(open.map(({ holds }) => holds.size)).toEqual(open.map(() => 0));
      for (const month of monthsAt(key.clock.nowMs())) {
        const { spentAndHeld } = await booksOf(month, key);
        let billed = 0n;
        for (const row of key.usage.rows.values()) {
          if (new Date(row.reservedAtMs).toISOString().startsWith(month)) billed += row.cost.usd;
        }
        expect(spentAndHeld, month).toBe(billed);
      }
      const now = new Date(key.clock.nowMs()).toISOString().slice(0, 7);
      const rest = LIMIT - (await booksOf(now, key)).spentAndHeld;
      if (rest > 0n) {
        const { hold } = await key.ask(grantOf('ada'), rest, key.steady);
        await settle(hold, makeRow(hold, usd(rest)), key.steady);
      }
      await expect(key.ask(grantOf('bob'), 1n, key.steady)).rejects.toMatchObject({
        code: 'insufficient_quota',
      });
    }),
    { numRuns: RUNS },
  );
});

test('requests of many at once never pass the budget, and leave it spendable', async () => {
  const key = startKey();
  const one = async (index: number): Promise<void> => {
    const grant = grantOf(USERS[index % USERS.length] ?? '');
    const outcome = await key.ask(grant, 30n, key.steady).catch(() => undefined);
    if (outcome === undefined) return;
    await settle(outcome.hold, makeRow(outcome.hold, usd(20)), key.steady);
  };
  await Promise.all(Array.from({ length: 100 }, (_, index) => one(index)));

  const { drawn, inOut, spentAndHeld } = await booksOf('2026-11', key);
  expect(drawn).toBe(inOut);
  expect(spentAndHeld <= LIMIT).toBe(true);
  await key.ask(
    { ...grantOf('ada'), limits: [parseLimit('key:usd:month=0.000001')] },
    LIMIT - spentAndHeld,
    key.steady,
  );
  expect((await booksOf('2026-11', key)).spentAndHeld).toBe(LIMIT);
});
