import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import type { Wallets } from '../../../core/wallet/ports.ts';
import type { SettlePorts } from '../../../core/wallet/settle.ts';
import { makeSeededFraction } from '../../support/faulty.ts';
import {
  budgetUser,
  findSlice,
  LIMIT,
  makePayer,
  POOL,
} from '../../support/key-budget-fixtures.ts';
import { makeMemoryPorts } from '../../support/memory-ports.ts';
import type { MemoryWallets } from '../../support/memory-wallets.ts';
import {
  fixedRandom,
  type ManualClock,
  makeGrant,
  refusalOf,
  usd,
} from '../../support/wallet-fixtures.ts';

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

describe('idle money of other wallets', () => {
  test('is recalled when the pool has not enough', async () => {
    const [ada, bob] = [budgetUser('ada'), budgetUser('bob')];
    await pay(await hold(ada, usd(900)), 100);

    await pay(await hold(bob, usd(850)), 850);

    expect(await sliceOf(ada)).toMatchObject({ left: 0n, drawnIn: 900n, recalledOut: 800n });
    expect(await drawn()).toBe(950n);
  });

  test('is recalled from as many wallets as needed, to the last unit of the budget', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `u${index}`);
    for (const name of names) await pay(await hold(budgetUser(name), usd(100)), 10);

    await pay(await hold(budgetUser('last'), usd(900)), 900);
    const error = await refusalOf(hold(budgetUser('none'), usd(1)));

    expect(await drawn()).toBe(LIMIT);
    expect(error.code).toBe('insufficient_quota');
  });

  test('is recalled to the last unit for a request that needs too much and then takes less', async () => {
    await pay(await hold(budgetUser('ada'), usd(900)), 100);
    const afford = ({ usd: left = usd(0).usd }) => usd(left);

    const open = await hold(budgetUser('bob'), usd(5_000), { afford });

    expect(open.amounts.usd).toBe(900n);
    expect(await drawn()).toBe(LIMIT);
  });

  // guarantee: recall-from-the-fullest
  test('is recalled from the fullest wallets first, and from no more than needed', async () => {
    for (const [name, held, cost] of [
      ['ada', 200, 100],
      ['eve', 700, 0],
      ['kim', 100, 0],
    ] as const) {
      await pay(await hold(budgetUser(name), usd(held)), cost);
    }

    await pay(await hold(budgetUser('bob'), usd(500)), 500);

    const recalled = [];
    for (const name of ['ada', 'eve', 'kim']) {
      recalled.push((await sliceOf(budgetUser(name)))?.recalledOut);
    }
    expect(recalled).toEqual([0n, 700n, 0n]);
    expect(await drawn()).toBe(800n);
  });

  // guarantee: empty-wallets-hidden
  test('leaves the index when a wallet has nothing left', async () => {
    for (let index = 0; index < 30; index += 1) {
      await pay(await hold(budgetUser(`u${index}`), usd(30)), 30);
    }
    await pay(await hold(budgetUser('big'), usd(100)), 100);
    await refusalOf(hold(budgetUser('none'), usd(1)));

    expect(await wallets.findHolders(makeGrant([]).keyId, 'k#', 100)).toEqual([]);
  });

  test('of a month that has ended keeps no wallet in the index', async () => {
    await pay(await hold(budgetUser('ada'), usd(900)), 100);
    clock.advance(Date.parse('2026-12-01T00:30:00Z') - clock.nowMs());
    await pay(await hold(budgetUser('bob'), usd(1_000)), 1_000);
    await refusalOf(hold(budgetUser('eve'), usd(1)));

    expect(await sliceOf(budgetUser('ada'))).toMatchObject({ left: 800n });
    expect(await wallets.findHolders(makeGrant([]).keyId, 'k#', 100)).toEqual([]);
  });

  /** Wallets with two requests in flight each, and nothing left. */
  const keepBusy = async (limit: string, wallets: number): Promise<void> => {
    for (let index = 0; index < wallets; index += 1) {
      await hold(budgetUser(`u${index}`, limit), usd(100));
      await hold(budgetUser(`u${index}`, limit), usd(100));
    }
  };

  // guarantee: recall-wraps-around
  test('is found behind more busy wallets than one search reads', async () => {
    const limit = 'key:usd:month=0.0000301';
    await keepBusy(limit, 150);
    await pay(await hold(budgetUser('spare', limit), usd(100)), 0);
    const inSight = await wallets.findHolders(makeGrant([]).keyId, 'k#', 1_000);
    expect(inSight.indexOf(walletIdOf(budgetUser('spare')))).toBe(69);
    const draw = makeSeededFraction(7);
    ports = { ...ports, random: { ...fixedRandom, fraction: draw } };
    let tries = 0;
    for (; tries < 100; tries += 1) {
      const served = await hold(budgetUser('late', limit), usd(100)).catch(() => undefined);
      if (served !== undefined) break;
    }

    expect(tries).toBeLessThan(20);
  });

  // guarantee: recall-looks-far
  test('is gone, not in use, when all wallets of a search are in the index only for another budget', async () => {
    const limits = ['key:usd:month=0.00001', 'key:requests:month=100000'];
    for (let index = 0; index < 200; index += 1) {
      await pay(await hold(budgetUser(`u${index}`, ...limits), usd(50)), 50);
    }
    let reads = 0;
    const counting: Wallets = {
      ...wallets,
      findAll: (ids) => {
        reads += 1;
        return wallets.findAll(ids);
      },
    };
    ports = { ...ports, wallets: counting };

    const error = await refusalOf(hold(budgetUser('late', ...limits), usd(1)));

    expect([error.code, error.facts.limit?.unit]).toEqual(['insufficient_quota', 'usd']);
    expect(reads).toBeLessThan(9);
  });

  // guarantee: recall-reads-max
  test('is in use, not gone, while not all wallets were read', async () => {
    const limit = 'key:usd:month=0.00003';
    await keepBusy(limit, 150);
    let reads = 0;
    let retired = 0;
    const counting: Wallets = {
      ...wallets,
      findAll: (ids) => {
        reads += 1;
        return wallets.findAll(ids);
      },
      retire: (...retire) => {
        retired += 1;
        return wallets.retire(...retire);
      },
    };
    ports = { ...ports, wallets: counting };

    expect((await refusalOf(hold(budgetUser('late', limit), usd(1)))).code).toBe('budget_in_use');
    expect([reads, retired]).toEqual([3, 0]);
    expect((await refusalOf(hold(budgetUser('late', limit), usd(30_001)))).code).toBe(
      'insufficient_quota',
    );
  });
});

