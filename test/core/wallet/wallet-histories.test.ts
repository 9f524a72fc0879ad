/**
 * Histories of a wallet: writes that are lost, late and doubled, requests that die, limits that change, revocations,
 * windows that end. `HALLPASS_TEST_SEED=…` plays others, `RUNS=…` as many.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { GatewayError } from '../../../core/base/errors.ts';
import { asRequestId, asTokenId, type TokenId } from '../../../core/base/ids.ts';
import { parseLimit } from '../../../core/base/limit-text.ts';
import { isoDay } from '../../../core/base/limits.ts';
import { sweep } from '../../../core/sweep.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import type { Wallet } from '../../../core/wallet/ports.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { type SettlePorts, settle } from '../../../core/wallet/settle.ts';
import type { UsageRow } from '../../../core/wallet/usage-row.ts';
import { countersToReserve, type OpenHold } from '../../../core/wallet/wallet.ts';
import { type Fault, makeFaultyLine } from '../../support/faulty.ts';
import { makeMemoryUsage } from '../../support/memory-usage.ts';
import { makeMemoryWallets } from '../../support/memory-wallets.ts';
import {
  fixedRandom,
  makeGrant,
  makeManualClock,
  makeRow,
  usd,
} from '../../support/wallet-fixtures.ts';

const { RUNS } = process.env;
const LEASE_MS = 60_000;
const TOKEN_LIFE_SECONDS = 86_400;
const WALLET_ID = walletIdOf(makeGrant([]));

const fault = fc.constantFrom<Fault>(
  ...(['none', 'none', 'none', 'none', 'dropped', 'answer-lost', 'late', 'doubled'] as const),
);
const faults = fc.array(fault, { maxLength: 4 });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      token: fc.constantFrom('A', 'B'),
      nanoUsd: fc.integer({ min: 1, max: 400 }),
      isLowered: fc.boolean(),
      faults,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      which: fc.nat(),
      share: fc.integer({ min: 0, max: 100 }),
      isTwice: fc.boolean(),
      faults,
    }),
  },
  fc.record({ kind: fc.constant('crash' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('deliver' as const) }),
  fc.record({ kind: fc.constant('sweep' as const), isMet: fc.boolean() }),
  fc.record({ kind: fc.constant('wait' as const), minutes: fc.integer({ min: 0, max: 600 }) }),
  fc.record({
    kind: fc.constant('limits' as const),
    token: fc.constantFrom(300n, 1_000n, 2_000n),
    day: fc.constantFrom(500n, 1_500n, 3_000n),
    month: fc.constantFrom(2_000n, 6_000n),
    requests: fc.constantFrom(3n, 30n),
  }),
  fc.record({ kind: fc.constant('revoke' as const), token: fc.constantFrom('A', 'B') }),
  fc.record({ kind: fc.constant('revoke all' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type PlayedReserve = Omit<Step & { kind: 'reserve' }, 'faults'> & {
  readonly faults: readonly Fault[];
};
/** A request that comes while the sweep runs. */
const MEETING = {
  kind: 'reserve',
  token: 'A',
  nanoUsd: 1,
  isLowered: false,
  faults: [],
} as const satisfies PlayedReserve;

const nanoUsd = (amount: bigint): string => `0.${String(amount).padStart(9, '0')}`;

