import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { GatewayError } from '../../../core/base/errors.ts';
import { asPoolId, asRequestId } from '../../../core/base/ids.ts';
import { sweep } from '../../../core/sweep.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import type { Wallets } from '../../../core/wallet/ports.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { type SettlePorts, settle } from '../../../core/wallet/settle.ts';
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
import {
  bareKeyGrant,
  type ManualClock,
  makeGrant,
  makeRow,
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

describe('a budget of the whole key', () => {
  test('is drawn in slices, which the one write of the reserve spends', async () => {
    const ada = budgetUser('ada', 'key:usd:month=1');
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
    const ada = budgetUser('ada', 'key:usd:month=1');
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
    const ada = budgetUser('ada', 'key:usd:month=1');
    await pay(await hold(ada, usd(1_000)), 400);

    expect((await sliceOf(ada))?.left).toBe(15_600n);
  });

  test('is shared by users, tokens and the plain key', async () => {
    const { identity: _identity, ...token } = makeGrant([BUDGET]);
    for (const grant of [budgetUser('ada'), token, bareKeyGrant(BUDGET)]) {
      await pay(await hold(grant, usd(300)), 300);
    }

    const error = await refusalOf(hold(budgetUser('bob'), usd(101)));
    await pay(await hold(budgetUser('bob'), usd(100)), 100);

    expect(error.code).toBe('insufficient_quota');
    expect(await drawn()).toBe(LIMIT);
  });

  // guarantee: key-figures-for-server-keys
  test('that is spent is 402, and only a bare server key sees the figures', async () => {
    await pay(await hold(budgetUser('ada'), usd(1_000)), 1_000);

    const bob = await refusalOf(hold(budgetUser('bob'), usd(1)));
    const key = await refusalOf(hold(bareKeyGrant(BUDGET), usd(1)));

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
    await hold(budgetUser('ada'), usd(600));
    await pay(await hold(budgetUser('eve'), usd(300)), 300);

    const error = await refusalOf(hold(bareKeyGrant(BUDGET), usd(500)));
    const never = await refusalOf(hold(bareKeyGrant(BUDGET), usd(701)));

    expect([error.code, error.facts.retryAfterSeconds]).toEqual(['budget_in_use', 3]);
    expect(error.facts.limit).toMatchObject({ used: 0.0000009, reserved: 0.0000006 });
    expect(never.code).toBe('insufficient_quota');
  });

  // guarantee: idle-is-reserved
  test('shows idle money of the wallet itself as used and reserved', async () => {
    await pay(await hold(budgetUser('bob'), usd(700)), 700);
    await pay(await hold(bareKeyGrant(BUDGET), usd(300)), 200);

    const error = await refusalOf(hold(bareKeyGrant(BUDGET), usd(500)));

    expect(error.facts.limit).toMatchObject({ used: 0.000001, reserved: 0.0000001 });
  });

  test.each([
    ['key:requests:day=1', usd(1, 1n)],
    ['key:tokens:week=100', usd(1, 100n)],
  ])('of %s refuses as an exceeded rate', async (limit, amounts) => {
    await hold(budgetUser('ada', limit), amounts);

    const error = await refusalOf(hold(budgetUser('bob', limit), amounts));

    expect([error.code, error.facts.retryAfterSeconds]).toEqual(['rate_limit_exceeded', undefined]);
    expect(error.facts.limit?.per).toBe('key');
  });

  test('is named after the limits of the user, and before a rate of the key', async () => {
    const limits = [BUDGET, 'key:requests:minute=1'];
    await pay(await hold(bareKeyGrant(...limits), usd(1_000)), 1_000);
    const own = budgetUser('ada', ...limits, 'user:requests:minute=1');

    const byKey = await refusalOf(hold(bareKeyGrant(...limits), usd(1)));
    const byBudget = await refusalOf(hold(own, usd(1)));
    const byUser = await refusalOf(
      hold(budgetUser('ada', BUDGET, 'user:usd:total=0.000000001'), usd(2)),
    );

    expect(byKey.facts.limit).toMatchObject({ per: 'key', window: 'month' });
    expect(byBudget.facts.limit).toMatchObject({ per: 'key', window: 'month' });
    expect(byUser.facts.limit).toMatchObject({ per: 'user', window: 'total' });
  });

  test('of several, the one that resets last is named', async () => {
    const limits = ['key:usd:day=0.000001', 'key:usd:total=0.000001', BUDGET];
    await pay(await hold(budgetUser('ada', ...limits), usd(1_000)), 1_000);

    const error = await refusalOf(hold(budgetUser('bob', ...limits), usd(1)));

    expect(error.facts.limit?.window).toBe('total');
  });

  test('draws nothing for a request above the budget itself', async () => {
    const error = await refusalOf(hold(budgetUser('ada'), usd(1_001)));

    expect(error.code).toBe('insufficient_quota');
    expect([await drawn(), await sliceOf(budgetUser('ada'))]).toEqual([0n, undefined]);
  });

  test('affords idle money of the wallet itself when others have spent the rest', async () => {
    await pay(await hold(budgetUser('bob'), usd(700)), 700);
    await pay(await hold(budgetUser('ada'), usd(300)), 0);
    const afford = ({ usd: left = usd(0).usd }) => (left === 0n ? undefined : usd(left));

    const { amounts } = await hold(budgetUser('ada'), usd(500), { afford });

    expect(amounts.usd).toBe(300n);
  });

  test('admits a request that costs nothing when it is spent', async () => {
    await pay(await hold(budgetUser('ada'), usd(1_000)), 1_000);

    await expect(hold(budgetUser('bob'), usd(0))).resolves.toBeDefined();
  });

  test('starts at zero in the next month', async () => {
    await pay(await hold(budgetUser('ada'), usd(1_000)), 1_000);
    clock.advance(11 * 86_400_000);

    await pay(await hold(budgetUser('ada'), usd(1_000)), 1_000);

    expect(await wallets.findDrawn(asPoolId('pool#k#usd:month:2026-12'))).toBe(1_000n);
    expect(await sliceOf(budgetUser('ada'))).toBeUndefined();
  });

  test('is settled in the month of the hold', async () => {
    const open = await hold(budgetUser('ada'), usd(500));
    clock.advance(Date.parse('2026-12-01T00:00:01Z') - clock.nowMs());
    await pay(open, 200);

    expect(await sliceOf(budgetUser('ada'))).toMatchObject({ left: 300n, drawnIn: 500n });
    expect(await sliceOf(budgetUser('ada'), 'usd:month:2026-12')).toBeUndefined();
  });
});

describe('what is billed beyond a hold', () => {
  // guarantee: overrun-drawn
  test('is drawn from the pool, and every next reserve sees it', async () => {
    await pay(await hold(budgetUser('ada'), usd(900)), 950);

    expect(await drawn()).toBe(950n);
    expect(await sliceOf(budgetUser('ada'))).toMatchObject({ left: 0n, drawnIn: 950n });
    expect((await refusalOf(hold(budgetUser('bob'), usd(51)))).code).toBe('insufficient_quota');
    await expect(hold(budgetUser('bob'), usd(50))).resolves.toBeDefined();
  });

  test('exceeds the limit by the amount billed and no more', async () => {
    await pay(await hold(budgetUser('ada'), usd(1_000)), 1_300);

    expect(await drawn()).toBe(1_300n);
    expect((await refusalOf(hold(bareKeyGrant(BUDGET), usd(1)))).facts.limit).toMatchObject({
      used: 0.0000013,
      reserved: 0,
    });
  });

  test("is drawn by the wallet's next draw when the pool was out of reach", async () => {
    const open = await hold(budgetUser('ada'), usd(100));
    const deaf: Wallets = {
      ...wallets,
      draw: async () => {
        throw new GatewayError('service_unavailable', { transient: true });
      },
    };
    const outcome = await settle(open, makeRow(open, usd(150)), { ...ports, wallets: deaf });

    expect(outcome.settled).toBe(true);
    expect(await sliceOf(budgetUser('ada'))).toMatchObject({ left: -50n });
    await hold(budgetUser('ada'), usd(10));
    expect(await drawn()).toBe(170n);
  });
});

describe('a request that dies', () => {
  test('keeps its hold until it is swept, at the whole amount', async () => {
    await hold(budgetUser('ada'), usd(800));
    expect((await refusalOf(hold(budgetUser('bob'), usd(300)))).code).toBe('budget_in_use');
    clock.advance(1_000_000);

    await sweep(ports, { shards: 4, deadlineAtMs: clock.nowMs() + 60_000 });

    expect((await refusalOf(hold(budgetUser('bob'), usd(300)))).code).toBe('insufficient_quota');
    expect((await wallets.find(walletIdOf(budgetUser('ada'))))?.holds.size).toBe(0);
  });

  test('that is swept in the next month is closed in its own month', async () => {
    await hold(budgetUser('ada'), usd(800));
    clock.advance(Date.parse('2026-12-01T00:10:00Z') - clock.nowMs());
    await sweep(ports, { shards: 4, deadlineAtMs: clock.nowMs() + 60_000 });

    expect(await sliceOf(budgetUser('ada'))).toMatchObject({ left: 0n, drawnIn: 800n });
  });

  // guarantee: old-slice-not-credited
  test('that is swept long after loses its slice with it', async () => {
    await hold(budgetUser('ada'), usd(800));
    clock.advance(Date.parse('2026-12-01T01:00:00Z') - clock.nowMs());
    await sweep(ports, { shards: 4, deadlineAtMs: clock.nowMs() + 60_000 });

    expect(await sliceOf(budgetUser('ada'))).toBeUndefined();
    expect(await drawn()).toBe(800n);
  });
});
