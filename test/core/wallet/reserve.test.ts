import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { type ErrorCode, GatewayError } from '../../../core/base/errors.ts';
import { asRequestId, asTokenId } from '../../../core/base/ids.ts';
import { sweep } from '../../../core/sweep.ts';
import type { Amounts } from '../../../core/wallet/hold.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import type { Wallets } from '../../../core/wallet/ports.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import type { AmountsLeft, ReserveRequest } from '../../../core/wallet/reserve-plan.ts';
import { type SettlePorts, settle } from '../../../core/wallet/settle.ts';
import { type FaultyLine, makeFaultyLine } from '../../support/faulty.ts';
import { type MemoryUsage, makeMemoryUsage } from '../../support/memory-usage.ts';
import { type MemoryWallets, makeMemoryWallets } from '../../support/memory-wallets.ts';
import {
  fixedRandom,
  type ManualClock,
  makeGrant,
  makeManualClock,
  makeRow,
  NOW_MS,
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
  clock = makeManualClock();
  wallets = makeMemoryWallets();
  usage = makeMemoryUsage();
  ports = { wallets, usage, clock, random: fixedRandom };
});

const ask = (
  grant: Grant,
  request: string,
  amounts: Amounts,
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

const counterOf = async (grant: Grant, name: string) =>
  (await wallets.find(walletIdOf(grant)))?.counters.get(name);

/** Wallets whose reserves fail as told, one after the other; then they pass. */
function faulty(line: FaultyLine, faults: Parameters<FaultyLine['through']>[0][]): Wallets {
  return {
    ...wallets,
    reserve: (reservation) =>
      line.through(faults.shift() ?? 'none', () => wallets.reserve(reservation)),
  };
}
const lostLine = () =>
  makeFaultyLine(() => new GatewayError('service_unavailable', { transient: true }));

describe('a reserve', () => {
  test('holds the amounts in the counters of token and user, and tells the limits as they then are', async () => {
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

describe('a refusal', () => {
  const fill = async (grant: Grant, amounts: Amounts, isSettled: boolean) => {
    const { hold } = await reserve(ask(grant, 'first', amounts), ports);
    if (isSettled) await settle(hold, makeRow(hold, amounts), ports);
  };

  test.each<[string, string[], Amounts, boolean, ErrorCode, number | undefined]>([
    ['money that is spent', ['token:usd:total=1'], usd(USD), true, 'insufficient_quota', undefined],
    ['money that others hold', ['token:usd:total=1'], usd(USD), false, 'budget_in_use', 3],
    [
      'requests of this minute',
      ['user:requests:minute=1'],
      usd(1),
      true,
      'rate_limit_exceeded',
      60,
    ],
    [
      'requests of this hour',
      ['user:requests:hour=1'],
      usd(1),
      true,
      'rate_limit_exceeded',
      undefined,
    ],
    [
      'requests for ever',
      ['user:requests:total=1'],
      usd(1),
      true,
      'rate_limit_exceeded',
      undefined,
    ],
    [
      'tokens of this minute',
      ['user:tokens:minute=100'],
      usd(1, 100n),
      true,
      'rate_limit_exceeded',
      60,
    ],
    [
      'tokens that others hold',
      ['user:tokens:day=100'],
      usd(1, 100n),
      false,
      'rate_limit_exceeded',
      undefined,
    ],
  ])(
    'for %s says whether and when to come back',
    async (_what, limits, amounts, isSettled, code, retryAfter) => {
      const grant = makeGrant(limits);
      await fill(grant, amounts, isSettled);

      const error = await refusalOf(reserve(ask(grant, 'r2', usd(1, 1n)), ports));

      expect(error.code).toBe(code);
      expect(error.facts.retryAfterSeconds).toBe(retryAfter);
    },
  );

  test.each<[string, string, Amounts, Amounts, ErrorCode]>([
    [
      'held in the month and gone for the day',
      'user:usd:day=2',
      usd(2 * USD),
      usd(USD),
      'insufficient_quota',
    ],
    [
      'held, where tokens are gone for the day',
      'user:tokens:day=10',
      usd(0, 10n),
      usd(3 * USD),
      'budget_in_use',
    ],
  ])('for money that is %s', async (_what, limit, spent, held, code) => {
    const grant = makeGrant(['user:usd:month=3', limit]);
    await fill(grant, spent, true);
    await reserve(ask(makeGrant(['user:usd:month=3']), 'other', held), ports);

    const error = await refusalOf(reserve(ask(grant, 'r3', usd(USD, 1n)), ports));

    expect(error.code).toBe(code);
  });

  test('waits for the end of the window and no longer', async () => {
    const grant = makeGrant(['user:requests:minute=1']);
    await fill(grant, usd(1), true);
    clock.advance(59_500);

    const error = await refusalOf(reserve(ask(grant, 'r2', usd(1)), ports));

    expect(error.facts.retryAfterSeconds).toBe(1);
    expect(error.facts.limit?.resetsAtMs).toBe(1_795_176_060_000);
  });

  test('tells the figures of the limit, dollars as dollars', async () => {
    const grant = makeGrant(['user:usd:month=5', 'token:usd:total=1']);
    await fill(grant, usd(750_000_000), false);

    const error = await refusalOf(reserve(ask(grant, 'r2', usd(500_000_000)), ports));

    expect(error.message).toBe('What is left of the spending limit is held by requests in flight.');
    expect(error.facts.limit).toEqual({
      per: 'token',
      unit: 'usd',
      window: 'total',
      limitValue: 1,
      used: 0.75,
      reserved: 0.75,
      resetsAtMs: null,
    });
  });

  test('names the token before the user when both are full', async () => {
    const grant = makeGrant(['user:usd:month=1', 'token:usd:day=1']);
    await fill(grant, usd(USD), true);

    const error = await refusalOf(reserve(ask(grant, 'r2', usd(1)), ports));

    expect(error.facts.limit).toMatchObject({ per: 'token', window: 'day' });
    expect(error.facts.limit?.resetsAtMs).toBe(1_795_219_200_000);
  });

  // guarantee: amount-above-limit
  test('of an amount above the limit itself is not written, and is money gone', async () => {
    const grant = makeGrant(['token:usd:total=1']);

    const error = await refusalOf(reserve(ask(grant, 'r1', usd(USD + 1)), ports));

    expect(error.code).toBe('insufficient_quota');
    expect(error.facts.limit).toMatchObject({ limitValue: 1, used: 0, reserved: 0 });
    expect(await wallets.find(walletIdOf(grant))).toBeUndefined();
  });

  test('names a crowd by its own unit', async () => {
    const grant = makeGrant([]);
    await reserve(ask(grant, 'r1', usd(1)), ports);

    const error = await refusalOf(reserve(ask(grant, 'r2', usd(1), { inFlightMax: 1 }), ports));

    expect(error.code).toBe('rate_limit_exceeded');
    expect(error.facts).toEqual({
      retryAfterSeconds: 1,
      limit: {
        per: 'user',
        unit: 'concurrency',
        window: 'now',
        limitValue: 1,
        used: 1,
        reserved: 1,
        resetsAtMs: null,
      },
    });
  });

  test('comes after 128 requests of one payer at once', async () => {
    const { identity: _identity, ...grant } = makeGrant([]);
    for (let index = 0; index < 128; index += 1)
      await reserve(ask(grant, `r${index}`, usd(1)), ports);

    const error = await refusalOf(reserve(ask(grant, 'r128', usd(1)), ports));

    expect(error.facts.limit).toMatchObject({ per: 'token', limitValue: 128, used: 128 });
  });

  test.each([
    ['revoked', () => wallets.revokeToken(walletIdOf(makeGrant([])), TOKEN_ID)],
    ['issued before "notBefore"', () => wallets.setNotBefore(walletIdOf(makeGrant([])), NOW_MS)],
  ])('of a token that was %s says so, whatever else would refuse it', async (_what, revoke) => {
    revoke();

    const error = await refusalOf(
      reserve(ask(makeGrant(['token:usd:total=1']), 'r1', usd(2 * USD), { inFlightMax: 0 }), ports),
    );

    expect([error.code, error.status]).toEqual(['token_revoked', 401]);
  });

  test.each([
    ['revoked', () => wallets.revokeToken(walletIdOf(makeGrant([])), TOKEN_ID)],
    [
      'issued at "notBefore"',
      () => wallets.setNotBefore(walletIdOf(makeGrant([])), NOW_MS - 60_000),
    ],
  ])('of a token that was %s needs no other reason', async (_what, revoke) => {
    revoke();

    const error = await refusalOf(reserve(ask(makeGrant([]), 'r1', usd(1)), ports));

    expect(error.code).toBe('token_revoked');
    expect((await wallets.find(walletIdOf(makeGrant([]))))?.inFlight).toBe(0);
  });

  test('of one token leaves the other tokens of the user alone', async () => {
    const grant = makeGrant([]);
    wallets.revokeToken(walletIdOf(grant), asTokenId('another'));

    await expect(reserve(ask(grant, 'r1', usd(1)), ports)).resolves.toBeDefined();
  });

  test('by a wallet that has room is an outage, not a verdict', async () => {
    const odd: Wallets = {
      ...wallets,
      reserve: async () => ({ written: false, wallet: undefined, writeUnits: 1 }),
    };

    const error = await refusalOf(
      reserve(ask(makeGrant([]), 'r1', usd(1)), { ...ports, wallets: odd }),
    );

    expect(error.code).toBe('service_unavailable');
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
  ])('takes what the tightest limit leaves, which stands %s', async (_where, limits) => {
    const grant = makeGrant(limits);
    const { asked, afford } = makeAfford();

    const outcome = await reserve(ask(grant, 'r1', usd(2 * USD, 10n), { afford }), ports);

    expect(asked).toEqual([{ usd: 750_000_000n, tokens: 50n }]);
    expect(outcome.hold.amounts).toEqual({ usd: 700_000_000n, tokens: 5n });
    expect(await counterOf(grant, 'usd:month:2026-11')).toBe(700_000_000n);
  });

  test('is not asked for when the first fits, nor when it is not money that is short', async () => {
    const grant = makeGrant(['user:requests:minute=1', 'token:usd:total=1']);
    const { asked, afford } = makeAfford();
    await reserve(ask(grant, 'r1', usd(TENTH), { afford }), ports);

    const error = await refusalOf(reserve(ask(grant, 'r2', usd(TENTH), { afford }), ports));

    expect(error.code).toBe('rate_limit_exceeded');
    expect(asked).toEqual([]);
  });

  test('is taken while money is held; when none fits, the refusal says that money is held', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const { afford } = makeAfford();
    await reserve(ask(grant, 'r1', usd(850_000_000)), ports);

    const smaller = await reserve(ask(grant, 'r2', usd(USD), { afford }), ports);
    const error = await refusalOf(reserve(ask(grant, 'r3', usd(2 * USD), { afford }), ports));

    expect(smaller.hold.amounts.usd).toBe(100_000_000n);
    expect(error.code).toBe('budget_in_use');
  });

  test('is refused as money gone when not even the smallest would ever fit', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const { afford } = makeAfford();
    const { hold } = await reserve(ask(grant, 'r1', usd(950_000_000)), ports);
    await settle(hold, makeRow(hold, usd(950_000_000)), ports);

    const error = await refusalOf(reserve(ask(grant, 'r2', usd(USD), { afford }), ports));

    expect(error.code).toBe('insufficient_quota');
  });

  test('that does not fit is not believed', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const afford = () => usd(3 * USD);

    const error = await refusalOf(reserve(ask(grant, 'r1', usd(2 * USD), { afford }), ports));

    expect(error.code).toBe('insufficient_quota');
    expect(await counterOf(grant, 'usd:total')).toBeUndefined();
  });

  // guarantee: lowered-limit
  test('leaves nothing, not less than nothing, of a limit that was passed', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const { hold } = await reserve(ask(grant, 'r1', usd(USD)), ports);
    await settle(hold, makeRow(hold, usd(2 * USD)), ports);
    const { asked, afford } = makeAfford();

    await refusalOf(reserve(ask(grant, 'r2', usd(1), { afford }), ports));

    expect(asked[0]).toEqual({ usd: 0n });
  });

  // guarantee: smaller-hold-twice
  test('is tried twice when others are faster, and then no more', async () => {
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

// guarantee: outcome-unknown
describe('a reserve whose answer is lost', () => {
  // guarantee: own-hold-is-success
  test('finds its own hold, and goes on with the attempt that stands', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const line = lostLine();

    const outcome = await reserve(ask(grant, 'r1', usd(TENTH)), {
      ...ports,
      wallets: faulty(line, ['answer-lost']),
    });

    expect(outcome.hold.attempt).toBe(1);
    expect(await counterOf(grant, 'usd:total')).toBe(100_000_000n);
    expect(clock.sleptMs).toEqual([25]);
  });

  // guarantee: attempt-numbers
  test('goes on with the amounts of the attempt that stands, not of the last', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const line = lostLine();
    const outcome = await reserve(ask(grant, 'r1', usd(TENTH, 7n)), {
      ...ports,
      wallets: faulty(line, ['dropped', 'answer-lost']),
    });

    expect(outcome.hold).toMatchObject({
      attempt: 2,
      reservedAtMs: NOW_MS,
      amounts: usd(TENTH, 7n),
    });
    expect(clock.sleptMs).toEqual([25, 50]);
  });

  // guarantee: refused-is-released
  test('is refused after three tries, and what stands of it is given back at once', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const line = lostLine();

    const error = await refusalOf(
      reserve(ask(grant, 'r1', usd(TENTH)), {
        ...ports,
        wallets: faulty(line, ['answer-lost', 'answer-lost', 'answer-lost', 'none']),
      }),
    );

    expect(error.code).toBe('service_unavailable');
    const wallet = await wallets.find(walletIdOf(grant));
    expect([wallet?.inFlight, wallet?.counters.get('usd:total')]).toEqual([0, 0n]);
    expect(usage.rows.get(asRequestId('r1'))).toMatchObject({ status: 'released', cost: usd(0) });
  });

  // guarantee: late-hold-costs-nothing
  test('and arrives after the request was refused, costs nothing once its lease has ended', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const line = lostLine();
    const { hold } = await reserve(ask(grant, 'other', usd(USD)), ports);
    const error = await refusalOf(
      reserve(ask(grant, 'late', usd(TENTH)), { ...ports, wallets: faulty(line, ['late']) }),
    );
    await settle(hold, makeRow(hold, usd(1)), ports);
    await line.deliver();
    expect((await wallets.find(walletIdOf(grant)))?.inFlight).toBe(1);

    clock.advance(1_000_000);
    await sweep(ports, { shards: 4, deadlineAtMs: clock.nowMs() + 60_000 });

    expect(error.code).toBe('budget_in_use');
    expect(await counterOf(grant, 'usd:total')).toBe(1n);
  });

  test('and arrives after a later attempt was settled, is a ghost that costs nothing', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const line = lostLine();
    const { hold } = await reserve(ask(grant, 'r1', usd(TENTH)), {
      ...ports,
      wallets: faulty(line, ['late', 'none']),
    });
    await settle(hold, makeRow(hold, usd(3)), ports);
    await line.deliver();

    clock.advance(1_000_000);
    const outcome = await sweep(ports, { shards: 4, deadlineAtMs: clock.nowMs() + 60_000 });

    expect(hold.attempt).toBe(2);
    expect(outcome).toMatchObject({ swept: 0, settled: 1 });
    expect(await counterOf(grant, 'usd:total')).toBe(3n);
  });

  test('is not tried again when the table says that it never will', async () => {
    const broken: Wallets = {
      ...wallets,
      reserve: async () => {
        throw new GatewayError('service_unavailable', { detail: 'AccessDeniedException' });
      },
    };

    const error = await refusalOf(
      reserve(ask(makeGrant([]), 'r1', usd(1)), { ...ports, wallets: broken }),
    );

    expect([error.code, error.status]).toEqual(['service_unavailable', 503]);
    expect(clock.sleptMs).toEqual([]);
    expect(usage.rows.size).toBe(0);
  });

  test('is an outage, not a crash, when the rows cannot be written either', async () => {
    const down = async () => {
      throw new GatewayError('service_unavailable', { transient: true });
    };

    const error = await refusalOf(
      reserve(ask(makeGrant([]), 'r1', usd(1)), {
        ...ports,
        wallets: { ...wallets, reserve: down },
        usage: { put: down },
      }),
    );

    expect(error.code).toBe('service_unavailable');
  });
});