// guarantee: unread-may-return
describe('idle money of a wallet that could not be read', () => {
  test('is in use, not gone', async () => {
    await pay(await hold(budgetUser('ada'), usd(1_000)), 1_000);
    ports = { ...ports, wallets: { ...wallets, findAll: async () => [] } };

    expect((await refusalOf(hold(budgetUser('bob'), usd(1)))).code).toBe('budget_in_use');
  });
});

describe('requests of 100 wallets', () => {
  test.each([
    ['500', 'that cost half of what they hold', 5_000_000, 50],
    ['500', 'that cost what they hold', 10_000_000, 100],
    // 2,000 requests of half a cent: it is spent to the last.
    ['10', 'that spend all of it', 5_000_000, 484],
  ])(
    'on a budget of %s dollars, %s, write its pool this often in 1,000',
    async (budget, _how, cost, writes) => {
      let moves = 0;
      const counting: Wallets = {
        ...wallets,
        draw: (draw) => {
          moves += 1;
          return wallets.draw(draw);
        },
        recall: (recall) => {
          moves += 1;
          return wallets.recall(recall);
        },
      };
      ports = { ...ports, wallets: counting };
      let served = 0;
      for (let at = 0; at < 2_000; at += 1) {
        const grant = budgetUser(`u${at % 100}`, `key:usd:month=${budget}`);
        const open = await hold(grant, usd(10_000_000)).catch(() => undefined);
        if (open === undefined) continue;
        served += 1;
        await pay(open, cost);
      }

      expect(served).toBeGreaterThan(1_990);
      expect(Math.round((moves * 1_000) / served)).toBe(writes);
    },
  );
});

describe('a thousand wallets on a fresh budget', () => {
  // guarantee: slice-size
  test('are all served, because 500 dollars are drawn in small parts', async () => {
    const limit = 'key:usd:month=500';
    const holds = [];
    for (let index = 0; index < 1_000; index += 1) {
      holds.push(await hold(budgetUser(`u${index}`, limit), usd(50_000_000)));
    }

    expect(holds).toHaveLength(1_000);
    expect(await drawn()).toBeLessThan(130_000_000_000n);
  });

  test('are all served one request each by a budget of that many requests', async () => {
    for (let index = 0; index < 1_000; index += 1) {
      await pay(await hold(budgetUser(`u${index}`), usd(1)), 1);
    }

    const error = await refusalOf(hold(budgetUser('one more'), usd(1)));

    expect(await drawn()).toBe(LIMIT);
    expect(error.code).toMatch(/insufficient_quota|budget_in_use/);
  });
});
