import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { GatewayError } from '../../../core/base/errors.ts';
import { asRequestId, asWalletId } from '../../../core/base/ids.ts';
import { sweep } from '../../../core/sweep.ts';
import { auditUsage } from '../../../core/usage/audit/audit.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import type { Wallets } from '../../../core/wallet/ports.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { rowOf, type SettlePorts, settle, settleAtRow } from '../../../core/wallet/settle.ts';
import { type Fault, makeFaultyLine } from '../../support/faulty.ts';
import { makeMemoryPorts } from '../../support/memory-ports.ts';
import type { MemoryUsage } from '../../support/memory-usage.ts';
import type { MemoryWallets } from '../../support/memory-wallets.ts';
import {
  type ManualClock,
  makeReserveRequests,
  makeRow,
  refusalOf,
  usd,
  userGrant,
} from '../../support/wallet-fixtures.ts';

const KEY_WALLET = asWalletId('k#k');
const MINUTE = 'requests:minute:29919600';
const HOUR = 'usd:hour:498660';

let clock: ManualClock;
let wallets: MemoryWallets;
let usage: MemoryUsage;
let ports: SettlePorts;

beforeEach(() => {
  const made = makeMemoryPorts();
  ({ clock, wallets, usage } = made);
  ports = made;
});

const ask = makeReserveRequests(() => clock);
const keyCounter = async (name: string) => (await wallets.find(KEY_WALLET))?.counters.get(name);
const holdsOf = async (grant: Grant) => [
  (await wallets.find(walletIdOf(grant)))?.holds.size ?? 0,
  (await wallets.find(KEY_WALLET))?.holds.size ?? 0,
];

describe('a settle', () => {
  // guarantee: both-settled
  test('settles both wallets at the cost of the row', async () => {
    const grant = userGrant('ada', 'key:usd:hour=1', 'user:usd:month=1');
    const { hold } = await reserve(ask(grant, 'r1', usd(100)), ports);

    const outcome = await settle(hold, makeRow(hold, usd(40)), ports);

    expect(outcome).toMatchObject({ settled: true, writeUnits: 3 });
    expect(await keyCounter(HOUR)).toBe(40n);
    expect((await wallets.find(walletIdOf(grant)))?.counters.get('usd:month:2026-11')).toBe(40n);
    expect(await holdsOf(grant)).toEqual([0, 0]);
  });

  test('of a request that was not charged gives the request back', async () => {
    const grant = userGrant('ada', 'key:requests:minute=1');
    const { hold } = await reserve(ask(grant, 'r1'), ports);
    await settle(hold, makeRow(hold, usd(0), { status: 'released' }), ports);

    expect(await keyCounter(MINUTE)).toBe(0n);
  });

  test('removes rates long past from the key wallet', async () => {
    const grant = userGrant('ada', 'key:requests:minute=9');
    const early = await reserve(ask(grant, 'r1'), ports);
    await settle(early.hold, makeRow(early.hold, usd(1)), ports);
    clock.advance(180_000);
    const late = await reserve(ask(grant, 'r2'), ports);
    await settle(late.hold, makeRow(late.hold, usd(1)), ports);

    expect([...((await wallets.find(KEY_WALLET))?.counters.keys() ?? [])]).toEqual([
      'requests:minute:29919603',
    ]);
  });
});

describe('a request that dies', () => {
  const runSweep = () => sweep(ports, { shards: 4, deadlineAtMs: clock.nowMs() + 60_000 });

  // guarantee: both-swept
  test.each([
    ['key wallet', (id: string) => id === KEY_WALLET],
    ['wallet of its payer', (id: string) => id !== KEY_WALLET],
  ])('is closed in both wallets by one row of its payer, the %s first', async (_which, isFirst) => {
    const grant = userGrant('ada', 'key:usd:hour=1');
    await reserve(ask(grant, 'r1', usd(100, 7n)), ports);
    clock.advance(1_000_000);
    const one: Wallets = {
      ...wallets,
      findDue: async (...search) => (await wallets.findDue(...search)).filter(isFirst),
    };

    await sweep({ ...ports, wallets: one }, { shards: 4, deadlineAtMs: clock.nowMs() + 60_000 });
    await runSweep();

    expect(await holdsOf(grant)).toEqual([0, 0]);
    expect([...usage.rows.values()]).toEqual([
      expect.objectContaining({
        walletId: walletIdOf(grant),
        status: 'swept',
        attempt: 1,
        tokenId: 'tokenA',
        cost: { usd: 100n, tokens: 7n },
        counted: [
          { per: 'user', unit: 'usd', window: 'total' },
          { per: 'token', unit: 'usd', window: 'total' },
        ],
      }),
    ]);
    expect(await keyCounter(HOUR)).toBe(100n);
    const asked = { keyId: grant.keyId, createdAtMs: clock.nowMs() - 2_000_000 };
    expect((await auditUsage(asked, { wallets, usage, clock })).differences).toEqual([]);
  });

  // guarantee: given-up-swept-at-zero
  test('while it is given up costs nothing, because no provider was called', async () => {
    const grant = userGrant('ada', 'key:usd:hour=1');
    const { hold } = await reserve(ask(grant, 'r1', usd(100, 7n)), ports);
    const { inKeyWallet: _kept, ...paid } = hold;
    await settleAtRow(paid, rowOf(paid, 'released'), ports);
    clock.advance(1_000_000);

    const { settled, swept } = await runSweep();

    expect([settled, swept]).toEqual([1, 0]);
    expect(usage.rows.get(asRequestId('r1'))).toMatchObject({
      walletId: walletIdOf(grant),
      status: 'released',
      cost: usd(0),
    });
    expect(await keyCounter(HOUR)).toBe(0n);
  });

  test("leaves expired holds until the key's wallet refuses", async () => {
    await reserve(ask(userGrant('ada', 'key:tokens:hour=100'), 'r1', usd(1, 100n)), ports);
    usage.put(
      makeRow(
        (await wallets.find(walletIdOf(userGrant('ada'))))?.holds.get(asRequestId('r1')) as never,
        usd(1, 10n),
      ),
    );
    clock.advance(1_000_000);

    const { hold } = await reserve(
      ask(userGrant('bob', 'key:tokens:hour=100'), 'r2', usd(1, 90n)),
      ports,
    );

    expect(hold.inKeyWallet?.amounts.tokens).toBe(90n);
  });
});