/** A gateway whose writes fail, whose requests end or die in any order, and whose operator changes his mind. */
function startGateway() {
  const clock = makeManualClock();
  const wallets = makeMemoryWallets();
  const usage = makeMemoryUsage();
  const line = makeFaultyLine(() => new GatewayError('service_unavailable', { transient: true }));
  const open: OpenHold[] = [];
  /** The largest limit that a counter was ever held to, by its name. */
  const largest = new Map<string, bigint>();
  const revoked = new Set<TokenId>();
  let limits = ['token:usd:total=0.000001', 'user:usd:day=0.0000015', 'user:usd:month=0.000006'];
  let pending: Fault[] = [];
  let count = 0;
  const through = <T>(write: () => Promise<T>): Promise<T> =>
    line.through(pending.shift() ?? 'none', write);
  const steady: SettlePorts = { clock, usage, wallets, random: fixedRandom };
  const flaky: SettlePorts = {
    ...steady,
    usage: { put: (row) => through(() => usage.put(row)) },
    wallets: {
      ...wallets,
      reserve: (reservation) => {
        for (const { name, max } of reservation.counters) {
          const before = largest.get(name) ?? 0n;
          if (max !== undefined && max > before) largest.set(name, max);
        }
        // Doubled at once or not at all: a try is sent once, and the next one has a number of its own.
        if (pending[0] === 'doubled') {
          pending.shift();
          return wallets.reserve(reservation).finally(() => wallets.reserve(reservation));
        }
        return through(() => wallets.reserve(reservation));
      },
      settle: (settlement) => through(() => wallets.settle(settlement)),
    },
  };

  /** A token of today: tomorrow's students have tomorrow's tokens, and the old ones are forgotten in time. */
  function grantOf(token: string): Grant {
    const issuedAtMs = clock.nowMs() - 1;
    return makeGrant([], {
      limits: limits.map(parseLimit),
      maxTokenLifetimeSeconds: TOKEN_LIFE_SECONDS,
      token: {
        id: asTokenId(`${token}${isoDay(issuedAtMs)}`),
        issuedAtMs,
        expiresAtMs: issuedAtMs + TOKEN_LIFE_SECONDS * 1_000,
        revoked: false,
      },
    });
  }

  async function playReserve(next: PlayedReserve): Promise<void> {
    const grant = grantOf(next.token);
    count += 1;
    pending = [...next.faults];
    const ask = {
      grant,
      requestId: asRequestId(`r${count}`),
      amounts: usd(next.nanoUsd, 1n),
      leaseEndsAtMs: clock.nowMs() + LEASE_MS,
      ...(next.isLowered && {
        afford: (left: { usd?: bigint }) =>
          left.usd === undefined || left.usd === 0n ? undefined : usd(left.usd, 1n),
      }),
    };
    const before = await wallets.find(WALLET_ID);
    const outcome = await reserve(ask, flaky).catch(() => undefined);
    if (outcome === undefined) return;
    open.push(outcome.hold);
    expect(grant.token && revoked.has(grant.token.id), 'admits a revoked token').toBe(false);
    expect(clock.nowMs() - 1 > (before?.notBeforeMs ?? 0), 'admits before notBefore').toBe(true);
  }

  async function playSettle(next: Step & { readonly kind: 'settle' }): Promise<void> {
    const [hold] = open.splice(next.which % (open.length || 1), 1);
    if (hold === undefined) return;
    pending = [...next.faults];
    const row = makeRow(hold, usd((hold.amounts.usd * BigInt(next.share)) / 100n, 1n));
    await settle(hold, row, flaky);
    if (next.isTwice) await settle(hold, row, steady);
  }

  /** `meet` happens while the sweep looks at a wallet, before it moves its mark. */
  const runSweep = (meet?: () => Promise<void>) => {
    const met = {
      ...wallets,
      moveDue: async (...move: Parameters<typeof wallets.moveDue>) => {
        await meet?.();
        return wallets.moveDue(...move);
      },
    };
    const deadlineAtMs = clock.nowMs() + 1_000;
    return sweep({ ...steady, wallets: met }, { shards: 4, deadlineAtMs });
  };

  async function play(next: Step): Promise<void> {
    switch (next.kind) {
      case 'reserve':
        await playReserve(next);
        break;
      case 'settle':
        await playSettle(next);
        break;
      case 'crash':
        open.splice(next.which % (open.length || 1), 1);
        break;
      case 'deliver':
        await line.deliver();
        break;
      case 'sweep':
        await runSweep(next.isMet ? () => playReserve(MEETING) : undefined);
        break;
      case 'wait':
        clock.advance(next.minutes * 60_000);
        break;
      case 'limits':
        limits = [
          `token:usd:total=${nanoUsd(next.token)}`,
          `user:usd:day=${nanoUsd(next.day)}`,
          `user:usd:month=${nanoUsd(next.month)}`,
          `user:requests:day=${next.requests}`,
        ];
        break;
      case 'revoke': {
        const { token } = grantOf(next.token);
        if (token === undefined) break;
        revoked.add(token.id);
        wallets.revokeToken(WALLET_ID, token.id);
        break;
      }
      default:
        wallets.setNotBefore(WALLET_ID, clock.nowMs() - 1);
    }
    pending = [];
  }
  return { play, runSweep, line, clock, wallets, rows: usage.rows, largest };
}

type Rows = ReadonlyMap<string, UsageRow>;

/** Promise 1: spent and held together stay within the largest limit in force, at every instant. */
function expectNeverOver(wallet: Wallet | undefined, largest: ReadonlyMap<string, bigint>): void {
  for (const [name, used] of wallet?.counters ?? []) {
    const limit = largest.get(name);
    if (limit !== undefined) expect(used <= limit, `${name} is over`).toBe(true);
  }
}

/** How a hold or a row of this much counts in a counter; undefined: it does not. */
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

// guarantee: exact
test('whatever is lost, late, doubled or dead: never over a limit, and exact at every step', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const { play, runSweep, line, clock, wallets, rows, largest } = startGateway();
      const check = async () => {
        const wallet = await wallets.find(WALLET_ID);
        expectNeverOver(wallet, largest);
        expectExact(wallet, rows, clock.nowMs());
      };
      for (const next of steps) {
        await play(next);
        await check();
      }
      await line.deliver();
      clock.advance(2 * LEASE_MS);
      await runSweep();
      await check();

      const wallet = await wallets.find(WALLET_ID);
      expect([wallet?.inFlight ?? 0, wallet?.holds.size ?? 0]).toEqual([0, 0]);
      expect(wallet?.dueAtMs).toBeUndefined();
    }),
    { numRuns: Number(RUNS ?? 1_200) },
  );
}, 600_000);
