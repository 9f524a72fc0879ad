import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { GatewayError } from '../../../core/base/errors.ts';
import { asPoolId, asRequestId } from '../../../core/base/ids.ts';
import { sweep } from '../../../core/sweep.ts';
import type { Amounts } from '../../../core/wallet/hold.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import type { Wallets } from '../../../core/wallet/ports.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import type { ReserveRequest } from '../../../core/wallet/reserve-plan.ts';
import { type SettlePorts, settle } from '../../../core/wallet/settle.ts';
import type { OpenHold } from '../../../core/wallet/wallet.ts';
import { type Fault, makeFaultyLine, makeSeededFraction } from '../../support/faulty.ts';
import { type MemoryUsage, makeMemoryUsage } from '../../support/memory-usage.ts';
import { type MemoryWallets, makeMemoryWallets } from '../../support/memory-wallets.ts';
import {
  fixedRandom,
  type ManualClock,
  makeGrant,
  makeManualClock,
  makeRow,
  usd,
} from '../../support/wallet-fixtures.ts';

const POOL = asPoolId('pool#k#usd:month:2026-11');
const MONTH = 'usd:month:2026-11';
const BUDGET = 'key:usd:month=0.000001';
const LIMIT = 1_000n;

let clock: ManualClock;
let wallets: MemoryWallets;
let usage: MemoryUsage;
let ports: SettlePorts;

beforeEach(() => {
  clock = makeManualClock();
  wallets = makeMemoryWallets();
  usage = makeMemoryUsage();
  ports = { wallets, usage, clock, random: fixedRandom };
});

const user = (name: string, ...limits: string[]): Grant =>
  makeGrant(limits.length === 0 ? [BUDGET] : limits, {
    identity: { source: 'token', issuer: '', id: name },
  });
const bareKey = (...limits: string[]): Grant => {
  const { token: _token, identity: _identity, ...grant } = makeGrant(limits);
  return { ...grant, credential: 'key' };
};
let count = 0;
const hold = async (grant: Grant, amounts: Amounts, more: Partial<ReserveRequest> = {}) => {
  count += 1;
  const requestId = asRequestId(`r${count}`);
  const leaseEndsAtMs = clock.nowMs() + 900_000;
  return (await reserve({ grant, requestId, amounts, leaseEndsAtMs, ...more }, ports)).hold;
};
const pay = (open: OpenHold, cost: number, tokens = 0n) =>
  settle(open, makeRow(open, usd(cost, tokens)), ports);
async function refusalOf(promise: Promise<unknown>): Promise<GatewayError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof GatewayError)) throw new TypeError('expected a refusal');
  return error;
}
const sliceOf = async (grant: Grant, name = MONTH) =>
  (await wallets.find(walletIdOf(grant)))?.slices.get(name);
const drawn = () => wallets.findDrawn(POOL);