describe('a write to the key wallet', () => {
  const line = () =>
    makeFaultyLine(() => new GatewayError('service_unavailable', { transient: true }));
  const faultyKey = (faults: Fault[], through: ReturnType<typeof line>): SettlePorts => ({
    ...ports,
    wallets: {
      ...wallets,
      reserve: (reservation) =>
        reservation.hold.walletId === KEY_WALLET
          ? through.through(faults.shift() ?? 'none', () => wallets.reserve(reservation))
          : wallets.reserve(reservation),
    },
  });

  test.each<[Fault]>([['dropped'], ['answer-lost'], ['late']])(
    'that is %s is repeated, and counts once',
    async (fault) => {
      const grant = userGrant('ada', 'key:usd:hour=1');
      const through = line();
      const { hold } = await reserve(ask(grant, 'r1', usd(100)), faultyKey([fault], through));
      await through.deliver();
      await settle(hold, makeRow(hold, usd(30)), ports);

      expect(await keyCounter(HOUR)).toBe(30n);
      expect(await holdsOf(grant)).toEqual([0, 0]);
    },
  );

  test('that fails is an outage, and nothing stays held', async () => {
    const grant = userGrant('ada', 'key:usd:hour=1');
    const through = line();
    const faults: Fault[] = ['answer-lost', 'dropped', 'dropped'];

    const error = await refusalOf(reserve(ask(grant, 'r1'), faultyKey(faults, through)));

    expect(error.code).toBe('service_unavailable');
    expect(await holdsOf(grant)).toEqual([0, 0]);
    expect(await keyCounter(HOUR)).toBe(0n);
    expect(usage.rows.get(asRequestId('r1'))?.status).toBe('released');
  });

  // guarantee: one-attempt-two-wallets
  test('of an attempt that was given up is undone before the next', async () => {
    const grant = userGrant('ada', 'key:tokens:minute=100');
    const held = await reserve(ask(grant, 'r0', usd(1, 60n)), ports);
    let isFirst = true;
    const odd: Wallets = {
      ...wallets,
      reserve: async (reservation) => {
        const { hold } = reservation;
        if (hold.walletId !== KEY_WALLET || !isFirst) return wallets.reserve(reservation);
        isFirst = false;
        const refused = await wallets.reserve(reservation);
        await settle(held.hold, makeRow(held.hold, usd(1, 0n)), ports);
        await wallets.reserve(reservation); // A second copy of the write arrives when there is room.
        return refused;
      },
    };

    const { hold } = await reserve(ask(grant, 'r1', usd(1, 50n), { afford: () => usd(1, 40n) }), {
      ...ports,
      wallets: odd,
    });
    await settle(hold, makeRow(hold, usd(1, 25n)), ports);

    expect(await keyCounter('tokens:minute:29919600')).toBe(25n);
    expect(await holdsOf(grant)).toEqual([0, 0]);
  });

  // guarantee: payer-hold-returned-on-failure
  test('that is denied leaves nothing held', async () => {
    const grant = userGrant('ada', 'key:usd:hour=1');
    const denied: Wallets = {
      ...wallets,
      reserve: async (reservation) => {
        if (reservation.hold.walletId !== KEY_WALLET) return wallets.reserve(reservation);
        throw new GatewayError('service_unavailable', { transient: false });
      },
    };

    await refusalOf(reserve(ask(grant, 'r1'), { ...ports, wallets: denied }));

    expect(await holdsOf(grant)).toEqual([0, 0]);
    expect(usage.rows.get(asRequestId('r1'))?.status).toBe('released');
  });

  // guarantee: one-amount-two-wallets
  test("holds the payer's amounts when an earlier try of the payer arrives late", async () => {
    const grant = userGrant('ada', 'key:usd:hour=1', 'user:usd:total=0.0000001');
    const other = await reserve(ask(grant, 'r0', usd(60)), ports);
    const through = line();
    let tries = 0;
    const late: Wallets = {
      ...wallets,
      reserve: async (reservation) => {
        if (reservation.hold.walletId === KEY_WALLET) return wallets.reserve(reservation);
        tries += 1;
        if (tries === 1) return through.through('late', () => wallets.reserve(reservation));
        if (tries === 3) {
          await settle(other.hold, makeRow(other.hold, usd(0)), ports);
          await through.deliver();
        }
        return wallets.reserve(reservation);
      },
    };

    const { hold } = await reserve(ask(grant, 'r1', usd(80), { afford: () => usd(40) }), {
      ...ports,
      wallets: late,
    });

    expect([tries, hold.attempt, hold.amounts.usd]).toEqual([3, 1, 80n]);
    expect(hold.inKeyWallet?.amounts.usd).toBe(80n);
    expect(await keyCounter(HOUR)).toBe(80n);
  });
});
