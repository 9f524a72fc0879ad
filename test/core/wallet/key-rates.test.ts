import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { GatewayError } from '../../../core/base/errors.ts';
import { asRequestId, asWalletId } from '../../../core/base/ids.ts';
import { sweep } from '../../../core/sweep.ts';
import { auditUsage } from '../../../core/usage/audit/audit.ts';
import type { Amounts } from '../../../core/wallet/hold.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import type { Wallets } from '../../../core/wallet/ports.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import type { ReserveRequest } from '../../../core/wallet/reserve-plan.ts';
import { rowOf, type SettlePorts, settle, settleAtRow } from '../../../core/wallet/settle.ts';
import { type Fault, makeFaultyLine } from '../../support/faulty.ts';
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

const KEY_WALLET = asWalletId('k#k');
const MINUTE = 'requests:minute:29919600';
const HOUR = 'usd:hour:498660';

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

const userGrant = (user: string, ...limits: string[]): Grant =>
  makeGrant(limits, { identity: { source: 'token', issuer: '', id: user } });
const keyGrant = (...limits: string[]): Grant => {
  const { token: _token, identity: _identity, ...grant } = makeGrant(limits);
  return { ...grant, credential: 'key' };
};
const ask = (
  grant: Grant,
  request: string,
  amounts: Amounts = usd(10, 5n),
  more: Partial<ReserveRequest> = {},
): ReserveRequest => ({
  grant,
  requestId: asRequestId(request),
  amounts,
  leaseEndsAtMs: clock.nowMs() + 900_000,
  ...more,
});
async function refusalOf(promise: Promise<unknown>): Promise<GatewayError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof GatewayError)) throw new TypeError('expected a refusal');
  return error;
}
const keyCounter = async (name: string) => (await wallets.find(KEY_WALLET))?.counters.get(name);
const holdsOf = async (grant: Grant) => [
  (await wallets.find(walletIdOf(grant)))?.holds.size ?? 0,
  (await wallets.find(KEY_WALLET))?.holds.size ?? 0,
];

