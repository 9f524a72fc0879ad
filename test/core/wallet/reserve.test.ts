import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { asRequestId } from '../../../core/base/ids.ts';
import type { Amounts } from '../../../core/wallet/hold.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import type { Wallets } from '../../../core/wallet/ports.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import type { AmountsLeft } from '../../../core/wallet/reserve-plan.ts';
import { type SettlePorts, settle } from '../../../core/wallet/settle.ts';
import { makeMemoryPorts } from '../../support/memory-ports.ts';
import type { MemoryUsage } from '../../support/memory-usage.ts';
import type { MemoryWallets } from '../../support/memory-wallets.ts';
import {
  type ManualClock,
  makeGrant,
  makeReserveRequests,
  makeRow,
  NOW_MS,
  refusalOf,
  TOKEN_ID,
  usd,
} from '../../support/wallet-fixtures.ts';

const USD = 1_000_000_000;
const TENTH = 100_000_000;

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

const counterOf = async (grant: Grant, name: string) =>
  (await wallets.find(walletIdOf(grant)))?.counters.get(name);

describe('a reserve', () => {
  test('holds the amounts in the counters of token and user, and returns the limits after the hold', async () => {
    const grant = makeGrant(['user:usd:month=5', 'user:requests:minute=20', 'token:usd:total=2']);

    const outcome = await reserve(ask(grant, 'r1', usd(TENTH, 100n)), ports);

    const wallet = await wallets.find(walletIdOf(grant));
    expect(wallet?.counters).toEqual(
      new Map([
        ['usd:total', 100_000_000n],
        ['t:tokenA:usd:total', 100_000_000n],
        ['usd:month:2026-11', 100_000_000n],
        ['requests:minute:29919600', 1n],
      ]),
    );
    expect(wallet?.holds.get(outcome.hold.requestId)).toMatchObject({
      attempt: 1,
      reservedAtMs: NOW_MS,
      leaseEndsAtMs: 1_795_176_900_000,
      amounts: { usd: 100_000_000n, tokens: 100n },
    });
    expect(
      outcome.limits.map(({ limit, used, reserved }) => [limit.per, limit.unit, used, reserved]),
    ).toEqual([
      ['token', 'usd', 100_000_000n, 100_000_000n],
      ['user', 'usd', 100_000_000n, 100_000_000n],
      ['user', 'requests', 1n, 1n],
    ]);
    expect(outcome.writeUnits).toBe(1);
  });

  test('keeps a token twice the longest life of a token, to the end of that day', async () => {
    const grant = makeGrant([], { maxTokenLifetimeSeconds: 86_400 });
    await reserve(ask(grant, 'r1', usd(1)), ports);

    const wallet = await wallets.find(walletIdOf(grant));
    expect(wallet?.tokenKeepUntilMs).toEqual(
      new Map([[TOKEN_ID, Date.parse('2026-11-23T00:00:00Z')]]),
    );
  });

  test('counts a plain key without limits, and without a token', async () => {
    const { token: _token, identity: _identity, ...grant } = makeGrant(['user:usd:month=5']);
    const outcome = await reserve(ask(grant, 'r1', usd(TENTH)), ports);

    expect(outcome.limits).toEqual([]);
    expect(outcome.hold.walletId).toBe('k#k');
    expect(outcome.hold.tokenId).toBeUndefined();
    expect(await counterOf(grant, 'usd:total')).toBe(100_000_000n);
  });

  test('admits 100 of 300 at once on a token that affords 100', async () => {
    const grant = makeGrant(['token:usd:total=10'], {});
    const outcomes = await Promise.allSettled(
      Array.from({ length: 300 }, (_, index) =>
        reserve(ask(grant, `r${index}`, usd(TENTH), { inFlightMax: 1_000 }), ports),
      ),
    );

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
    expect(await counterOf(grant, 't:tokenA:usd:total')).toBe(10_000_000_000n);
  });
});