describe('a budget of the whole key', () => {
  test('is drawn in slices, and spent of them in the one write of the reserve', async () => {
    const ada = user('ada', 'key:usd:month=1');
    const first = await hold(ada, usd(1_000));
    const outcome = await reserve(
      { grant: ada, requestId: asRequestId('second'), amounts: usd(1_000), leaseEndsAtMs: 1 },
      ports,
    );

    expect(await drawn()).toBe(16_000n);
    expect(await sliceOf(ada)).toEqual({
      left: 14_000n,
      drawnIn: 16_000n,
      recalledOut: 0n,
      limit: 1_000_000_000n,
    });
    expect(first.counted).toContainEqual({ per: 'key', unit: 'usd', window: 'month' });
    expect([outcome.writeUnits, outcome.limits]).toEqual([1, []]);
  });

  // guarantee: first-draw-shared
  test('is drawn once for requests of one payer that start together', async () => {
    const ada = user('ada', 'key:usd:month=1');
    const fractions = [0, 0.3, 0.6, 0.9];
    const waiting = new Map<number, () => void>();
    const draws: bigint[] = [];
    ports = {
      ...ports,
      wallets: {
        ...wallets,
        draw: (draw) => {
          draws.push(draw.amount);
          return wallets.draw(draw);
        },
      },
      random: { uuid: () => 'fixed', fraction: () => fractions.shift() ?? 0.5 },
      clock: {
        nowMs: () => clock.nowMs(),
        sleep: (durationMs) => new Promise((resolve) => waiting.set(durationMs, resolve)),
      },
    };
    const holds = Array.from({ length: 4 }, () => hold(ada, usd(1_000)));
    // Time goes by: each wakes when its wait is over, and what it does is done before the next one wakes.
    for (const durationMs of [0, 9, 18, 27]) {
      while (!waiting.has(durationMs)) await new Promise(setImmediate);
      waiting.get(durationMs)?.();
      await new Promise(setImmediate);
    }
    await Promise.all(holds);

    expect(draws).toEqual([16_000n]);
    expect((await sliceOf(ada))?.left).toBe(12_000n);
  });

  test('gets back what a request did not use, in its slice', async () => {
    const ada = user('ada', 'key:usd:month=1');
    await pay(await hold(ada, usd(1_000)), 400);

    expect((await sliceOf(ada))?.left).toBe(15_600n);
  });

  test('is shared by users, tokens and the plain key', async () => {
    const { identity: _identity, ...token } = makeGrant([BUDGET]);
    for (const grant of [user('ada'), token, bareKey(BUDGET)]) {
      await pay(await hold(grant, usd(300)), 300);
    }

    const error = await refusalOf(hold(user('bob'), usd(101)));
    await pay(await hold(user('bob'), usd(100)), 100);

    expect(error.code).toBe('insufficient_quota');
    expect(await drawn()).toBe(LIMIT);
  });

  // guarantee: key-figures-for-server-keys
  test('that is spent is 402, with the figures for a bare server key only', async () => {
    await pay(await hold(user('ada'), usd(1_000)), 1_000);

    const bob = await refusalOf(hold(user('bob'), usd(1)));
    const key = await refusalOf(hold(bareKey(BUDGET), usd(1)));

    expect([bob.code, key.code]).toEqual(['insufficient_quota', 'insufficient_quota']);
    expect(bob.facts.limit).toEqual({
      per: 'key',
      unit: 'usd',
      window: 'month',
      resetsAtMs: Date.parse('2026-12-01T00:00:00Z'),
    });
    expect(key.facts.limit).toMatchObject({ limitValue: 0.000001, used: 0.000001, reserved: 0 });
  });

  test('that others hold is 429 with a short wait', async () => {
    await hold(user('ada'), usd(600));
    await pay(await hold(user('eve'), usd(300)), 300);

    const error = await refusalOf(hold(bareKey(BUDGET), usd(500)));
    const never = await refusalOf(hold(bareKey(BUDGET), usd(701)));

    expect([error.code, error.facts.retryAfterSeconds]).toEqual(['budget_in_use', 3]);
    expect(error.facts.limit).toMatchObject({ used: 0.0000009, reserved: 0.0000006 });
    expect(never.code).toBe('insufficient_quota');
  });

  // guarantee: idle-is-reserved
  test('tells what lies idle in the wallet itself as used and as reserved', async () => {
    await pay(await hold(user('bob'), usd(700)), 700);
    await pay(await hold(bareKey(BUDGET), usd(300)), 200);

    const error = await refusalOf(hold(bareKey(BUDGET), usd(500)));

    expect(error.facts.limit).toMatchObject({ used: 0.000001, reserved: 0.0000001 });
  });

  test.each([
    ['key:requests:day=1', usd(1, 1n)],
    ['key:tokens:week=100', usd(1, 100n)],
  ])('of %s is a rate that is exceeded', async (limit, amounts) => {
    await hold(user('ada', limit), amounts);

    const error = await refusalOf(hold(user('bob', limit), amounts));

    expect([error.code, error.facts.retryAfterSeconds]).toEqual(['rate_limit_exceeded', undefined]);
    expect(error.facts.limit?.per).toBe('key');
  });

  test('is named after the limits of the user, and before a rate of the key', async () => {
    const limits = [BUDGET, 'key:requests:minute=1'];
    await pay(await hold(bareKey(...limits), usd(1_000)), 1_000);
    const own = user('ada', ...limits, 'user:requests:minute=1');

    const byKey = await refusalOf(hold(bareKey(...limits), usd(1)));
    const byBudget = await refusalOf(hold(own, usd(1)));
    const byUser = await refusalOf(hold(user('ada', BUDGET, 'user:usd:total=0.000000001'), usd(2)));

    expect(byKey.facts.limit).toMatchObject({ per: 'key', window: 'month' });
    expect(byBudget.facts.limit).toMatchObject({ per: 'key', window: 'month' });
    expect(byUser.facts.limit).toMatchObject({ per: 'user', window: 'total' });
  });

  test('of several, the one is named that resets last', async () => {
    const limits = ['key:usd:day=0.000001', 'key:usd:total=0.000001', BUDGET];
    await pay(await hold(user('ada', ...limits), usd(1_000)), 1_000);

    const error = await refusalOf(hold(user('bob', ...limits), usd(1)));

    expect(error.facts.limit?.window).toBe('total');
  });

  test('gives nothing to a request above it, which would keep it from others for nothing', async () => {
    const error = await refusalOf(hold(user('ada'), usd(1_001)));

    expect(error.code).toBe('insufficient_quota');
    expect([await drawn(), await sliceOf(user('ada'))]).toEqual([0n, undefined]);
  });

  test('affords what lies idle in the wallet itself, when others have spent the rest', async () => {
    await pay(await hold(user('bob'), usd(700)), 700);
    await pay(await hold(user('ada'), usd(300)), 0);
    const afford = ({ usd: left = usd(0).usd }) => (left === 0n ? undefined : usd(left));

    const { amounts } = await hold(user('ada'), usd(500), { afford });

    expect(amounts.usd).toBe(300n);
  });

  test('lets a request that costs nothing pass when it is spent', async () => {
    await pay(await hold(user('ada'), usd(1_000)), 1_000);

    await expect(hold(user('bob'), usd(0))).resolves.toBeDefined();
  });

  test('begins anew with the next month, by itself', async () => {
    await pay(await hold(user('ada'), usd(1_000)), 1_000);
    clock.advance(11 * 86_400_000);

    await pay(await hold(user('ada'), usd(1_000)), 1_000);

    expect(await wallets.findDrawn(asPoolId('pool#k#usd:month:2026-12'))).toBe(1_000n);
    expect(await sliceOf(user('ada'))).toBeUndefined();
  });

  test('settles into the month that it was held in', async () => {
    const open = await hold(user('ada'), usd(500));
    clock.advance(Date.parse('2026-12-01T00:00:01Z') - clock.nowMs());
    await pay(open, 200);

    expect(await sliceOf(user('ada'))).toMatchObject({ left: 300n, drawnIn: 500n });
    expect(await sliceOf(user('ada'), 'usd:month:2026-12')).toBeUndefined();
  });
});

