import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { asRequestId } from '../../../core/base/ids.ts';
import type { ChangePersonPorts, PersonState } from '../../../core/wallet/change-person.ts';
import { changePerson } from '../../../core/wallet/change-person.ts';
import { walletIdOf, withPerson } from '../../../core/wallet/payer.ts';
import type { OwnLimit } from '../../../core/wallet/person.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { type MemoryPorts, makeMemoryPorts } from '../../support/memory-ports.ts';
import { bareKeyGrant, NOW_MS, refusalOf, usd, userGrant } from '../../support/wallet-fixtures.ts';

const ADA = userGrant('ada', 'user:usd:total=1', 'user:usd:day=0.5');
const DOLLAR = 1_000_000_000;
const own = (window: OwnLimit['window'], dollars: number, untilMs?: number): OwnLimit => ({
  per: 'user',
  unit: 'usd',
  window,
  amount: BigInt(dollars * DOLLAR),
  ...(untilMs === undefined ? {} : { untilMs }),
});

let ports: MemoryPorts;
let count = 0;
beforeEach(() => {
  ports = makeMemoryPorts();
});

const ask = (dollars: number, grant: Grant = ADA, over: MemoryPorts = ports) => {
  count += 1;
  return reserve(
    {
      grant,
      requestId: asRequestId(`r${count}`),
      amounts: usd(dollars * DOLLAR),
      leaseEndsAtMs: NOW_MS + 900_000,
    },
    over,
  );
};
const set = (state: Partial<PersonState>, grant: Grant = ADA) => {
  count += 1;
  const people: ChangePersonPorts = {
    ...ports,
    people: ports.wallets.people,
    random: { uuid: () => `rev-${count}-${ports.clock.nowMs()}`, fraction: () => 0 },
  };
  const walletId = walletIdOf(grant);
  const edit = (current: PersonState): PersonState => ({ ...current, ...state });
  const idempotencyKey = `i${count}`;
  return changePerson({ walletId, digest: 'd', edit, texts: {}, idempotencyKey }, people);
};

describe('the limits of one person', () => {
  test('take the place of those of the same unit and window, larger or smaller', async () => {
    await set({ limits: [own('day', 0.75), own('total', 0.8)] });

    expect((await ask(0.75)).limits.map(({ limit }) => limit.amount)).toEqual([
      800_000_000n,
      750_000_000n,
    ]);
    expect((await refusalOf(ask(0.05))).facts.limit).toMatchObject({
      window: 'day',
      limitValue: 0.75,
    });
  });

  test('hold until their end and not from it on', () => {
    const limits = [own('day', 2, NOW_MS + 1)];
    const person = { rev: 'r', limits, creditNanoUsd: 0n, isBlocked: false };
    const dayOf = (nowMs: number) =>
      withPerson(ADA, person, nowMs).limits.find(({ window }) => window === 'day')?.amount;

    expect([dayOf(NOW_MS), dayOf(NOW_MS + 1)]).toEqual([2_000_000_000n, 500_000_000n]);
  });

  test('of zero admit nothing', async () => {
    await set({ limits: [own('total', 0)] });

    expect((await refusalOf(ask(0.01))).code).toBe('insufficient_quota');
  });

  test('do not touch a plain key, which has no person', () => {
    const person = { rev: 'r', limits: [own('day', 2)], creditNanoUsd: 5n, isBlocked: false };

    expect(withPerson(bareKeyGrant('key:usd:day=1'), person, NOW_MS).limits).toHaveLength(1);
  });

  test.each([
    [200_000_000n, 1_200_000_000n],
    [-400_000_000n, 600_000_000n],
    [-2_000_000_000n, 0n],
  ])('have a credit of %i nano-dollars on top of the total', (creditNanoUsd, total) => {
    const person = { rev: 'r', limits: [], creditNanoUsd, isBlocked: false };
    const { limits } = withPerson(ADA, person, NOW_MS);

    expect(limits.map(({ amount }) => amount)).toEqual([total, 500_000_000n]);
  });

  // guarantee: judged-by-current-record
  test('are in force at the next request, also where an older record was seen', async () => {
    await ask(0.1);
    await set({ limits: [own('day', 0.15)] });
    expect((await refusalOf(ask(0.1))).code).toBe('budget_in_use');

    await set({ limits: [own('day', 0.3)] });
    await ask(0.1);
    expect((await ports.wallets.find(walletIdOf(ADA)))?.inFlight).toBe(2);
  });

  test('are judged anew when the record changes between look and write', async () => {
    let tries = 0;
    const wallets: MemoryPorts['wallets'] = {
      ...ports.wallets,
      reserve: async (reservation) => {
        tries += 1;
        if (tries === 1) await set({ limits: [own('day', 0.05)] });
        return ports.wallets.reserve(reservation);
      },
    };

    const refusal = await refusalOf(ask(0.1, ADA, { ...ports, wallets }));

    expect(refusal.facts.limit).toMatchObject({ window: 'day', limitValue: 0.05 });
    expect(tries).toBe(1);
  });

  test('that keep changing refuse a request as unavailable after four records', async () => {
    let tries = 0;
    const wallets: MemoryPorts['wallets'] = {
      ...ports.wallets,
      reserve: async (reservation) => {
        tries += 1;
        await set({ limits: [own('day', 1 + tries)] });
        return ports.wallets.reserve(reservation);
      },
    };

    expect((await refusalOf(ask(0.1, ADA, { ...ports, wallets }))).code).toBe(
      'service_unavailable',
    );
    expect(tries).toBe(5);
  });

  test('bind a request that no limit bound before only after it was planned again', async () => {
    const free = userGrant('eve', 'user:requests:day=9');
    await set({ limits: [own('day', 0.5)] }, free);
    ports = { ...ports, wallets: { ...ports.wallets, lastSeen: () => undefined } };

    expect((await refusalOf(ask(0.1, free))).code).toBe('service_unavailable');

    const replan = (grant: Grant) => usd(grant.limits.length * 100_000_000);
    const request = { grant: free, requestId: asRequestId('r0'), amounts: usd(0), replan };
    const { hold } = await reserve({ ...request, leaseEndsAtMs: NOW_MS + 1_000 }, ports);
    expect(hold.amounts.usd).toBe(200_000_000n);
  });
});

describe('a person who is blocked', () => {
  test.each([
    ['and was seen so', true],
    ['since the last look', false],
  ])('is refused, %s', async (_when, isSeen) => {
    await ask(0.1);
    await set({ isBlocked: true });
    if (isSeen) await ports.wallets.find(walletIdOf(ADA));

    expect((await refusalOf(ask(0.1))).code).toBe('user_blocked');
    expect((await ports.wallets.find(walletIdOf(ADA)))?.inFlight).toBe(1);
  });

  test('is served again at the first request after the block ends', async () => {
    await set({ isBlocked: true });
    await refusalOf(ask(0.1));
    await set({ isBlocked: false });

    await ask(0.1);

    expect((await ports.wallets.find(walletIdOf(ADA)))?.inFlight).toBe(1);
  });
});

test('a request by an own limit that was seen takes one write', async () => {
  await set({ limits: [own('day', 0.3)] });
  await ask(0.1);

  expect((await ask(0.1)).writeUnits).toBe(1);
});