describe('a smaller hold', () => {
  /** Affords whole tenths of a dollar; asks are kept. */
  const makeAfford = () => {
    const asked: AmountsLeft[] = [];
    const afford = (left: AmountsLeft): Amounts | undefined => {
      asked.push(left);
      const tenths = (left.usd ?? 0n) / BigInt(TENTH);
      return tenths === 0n ? undefined : usd(tenths * BigInt(TENTH), 5n);
    };
    return { asked, afford };
  };

  test.each([
    ['last', ['user:usd:day=1', 'user:usd:month=0.75', 'user:tokens:day=50']],
    ['first', ['user:usd:month=0.75', 'user:usd:day=1', 'user:tokens:day=50']],
  ])(
    'takes what the tightest limit leaves, if that limit is %s in the list',
    async (_where, limits) => {
      const grant = makeGrant(limits);
      const { asked, afford } = makeAfford();

      const outcome = await reserve(ask(grant, 'r1', usd(2 * USD, 10n), { afford }), ports);

      expect(asked).toEqual([{ usd: 750_000_000n, tokens: 50n }]);
      expect(outcome.hold.amounts).toEqual({ usd: 700_000_000n, tokens: 5n });
      expect(await counterOf(grant, 'usd:month:2026-11')).toBe(700_000_000n);
    },
  );

  test('is not requested when the first amounts fit, or when money is not what is short', async () => {
    const grant = makeGrant(['user:requests:minute=1', 'token:usd:total=1']);
    const { asked, afford } = makeAfford();
    await reserve(ask(grant, 'r1', usd(TENTH), { afford }), ports);

    const error = await refusalOf(reserve(ask(grant, 'r2', usd(TENTH), { afford }), ports));

    expect(error.code).toBe('rate_limit_exceeded');
    expect(asked).toEqual([]);
  });

  test('is taken while others hold money; if none fits, the refusal is "budget_in_use"', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const { afford } = makeAfford();
    await reserve(ask(grant, 'r1', usd(850_000_000)), ports);

    const smaller = await reserve(ask(grant, 'r2', usd(USD), { afford }), ports);
    const error = await refusalOf(reserve(ask(grant, 'r3', usd(2 * USD), { afford }), ports));

    expect(smaller.hold.amounts.usd).toBe(100_000_000n);
    expect(error.code).toBe('budget_in_use');
  });

  test('is refused with "insufficient_quota" when not even the smallest would ever fit', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const { afford } = makeAfford();
    const { hold } = await reserve(ask(grant, 'r1', usd(950_000_000)), ports);
    await settle(hold, makeRow(hold, usd(950_000_000)), ports);

    const error = await refusalOf(reserve(ask(grant, 'r2', usd(USD), { afford }), ports));

    expect(error.code).toBe('insufficient_quota');
  });

  test('that does not fit is not written', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const afford = () => usd(3 * USD);

    const error = await refusalOf(reserve(ask(grant, 'r1', usd(2 * USD), { afford }), ports));

    expect(error.code).toBe('insufficient_quota');
    expect(await counterOf(grant, 'usd:total')).toBeUndefined();
  });

  // guarantee: lowered-limit
  test('is offered zero, not less, of a limit that was passed', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const { hold } = await reserve(ask(grant, 'r1', usd(USD)), ports);
    await settle(hold, makeRow(hold, usd(2 * USD)), ports);
    const { asked, afford } = makeAfford();

    await refusalOf(reserve(ask(grant, 'r2', usd(1), { afford }), ports));

    expect(asked[0]).toEqual({ usd: 0n });
  });

  // guarantee: smaller-hold-twice
  test('is tried twice at most when others are faster', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    let writes = 0;
    const busy: Wallets = {
      ...wallets,
      reserve: async (reservation) => {
        writes += 1;
        await wallets.reserve({
          ...reservation,
          hold: { ...reservation.hold, requestId: asRequestId(`other${writes}`) },
          counters: [{ name: 't:tokenA:usd:total', add: BigInt(TENTH) }],
        });
        return wallets.reserve(reservation);
      },
    };
    const { afford } = makeAfford();

    const error = await refusalOf(
      reserve(ask(grant, 'r1', usd(USD), { afford }), { ...ports, wallets: busy }),
    );

    expect(writes).toBe(3);
    expect(error.code).toBe('budget_in_use');
  });
});

describe('holds that expired', () => {
  // guarantee: expired-closed-first
  test('are closed at their whole amount before a reserve is refused for them', async () => {
    const grant = makeGrant(['token:usd:total=1', 'user:requests:minute=1']);
    const { hold } = await reserve(
      ask(grant, 'dead', usd(TENTH), { leaseEndsAtMs: NOW_MS + 30_000 }),
      ports,
    );
    clock.advance(30_000);

    const error = await refusalOf(reserve(ask(grant, 'r2', usd(TENTH)), ports));

    expect(error.code).toBe('rate_limit_exceeded');
    expect(error.facts.limit).toMatchObject({ used: 1, reserved: 0 });
    expect(usage.rows.get(hold.requestId)).toMatchObject({
      status: 'swept',
      attempt: 1,
      cost: hold.amounts,
    });
  });

  test('make room when their row says that they cost less', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const { hold } = await reserve(ask(grant, 'late', usd(USD)), ports);
    await usage.put(makeRow(hold, usd(TENTH)));
    clock.advance(900_000);

    const outcome = await reserve(ask(grant, 'r2', usd(900_000_000)), ports);

    expect(outcome.hold.attempt).toBe(2);
    expect(await counterOf(grant, 't:tokenA:usd:total')).toBe(1_000_000_000n);
    expect(outcome.writeUnits).toBe(2);
  });

  test('are closed eight at a time', async () => {
    const grant = makeGrant(['user:requests:day=9']);
    for (let index = 0; index < 9; index += 1)
      await reserve(ask(grant, `r${index}`, usd(1)), ports);
    clock.advance(900_000);

    await refusalOf(reserve(ask(grant, 'r9', usd(1)), ports));

    expect(usage.rows.size).toBe(8);
  });
});