describe('what lies idle elsewhere', () => {
  test('is recalled when the pool has not enough', async () => {
    const [ada, bob] = [user('ada'), user('bob')];
    await pay(await hold(ada, usd(900)), 100);

    await pay(await hold(bob, usd(850)), 850);

    expect(await sliceOf(ada)).toMatchObject({ left: 0n, drawnIn: 900n, recalledOut: 800n });
    expect(await drawn()).toBe(950n);
  });

  test('is recalled of as many wallets as it takes, to the last of the budget', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `u${index}`);
    for (const name of names) await pay(await hold(user(name), usd(100)), 10);

    await pay(await hold(user('last'), usd(900)), 900);
    const error = await refusalOf(hold(user('none'), usd(1)));

    expect(await drawn()).toBe(LIMIT);
    expect(error.code).toBe('insufficient_quota');
  });

  test('is recalled to the last for a request that asks too much, which then takes less', async () => {
    await pay(await hold(user('ada'), usd(900)), 100);
    const afford = ({ usd: left = usd(0).usd }) => usd(left);

    const open = await hold(user('bob'), usd(5_000), { afford });

    expect(open.amounts.usd).toBe(900n);
    expect(await drawn()).toBe(LIMIT);
  });

  // guarantee: recall-from-the-fullest
  test('is recalled of whom has most, and of no more wallets than it takes', async () => {
    for (const [name, held, cost] of [
      ['ada', 200, 100],
      ['eve', 700, 0],
      ['kim', 100, 0],
    ] as const) {
      await pay(await hold(user(name), usd(held)), cost);
    }

    await pay(await hold(user('bob'), usd(500)), 500);

    const recalled = [];
    for (const name of ['ada', 'eve', 'kim']) {
      recalled.push((await sliceOf(user(name)))?.recalledOut);
    }
    expect(recalled).toEqual([0n, 700n, 0n]);
    expect(await drawn()).toBe(800n);
  });

  // guarantee: empty-wallets-hidden
  test('lets wallets with nothing left out of sight', async () => {
    for (let index = 0; index < 30; index += 1) {
      await pay(await hold(user(`u${index}`), usd(30)), 30);
    }
    await pay(await hold(user('big'), usd(100)), 100);
    await refusalOf(hold(user('none'), usd(1)));

    expect(await wallets.findHolders(makeGrant([]).keyId, 'k#', 100)).toEqual([]);
  });

  test('of a month that has ended keeps no wallet in sight', async () => {
    await pay(await hold(user('ada'), usd(900)), 100);
    clock.advance(Date.parse('2026-12-01T00:30:00Z') - clock.nowMs());
    await pay(await hold(user('bob'), usd(1_000)), 1_000);
    await refusalOf(hold(user('eve'), usd(1)));

    expect(await sliceOf(user('ada'))).toMatchObject({ left: 800n });
    expect(await wallets.findHolders(makeGrant([]).keyId, 'k#', 100)).toEqual([]);
  });

  /** Wallets with two requests in flight each, and nothing left. */
  const keepBusy = async (limit: string, wallets: number): Promise<void> => {
    for (let index = 0; index < wallets; index += 1) {
      await hold(user(`u${index}`, limit), usd(100));
      await hold(user(`u${index}`, limit), usd(100));
    }
  };

  // guarantee: recall-wraps-around
  test('is found behind more wallets that are busy than one look takes', async () => {
    const limit = 'key:usd:month=0.0000301';
    await keepBusy(limit, 150);
    await pay(await hold(user('spare', limit), usd(100)), 0);
    const inSight = await wallets.findHolders(makeGrant([]).keyId, 'k#', 1_000);
    expect(inSight.indexOf(walletIdOf(user('spare')))).toBe(69);
    const draw = makeSeededFraction(7);
    ports = { ...ports, random: { ...fixedRandom, fraction: draw } };
    let tries = 0;
    for (; tries < 100; tries += 1) {
      const served = await hold(user('late', limit), usd(100)).catch(() => undefined);
      if (served !== undefined) break;
    }

    expect(tries).toBeLessThan(20);
  });

  // guarantee: recall-looks-far
  test('is gone, not in use, when more wallets than one look takes are in sight for another budget alone', async () => {
    const limits = ['key:usd:month=0.00001', 'key:requests:month=100000'];
    for (let index = 0; index < 200; index += 1) {
      await pay(await hold(user(`u${index}`, ...limits), usd(50)), 50);
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

    const error = await refusalOf(hold(user('late', ...limits), usd(1)));

    expect([error.code, error.facts.limit?.unit]).toEqual(['insufficient_quota', 'usd']);
    expect(reads).toBeLessThan(9);
  });

  // guarantee: recall-reads-max
  test('is in use, not gone, while not all could be seen', async () => {
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

    expect((await refusalOf(hold(user('late', limit), usd(1)))).code).toBe('budget_in_use');
    expect([reads, retired]).toEqual([3, 0]);
    expect((await refusalOf(hold(user('late', limit), usd(30_001)))).code).toBe(
      'insufficient_quota',
    );
  });
});

