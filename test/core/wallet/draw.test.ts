import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { GatewayError } from '../../../core/base/errors.ts';
import { asRequestId } from '../../../core/base/ids.ts';
import type { Wallets } from '../../../core/wallet/ports.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import type { SettlePorts } from '../../../core/wallet/settle.ts';
import { type Fault, makeFaultyLine } from '../../support/faulty.ts';
import {
  BUDGET,
  budgetUser,
  findSlice,
  LIMIT,
  makePayer,
  POOL,
} from '../../support/key-budget-fixtures.ts';
import { makeMemoryPorts } from '../../support/memory-ports.ts';
import type { MemoryWallets } from '../../support/memory-wallets.ts';
import { bareKeyGrant, type ManualClock, refusalOf, usd } from '../../support/wallet-fixtures.ts';

let clock: ManualClock;
let wallets: MemoryWallets;
let ports: SettlePorts;

beforeEach(() => {
  const made = makeMemoryPorts();
  ({ clock, wallets } = made);
  ports = made;
});

const { hold, pay } = makePayer(() => ports);
const sliceOf = (grant: Grant, name?: string) => findSlice(wallets, grant, name);
const drawn = () => wallets.findDrawn(POOL);

describe('a limit that is changed', () => {
  // guarantee: lowered-limit-recalls
  test('holds at once when it is lowered: idle slices are recalled first', async () => {
    const before = 'key:usd:month=0.001';
    for (const name of ['ada', 'bob', 'eve'])
      await pay(await hold(budgetUser(name, before), usd(1_000)), 100);
    expect(await drawn()).toBeGreaterThan(5_000n);

    await pay(await hold(budgetUser('ada'), usd(600)), 600);
    const error = await refusalOf(hold(budgetUser('ada'), usd(200)));
    await pay(await hold(budgetUser('bob'), usd(100)), 100);

    expect(error.code).toBe('insufficient_quota');
    expect(await drawn()).toBe(LIMIT);
    expect((await refusalOf(hold(budgetUser('ada'), usd(1)))).code).toBe('insufficient_quota');
    expect((await refusalOf(hold(budgetUser('eve'), usd(1)))).code).toBe('insufficient_quota');
  });

  test('lowers a request that needs more than the lower limit leaves', async () => {
    await pay(await hold(budgetUser('ada', 'key:usd:month=0.001'), usd(1_000)), 100);
    expect(await sliceOf(budgetUser('ada'))).toMatchObject({ left: 1_900n });
    const afford = ({ usd: left = usd(0).usd }) => usd(left);

    const { amounts } = await hold(budgetUser('ada'), usd(1_500), { afford });

    expect([amounts.usd, await drawn()]).toEqual([900n, LIMIT]);
  });

  test('refuses when it is lowered below what is spent', async () => {
    await pay(await hold(budgetUser('ada', 'key:usd:month=0.001'), usd(2_000)), 2_000);

    const error = await refusalOf(hold(bareKeyGrant(BUDGET), usd(1)));

    expect(error.facts.limit).toMatchObject({ limitValue: 0.000001, used: 0.000002 });
  });

  // guarantee: lowered-limit-blocks-slices
  test('lets idle slices be spent under a lower limit that has room for them', async () => {
    await pay(await hold(budgetUser('ada', 'key:usd:month=1'), usd(10)), 10);
    const before = await sliceOf(budgetUser('ada'));
    await pay(await hold(budgetUser('ada'), usd(10)), 10);

    expect(before).toMatchObject({ left: 150n, limit: 1_000_000_000n });
    expect(await sliceOf(budgetUser('ada'))).toMatchObject({ left: 140n, limit: 1_000n });
  });

  test('gives room at once when it is raised', async () => {
    await pay(await hold(budgetUser('ada'), usd(1_000)), 1_000);

    await expect(hold(budgetUser('ada', 'key:usd:month=0.002'), usd(1_000))).resolves.toBeDefined();
  });
});