describe('a rate of the whole key', () => {
  test('is counted in the key wallet, whoever comes, beside the wallet of each', async () => {
    const [ada, bob] = [
      userGrant('ada', 'key:requests:minute=3'),
      userGrant('bob', 'key:requests:minute=3'),
    ];
    const first = await reserve(ask(ada, 'r1'), ports);
    await reserve(ask(bob, 'r2'), ports);

    expect(await keyCounter(MINUTE)).toBe(2n);
    expect((await wallets.find(walletIdOf(ada)))?.counters.has(MINUTE)).toBe(false);
    expect(first.limits).toEqual([]);
    expect(first.writeUnits).toBe(2);
    expect((await wallets.find(KEY_WALLET))?.holds.get(asRequestId('r1'))).toMatchObject({
      attempt: 1,
      payerId: walletIdOf(ada),
      counted: [{ per: 'key', unit: 'requests', window: 'minute' }],
    });
  });

  // guarantee: payer-hold-returned
  test('refuses the next of whichever user, and what their wallet held is given back', async () => {
    const limits = ['key:requests:minute=1', 'user:usd:month=5'];
    await reserve(ask(userGrant('ada', ...limits), 'r1'), ports);
    const bob = userGrant('bob', ...limits);

    const error = await refusalOf(reserve(ask(bob, 'r2'), ports));

    expect(error.code).toBe('rate_limit_exceeded');
    expect(error.facts).toEqual({
      retryAfterSeconds: 60,
      limit: {
        per: 'key',
        unit: 'requests',
        window: 'minute',
        resetsAtMs: 1_795_176_060_000,
      },
    });
    const wallet = await wallets.find(walletIdOf(bob));
    expect([wallet?.inFlight, wallet?.counters.get('usd:month:2026-11')]).toEqual([0, 0n]);
    expect(usage.rows.size).toBe(0);
  });

  test('tells its figures to a bare server key, which is held in one write', async () => {
    const grant = keyGrant('key:requests:minute=1', 'key:usd:hour=1');
    const { writeUnits } = await reserve(ask(grant, 'r1'), ports);

    const error = await refusalOf(reserve(ask(grant, 'r2'), ports));

    expect(writeUnits).toBe(1);
    expect(await keyCounter(MINUTE)).toBe(1n);
    expect(error.facts.limit).toMatchObject({ per: 'key', limitValue: 1, used: 1, reserved: 1 });
  });

  test('counts users and the plain key together', async () => {
    await reserve(ask(userGrant('ada', 'key:requests:minute=2'), 'r1'), ports);
    await reserve(ask(keyGrant('key:requests:minute=2'), 'r2'), ports);

    const error = await refusalOf(reserve(ask(keyGrant('key:requests:minute=2'), 'r3'), ports));

    expect(error.facts.limit).toMatchObject({ per: 'key', used: 2 });
  });

  test('is named after the limits of token and user', async () => {
    const limits = ['key:requests:hour=1', 'user:requests:minute=1'];
    await reserve(ask(userGrant('ada', ...limits), 'r1'), ports);

    const own = await refusalOf(reserve(ask(userGrant('ada', ...limits), 'r2'), ports));
    const other = await refusalOf(reserve(ask(userGrant('bob', ...limits), 'r3'), ports));

    expect([own.facts.limit?.per, other.facts.limit?.per]).toEqual(['user', 'key']);
  });

  test('of several, the one is named that resets last', async () => {
    const grant = userGrant('ada', 'key:requests:minute=1', 'key:requests:hour=1');
    await reserve(ask(grant, 'r1'), ports);

    const error = await refusalOf(reserve(ask(grant, 'r2'), ports));

    expect(error.facts.limit?.window).toBe('hour');
  });

  test('affords what is left of it', async () => {
    const grant = userGrant('ada', 'key:tokens:minute=100');
    await reserve(ask(grant, 'r1', usd(1, 70n)), ports);

    const { hold } = await reserve(
      ask(grant, 'r2', usd(1, 50n), { afford: ({ tokens = 0n }) => usd(1, tokens) }),
      ports,
    );

    expect(hold.amounts.tokens).toBe(30n);
    expect(hold.inKeyWallet).toMatchObject({ attempt: hold.attempt, amounts: { tokens: 30n } });
    expect(await holdsOf(grant)).toEqual([2, 2]);
  });

  test('is refused at once to an amount above it', async () => {
    const grant = userGrant('ada', 'key:tokens:minute=100');

    const error = await refusalOf(reserve(ask(grant, 'r1', usd(1, 101n)), ports));

    expect(error.code).toBe('rate_limit_exceeded');
    expect(await holdsOf(grant)).toEqual([0, 0]);
  });

  test('lets more than 128 in at once, and a thousand at most', async () => {
    const limits = ['key:requests:minute=5000'];
    for (let index = 0; index < 1_000; index += 1) {
      await reserve(ask(userGrant(`u${index}`, ...limits), `r${index}`), ports);
    }

    const crowd = await refusalOf(reserve(ask(userGrant('late', ...limits), 'late'), ports));
    const bare = await refusalOf(reserve(ask(keyGrant(...limits), 'bare'), ports));

    expect(crowd.facts.limit).toEqual({
      per: 'key',
      unit: 'concurrency',
      window: 'now',
      resetsAtMs: null,
    });
    expect(bare.facts.limit).toMatchObject({ unit: 'concurrency', limitValue: 1_000 });
  });
});

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

  test('that nothing was charged for gives the request back', async () => {
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
  ])(
    'is closed in both wallets, at one row of its payer, the %s first',
    async (_which, isFirst) => {
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
    },
  );

  // guarantee: given-up-swept-at-zero
  test('while it was given up costs nothing: nobody had called a provider', async () => {
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

  test('leaves expired holds to the next that the key refuses', async () => {
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
    'that is %s is made again, and counts once',
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

  test('that cannot be made is an outage, and nothing stays held', async () => {
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
  test('holds as much as stands in the wallet of the payer, whose earlier try came late', async () => {
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
