import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GatewayError } from '../../core/errors.ts';
import type { UsageRow } from '../../core/hold.ts';
import { asRequestId, asTokenId } from '../../core/ids.ts';
import { walletIdOf } from '../../core/payer.ts';
import type { Wallet } from '../../core/ports.ts';
import { reserve } from '../../core/reserve.ts';
import { type SettlePorts, settle } from '../../core/settle.ts';
import { sweep } from '../../core/sweep.ts';
import type { OpenHold } from '../../core/wallet.ts';
import { type Fault, makeFaultyLine } from '../support/faulty.ts';
import { type MemoryUsage, makeMemoryUsage } from '../support/memory-usage.ts';
import { makeMemoryWallets } from '../support/memory-wallets.ts';
import {
  fixedRandom,
  makeGrant,
  makeManualClock,
  makeRow,
  usd,
} from '../support/wallet-fixtures.ts';

const LEASE_MS = 60_000;
const TOKEN_CAP = 1_000n;
const DAY_CAP = 1_500n;
const grants = ['tokenA', 'tokenB'].map((id) => {
  const grant = makeGrant(['token:usd:total=0.000001', 'user:usd:day=0.0000015']);
  const { token } = grant;
  return token === undefined ? grant : { ...grant, token: { ...token, id: asTokenId(id) } };
});

const fault = fc.constantFrom<Fault>('none', 'none', 'none', 'dropped', 'answer-lost', 'late');
const step = fc.oneof(
  fc.record({
    kind: fc.constant('reserve' as const),
    grant: fc.nat(1),
    nanoUsd: fc.integer({ min: 1, max: 400 }),
    faults: fc.array(fault, { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('settle' as const),
    which: fc.nat(),
    share: fc.integer({ min: 0, max: 100 }),
    twice: fc.boolean(),
    faults: fc.array(fault, { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('crash' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('deliver' as const) }),
  fc.record({ kind: fc.constant('sweep' as const) }),
  fc.record({ kind: fc.constant('wait' as const), minutes: fc.integer({ min: 0, max: 600 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A gateway whose writes are lost, repeated and late, and whose requests end or die in any order. */
function startGateway() {
  const clock = makeManualClock();
  const wallets = makeMemoryWallets();
  const usage = makeMemoryUsage();
  const line = makeFaultyLine(() => new GatewayError('service_unavailable', { transient: true }));
  const open: OpenHold[] = [];
  let faults: Fault[] = [];
  const through = <T>(write: () => Promise<T>): Promise<T> =>
    line.through(faults.shift() ?? 'none', write);
  const flaky: SettlePorts = {
    clock,
    random: fixedRandom,
    usage: { put: (row) => through(() => usage.put(row)) },
    wallets: {
      ...wallets,
      reserve: (reservation) => through(() => wallets.reserve(reservation)),
      settle: (settlement) => through(() => wallets.settle(settlement)),
    },
  };
  const steady: SettlePorts = { clock, usage, wallets, random: fixedRandom };
  let count = 0;
  const take = (which: number): OpenHold | undefined =>
    open.splice(which % (open.length || 1), 1)[0];
  const runSweep = () => sweep(steady, { shards: 4, deadlineAtMs: clock.nowMs() + 1_000 });

  async function play(next: Step): Promise<void> {
    if (next.kind === 'reserve') {
      const grant = grants[next.grant];
      if (grant === undefined) return;
      count += 1;
      faults = [...next.faults];
      const amounts = usd(next.nanoUsd, 1n);
      const ask = {
        grant,
        requestId: asRequestId(`r${count}`),
        amounts,
        leaseEndsAtMs: clock.nowMs() + LEASE_MS,
      };
      const outcome = await reserve(ask, flaky).catch(() => undefined);
      if (outcome !== undefined) open.push(outcome.hold);
    } else if (next.kind === 'settle') {
      const hold = take(next.which);
      if (hold === undefined) return;
      faults = [...next.faults];
      const cost = usd((hold.amounts.usd * BigInt(next.share)) / 100n, 1n);
      const row = makeRow(hold, cost);
      await settle(hold, row, flaky);
      if (next.twice) await settle(hold, row, steady);
    } else if (next.kind === 'crash') take(next.which);
    else if (next.kind === 'deliver') await line.deliver();
    else if (next.kind === 'sweep') await runSweep();
    else clock.advance(next.minutes * 60_000);
    faults = [];
  }

  return { play, runSweep, line, clock, wallets, usage };
}

const sumOf = (usage: MemoryUsage, belongs: (row: UsageRow) => boolean): bigint =>
  [...usage.rows.values()].filter(belongs).reduce((sum, row) => sum + row.cost.usd, 0n);

/** Promise 1: spent and held together stay within every limit, at every instant. */
function expectNeverOver(wallet: Wallet | undefined): void {
  for (const [name, used] of wallet?.counters ?? []) {
    if (/^t:token[AB]:usd:total$/.test(name)) expect(used <= TOKEN_CAP, name).toBe(true);
    if (name.startsWith('usd:day:')) expect(used <= DAY_CAP, name).toBe(true);
  }
}

test('whatever is lost, late or dead: never over a limit, and exact once nothing is in flight', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const { play, runSweep, line, clock, wallets, usage } = startGateway();
      const walletId = walletIdOf(makeGrant([]));
      for (const next of steps) {
        await play(next);
        expectNeverOver(await wallets.find(walletId));
      }
      await line.deliver();
      expectNeverOver(await wallets.find(walletId));
      clock.advance(2 * LEASE_MS);
      await runSweep();

      const wallet = await wallets.find(walletId);
      expect([wallet?.inFlight ?? 0, wallet?.holds.size ?? 0]).toEqual([0, 0]);
      expect(wallet?.dueAtMs).toBeUndefined();
      const counters: ReadonlyMap<string, bigint> = wallet?.counters ?? new Map();
      expect(counters.get('usd:total') ?? 0n).toBe(sumOf(usage, () => true));
      for (const [name, counted] of counters) {
        const day = /^usd:day:(.+)$/.exec(name)?.[1];
        const token = /^t:(token[AB]):usd:total$/.exec(name)?.[1];
        const isOfDay = (row: UsageRow) =>
          new Date(row.reservedAtMs).toISOString().startsWith(day ?? '-');
        if (day !== undefined) expect(counted, name).toBe(sumOf(usage, isOfDay));
        if (token !== undefined) {
          expect(counted, name).toBe(sumOf(usage, (row) => row.tokenId === token));
        }
      }
    }),
    { numRuns: 400 },
  );
}, 60_000);