describe('a draw', () => {
  const failing = (faults: Fault[], line = lostLine()): Wallets => ({
    ...wallets,
    draw: (draw) => line.through(faults.shift() ?? 'none', () => wallets.draw(draw)),
    recall: (recall) => line.through(faults.shift() ?? 'none', () => wallets.recall(recall)),
  });
  const lostLine = () =>
    makeFaultyLine(() => new GatewayError('service_unavailable', { transient: true }));

  test.each<[Fault]>([['dropped'], ['answer-lost'], ['late']])(
    'that is %s is repeated, and moves money once',
    async (fault) => {
      const line = lostLine();
      const steady = ports;
      ports = { ...ports, wallets: failing([fault], line) };
      const open = await hold(budgetUser('ada'), usd(100));
      await line.deliver();
      ports = steady;
      await pay(open, 100);

      expect(await drawn()).toBe(100n);
      expect((await sliceOf(budgetUser('ada')))?.left).toBe(0n);
    },
  );

  // guarantee: draw-tries-max
  test('that conflicts with others is tried eight times, with growing waits', async () => {
    const faults = Array.from({ length: 7 }, (): Fault => 'dropped');
    ports = { ...ports, wallets: failing(faults) };

    await expect(hold(budgetUser('ada'), usd(100))).resolves.toBeDefined();
    expect(clock.sleptMs).toEqual([15, 20, 40, 80, 160, 320, 500, 500]);
  });

  test('that never succeeds is an outage, and nothing is held', async () => {
    const faults = Array.from({ length: 99 }, (): Fault => 'dropped');
    ports = { ...ports, wallets: failing(faults) };

    expect((await refusalOf(hold(budgetUser('ada'), usd(100)))).code).toBe('service_unavailable');
    expect(await drawn()).toBe(0n);
    expect(faults).toHaveLength(91);
  });

  test.each<[Fault]>([['answer-lost'], ['dropped'], ['late']])(
    'follows a recall that was %s',
    async (fault) => {
      await pay(await hold(budgetUser('ada'), usd(900)), 0);
      const line = lostLine();
      ports = { ...ports, wallets: failing([fault], line) };

      const open = await hold(budgetUser('bob'), usd(1_000));
      await line.deliver();

      expect(open.amounts.usd).toBe(1_000n);
      expect(await drawn()).toBe(1_000n);
    },
  );

  // guarantee: supplies-max
  test('gives up when others recall its money each time before it is held', async () => {
    let draws = 0;
    const thief: Wallets = {
      ...wallets,
      draw: async (draw) => {
        draws += 1;
        const move = await wallets.draw(draw);
        const { walletId, name, poolId } = draw;
        const slice = (await wallets.find(walletId))?.slices.get(name);
        const amount = slice?.left ?? 0n;
        await wallets.recall({
          poolId,
          walletId,
          name,
          amount,
          seenOut: slice?.recalledOut ?? 0n,
        });
        const all = { amounts: usd(LIMIT), leaseEndsAtMs: clock.nowMs() + 900_000 };
        const others = { grant: budgetUser('bob'), requestId: asRequestId('bob'), ...all };
        if (draws === 20) await reserve(others, { ...ports, wallets });
        return move;
      },
    };
    ports = { ...ports, wallets: thief };

    const error = await refusalOf(hold(budgetUser('ada'), usd(100)));

    expect([error.code, draws]).toEqual(['budget_in_use', 8]);
  });

  // guarantee: draw-rounds-max
  test('refuses with "in use", not "gone", when every idle slice is spent meanwhile', async () => {
    await pay(await hold(budgetUser('bob'), usd(1_000)), 0);
    let recalls = 0;
    const recall = async () => {
      recalls += 1;
      return { kind: 'wallet-changed', writeUnits: 4 } as const;
    };
    ports = { ...ports, wallets: { ...wallets, recall } };

    const error = await refusalOf(hold(budgetUser('ada'), usd(100)));

    expect(error.code).toBe('budget_in_use');
    expect(recalls).toBe(6);
  });
});