// guarantee: unread-may-return
describe('what lies idle in a wallet that could not be read', () => {
  test('is in use, not gone', async () => {
    await pay(await hold(user('ada'), usd(1_000)), 1_000);
    ports = { ...ports, wallets: { ...wallets, findAll: async () => [] } };

    expect((await refusalOf(hold(user('bob'), usd(1)))).code).toBe('budget_in_use');
  });
});

describe('requests of 100 wallets', () => {
  test.each([
    ['500', 'that cost half of what they hold', 5_000_000, 50],
    ['500', 'that cost what they hold', 10_000_000, 100],
    // 2,000 requests of half a cent: it is spent to the last.
    ['10', 'that spend all of it', 5_000_000, 484],
  ])(
    'on a budget of %s dollars, %s, write its pool that often in 1,000',
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
        const grant = user(`u${at % 100}`, `key:usd:month=${budget}`);
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
  test('are all served: 500 dollars are drawn in parts', async () => {
    const limit = 'key:usd:month=500';
    const holds = [];
    for (let index = 0; index < 1_000; index += 1) {
      holds.push(await hold(user(`u${index}`, limit), usd(50_000_000)));
    }

    expect(holds).toHaveLength(1_000);
    expect(await drawn()).toBeLessThan(130_000_000_000n);
  });

  test('are all served, one request each, by a budget of just as many', async () => {
    for (let index = 0; index < 1_000; index += 1) {
      await pay(await hold(user(`u${index}`), usd(1)), 1);
    }

    const error = await refusalOf(hold(user('one more'), usd(1)));

    expect(await drawn()).toBe(LIMIT);
    expect(error.code).toMatch(/insufficient_quota|budget_in_use/);
  }, 30_000);
});

describe('a limit that is changed', () => {
  // guarantee: lowered-limit-recalls
  test('holds at once when it is lowered: idle slices are recalled first', async () => {
    const before = 'key:usd:month=0.001';
    for (const name of ['ada', 'bob', 'eve'])
      await pay(await hold(user(name, before), usd(1_000)), 100);
    expect(await drawn()).toBeGreaterThan(5_000n);

    await pay(await hold(user('ada'), usd(600)), 600);
    const error = await refusalOf(hold(user('ada'), usd(200)));
    await pay(await hold(user('bob'), usd(100)), 100);

    expect(error.code).toBe('insufficient_quota');
    expect(await drawn()).toBe(LIMIT);
    expect((await refusalOf(hold(user('ada'), usd(1)))).code).toBe('insufficient_quota');
    expect((await refusalOf(hold(user('eve'), usd(1)))).code).toBe('insufficient_quota');
  });

  test('affords what is left of the lower limit to one who asks for more than that', async () => {
    await pay(await hold(user('ada', 'key:usd:month=0.001'), usd(1_000)), 100);
    expect(await sliceOf(user('ada'))).toMatchObject({ left: 1_900n });
    const afford = ({ usd: left = usd(0).usd }) => usd(left);

    const { amounts } = await hold(user('ada'), usd(1_500), { afford });

    expect([amounts.usd, await drawn()]).toEqual([900n, LIMIT]);
  });

  test('refuses when it is lowered below what is spent', async () => {
    await pay(await hold(user('ada', 'key:usd:month=0.001'), usd(2_000)), 2_000);

    const error = await refusalOf(hold(bareKey(BUDGET), usd(1)));

    expect(error.facts.limit).toMatchObject({ limitValue: 0.000001, used: 0.000002 });
  });

  // guarantee: lowered-limit-blocks-slices
  test('lets idle slices be spent on within a lower limit that has room for them', async () => {
    await pay(await hold(user('ada', 'key:usd:month=1'), usd(10)), 10);
    const before = await sliceOf(user('ada'));
    await pay(await hold(user('ada'), usd(10)), 10);

    expect(before).toMatchObject({ left: 150n, limit: 1_000_000_000n });
    expect(await sliceOf(user('ada'))).toMatchObject({ left: 140n, limit: 1_000n });
  });

  test('gives room at once when it is raised', async () => {
    await pay(await hold(user('ada'), usd(1_000)), 1_000);

    await expect(hold(user('ada', 'key:usd:month=0.002'), usd(1_000))).resolves.toBeDefined();
  });
});

describe('what is billed beyond a hold', () => {
  // guarantee: overrun-drawn
  test('is drawn of the pool, and seen by the next reserve of anyone', async () => {
    await pay(await hold(user('ada'), usd(900)), 950);

    expect(await drawn()).toBe(950n);
    expect(await sliceOf(user('ada'))).toMatchObject({ left: 0n, drawnIn: 950n });
    expect((await refusalOf(hold(user('bob'), usd(51)))).code).toBe('insufficient_quota');
    await expect(hold(user('bob'), usd(50))).resolves.toBeDefined();
  });

  test('passes the limit, by what was billed and no more', async () => {
    await pay(await hold(user('ada'), usd(1_000)), 1_300);

    expect(await drawn()).toBe(1_300n);
    expect((await refusalOf(hold(bareKey(BUDGET), usd(1)))).facts.limit).toMatchObject({
      used: 0.0000013,
      reserved: 0,
    });
  });

  test('is drawn by the wallet itself when the pool was out of reach', async () => {
    const open = await hold(user('ada'), usd(100));
    const deaf: Wallets = {
      ...wallets,
      draw: async () => {
        throw new GatewayError('service_unavailable', { transient: true });
      },
    };
    const outcome = await settle(open, makeRow(open, usd(150)), { ...ports, wallets: deaf });

    expect(outcome.settled).toBe(true);
    expect(await sliceOf(user('ada'))).toMatchObject({ left: -50n });
    await hold(user('ada'), usd(10));
    expect(await drawn()).toBe(170n);
  });
});

describe('a request that dies', () => {
  test('keeps its hold until it is swept, at the whole amount', async () => {
    await hold(user('ada'), usd(800));
    expect((await refusalOf(hold(user('bob'), usd(300)))).code).toBe('budget_in_use');
    clock.advance(1_000_000);

    await sweep(ports, { shards: 4, deadlineAtMs: clock.nowMs() + 60_000 });

    expect((await refusalOf(hold(user('bob'), usd(300)))).code).toBe('insufficient_quota');
    expect((await wallets.find(walletIdOf(user('ada'))))?.holds.size).toBe(0);
  });

  test('that is swept in the next month is closed in its own', async () => {
    await hold(user('ada'), usd(800));
    clock.advance(Date.parse('2026-12-01T00:10:00Z') - clock.nowMs());
    await sweep(ports, { shards: 4, deadlineAtMs: clock.nowMs() + 60_000 });

    expect(await sliceOf(user('ada'))).toMatchObject({ left: 0n, drawnIn: 800n });
  });

  // guarantee: old-slice-not-credited
  test('that is swept long after loses its slice with it', async () => {
    await hold(user('ada'), usd(800));
    clock.advance(Date.parse('2026-12-01T01:00:00Z') - clock.nowMs());
    await sweep(ports, { shards: 4, deadlineAtMs: clock.nowMs() + 60_000 });

    expect(await sliceOf(user('ada'))).toBeUndefined();
    expect(await drawn()).toBe(800n);
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
    'that is %s is made again, and once in all',
    async (fault) => {
      const line = lostLine();
      const steady = ports;
      ports = { ...ports, wallets: failing([fault], line) };
      const open = await hold(user('ada'), usd(100));
      await line.deliver();
      ports = steady;
      await pay(open, 100);

      expect(await drawn()).toBe(100n);
      expect((await sliceOf(user('ada')))?.left).toBe(0n);
    },
  );

  // guarantee: draw-tries-max
  test('that meets others is tried again, eight times, with growing waits', async () => {
    const faults = Array.from({ length: 7 }, (): Fault => 'dropped');
    ports = { ...ports, wallets: failing(faults) };

    await expect(hold(user('ada'), usd(100))).resolves.toBeDefined();
    expect(clock.sleptMs).toEqual([15, 20, 40, 80, 160, 320, 500, 500]);
  });

  test('that never gets through is an outage, and nothing is held', async () => {
    const faults = Array.from({ length: 99 }, (): Fault => 'dropped');
    ports = { ...ports, wallets: failing(faults) };

    expect((await refusalOf(hold(user('ada'), usd(100)))).code).toBe('service_unavailable');
    expect(await drawn()).toBe(0n);
    expect(faults).toHaveLength(91);
  });

  test.each<[Fault]>([['answer-lost'], ['dropped'], ['late']])(
    'comes after a recall that was %s',
    async (fault) => {
      await pay(await hold(user('ada'), usd(900)), 0);
      const line = lostLine();
      ports = { ...ports, wallets: failing([fault], line) };

      const open = await hold(user('bob'), usd(1_000));
      await line.deliver();

      expect(open.amounts.usd).toBe(1_000n);
      expect(await drawn()).toBe(1_000n);
    },
  );

  // guarantee: supplies-max
  test('whose money others recall each time before it is held gives up', async () => {
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
        const others = { grant: user('bob'), requestId: asRequestId('bob'), ...all };
        if (draws === 20) await reserve(others, { ...ports, wallets });
        return move;
      },
    };
    ports = { ...ports, wallets: thief };

    const error = await refusalOf(hold(user('ada'), usd(100)));

    expect([error.code, draws]).toEqual(['budget_in_use', 8]);
  });

  // guarantee: draw-rounds-max
  test('that finds every idle slice spent on in the meantime says in use, not gone', async () => {
    await pay(await hold(user('bob'), usd(1_000)), 0);
    let recalls = 0;
    const recall = async () => {
      recalls += 1;
      return { kind: 'wallet-changed', writeUnits: 4 } as const;
    };
    ports = { ...ports, wallets: { ...wallets, recall } };

    const error = await refusalOf(hold(user('ada'), usd(100)));

    expect(error.code).toBe('budget_in_use');
    expect(recalls).toBe(6);
  });
});
