import { beforeEach, describe, expect, test } from 'vitest';
import { GatewayError } from '../../../core/base/errors.ts';
import { asRequestId, asTokenId } from '../../../core/base/ids.ts';
import type { Hold } from '../../../core/wallet/hold.ts';
import { encodeHold } from '../../../core/wallet/hold-codec.ts';
import type { UsageRows, Wallets } from '../../../core/wallet/ports.ts';
import { closeExpiredHolds, type SettlePorts, settle } from '../../../core/wallet/settle.ts';
import type { OpenHold } from '../../../core/wallet/wallet.ts';
import { makeFaultyLine } from '../../support/faulty.ts';
import { type MemoryUsage, makeMemoryUsage } from '../../support/memory-usage.ts';
import { type MemoryWallets, makeMemoryWallets } from '../../support/memory-wallets.ts';
import {
  fixedRandom,
  type ManualClock,
  makeHold,
  makeManualClock,
  makeRow,
  NOW_MS,
  TOKEN_ID,
  usd,
  WALLET_ID,
} from '../../support/wallet-fixtures.ts';

const OTHER = asTokenId('tokenB');
const hold = makeHold({ counted: [{ per: 'user', unit: 'usd', window: 'total' }] });

let clock: ManualClock;
let wallets: MemoryWallets;
let usage: MemoryUsage;
let ports: SettlePorts;

beforeEach(async () => {
  clock = makeManualClock();
  wallets = makeMemoryWallets();
  usage = makeMemoryUsage();
  ports = { wallets, usage, clock, random: fixedRandom };
});

const reserve = (held: Hold = hold, counter = 'usd:total') =>
  wallets.reserve({
    hold: held,
    counters: [{ name: counter, add: held.amounts.usd }],
    inFlightMax: 128,
  });
const spent = async (counter = 'usd:total') =>
  (await wallets.find(WALLET_ID))?.counters.get(counter);

const outage = () => new GatewayError('service_unavailable', { transient: true });
const down = async (): Promise<never> => {
  throw outage();
};

describe('settle', () => {
  test("writes the row, then charges the row's cost", async () => {
    await reserve();
    const row = makeRow(hold, usd(30_000_000, 40n));

    const outcome = await settle(hold, row, ports);

    expect(outcome).toMatchObject({ row, settled: true, writeUnits: 2 });
    expect(usage.rows.get(hold.requestId)).toEqual(row);
    expect(await spent()).toBe(30_000_000n);
  });

  test('that is a duplicate changes nothing', async () => {
    await reserve();
    const row = makeRow(hold, usd(30_000_000));

    await settle(hold, row, ports);
    const again = await settle(hold, row, ports);

    expect(again.settled).toBe(true);
    expect(await spent()).toBe(30_000_000n);
  });

  // guarantee: row-decides
  test('charges the row that was written first, not its own', async () => {
    await reserve();
    const standing = makeRow(hold, hold.amounts, { status: 'swept' });
    await usage.put(standing);

    const outcome = await settle(hold, makeRow(hold, usd(1)), ports);

    expect(outcome.row).toEqual(standing);
    expect(await spent()).toBe(100_000_000n);
  });

  // guarantee: ghost-costs-nothing
  test('charges nothing for a hold of another attempt than the row names', async () => {
    await reserve();
    await usage.put(makeRow(hold, usd(5), { attempt: 2 }));

    await settle(hold, makeRow(hold, usd(5)), ports);

    expect(await spent()).toBe(0n);
  });

  test('tries again when the table fails, and writes the row only until it succeeds', async () => {
    await reserve();
    const line = makeFaultyLine(outage);
    const faults = ['dropped', 'answer-lost'] as const;
    let puts = 0;
    let settles = 0;
    const flaky: Wallets = {
      ...wallets,
      settle: (settlement) =>
        line.through(faults[settles++] ?? 'none', () => wallets.settle(settlement)),
    };
    const counted: UsageRows = {
      put: (row) => {
        puts += 1;
        return usage.put(row);
      },
    };

    const outcome = await settle(hold, makeRow(hold, usd(7)), {
      ...ports,
      wallets: flaky,
      usage: counted,
    });

    expect(outcome.settled).toBe(true);
    expect([puts, settles]).toEqual([1, 3]);
    expect(await spent()).toBe(7n);
    expect(clock.sleptMs).toEqual([50, 100]);
  });

  test('leaves the hold to its lease after five seconds, and does not throw', async () => {
    await reserve();
    const row = makeRow(hold, usd(7));

    const outcome = await settle(hold, row, { ...ports, wallets: { ...wallets, settle: down } });

    expect(outcome).toEqual({ row, settled: false, writeUnits: 1 });
    expect(clock.nowMs() - NOW_MS).toBeLessThan(5_000);
    expect(clock.sleptMs).toEqual([50, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
    expect(usage.rows.get(hold.requestId)).toEqual(row);
  });

  // guarantee: table-fails-long
  test('takes five seconds and no more, however slow each call is', async () => {
    await reserve();
    /** A table that answers nothing: each call lasts as long as it may, three seconds at most. */
    const hang = async (timeoutMs = 3_000): Promise<never> => {
      clock.advance(Math.min(timeoutMs, 3_000));
      throw outage();
    };

    await settle(hold, makeRow(hold, usd(7)), {
      ...ports,
      usage: { put: (_, timeoutMs) => hang(timeoutMs) },
    });
    expect(clock.nowMs() - NOW_MS).toBe(5_000);

    await settle(hold, makeRow(hold, usd(7)), {
      ...ports,
      wallets: { ...wallets, settle: (_, timeoutMs) => hang(timeoutMs) },
    });
    expect(clock.nowMs() - NOW_MS).toBe(10_000);
  });

  test('leaves the wallet as it is while the row cannot be written', async () => {
    await reserve();

    const outcome = await settle(hold, makeRow(hold, usd(7)), { ...ports, usage: { put: down } });

    expect(outcome.settled).toBe(false);
    expect(await spent()).toBe(100_000_000n);
    expect((await wallets.find(WALLET_ID))?.inFlight).toBe(1);
  });

  test('stops at once at an error that is not transient', async () => {
    const refuse = async (): Promise<never> => {
      throw new GatewayError('service_unavailable');
    };

    const outcome = await settle(hold, makeRow(hold, usd(7)), { ...ports, usage: { put: refuse } });

    expect(outcome.settled).toBe(false);
    expect(clock.sleptMs).toEqual([]);
  });

  test('is bounded in tries, however fast they fail', async () => {
    const still = { nowMs: () => NOW_MS, sleep: async () => undefined };
    let tries = 0;
    const put = async (): Promise<never> => {
      tries += 1;
      throw outage();
    };

    await settle(hold, makeRow(hold, usd(7)), { ...ports, clock: still, usage: { put } });

    expect(tries).toBe(12);
  });
});

// guarantee: window-edge
describe('clock skew: a request at the edge of a window', () => {
  const LAST_MS = Date.UTC(2026, 10, 21) - 1;

  test('is counted in the one window it was reserved in, however late it is settled', async () => {
    clock = makeManualClock(LAST_MS);
    ports = { ...ports, clock };
    const day = { per: 'user', unit: 'usd', window: 'day' } as const;
    const minute = { per: 'user', unit: 'requests', window: 'minute' } as const;
    const atEdge = makeHold({ reservedAtMs: LAST_MS, counted: [day, minute] });
    await wallets.reserve({
      hold: atEdge,
      counters: [
        { name: 'usd:day:2026-11-20', add: atEdge.amounts.usd },
        { name: 'requests:minute:29920319', add: 1n },
      ],
      inFlightMax: 128,
    });
    clock.advance(60_000);

    await settle(atEdge, makeRow(atEdge, usd(7)), ports);

    const { counters } = (await wallets.find(WALLET_ID)) ?? {};
    expect(Object.fromEntries(counters ?? [])).toEqual({
      'usd:day:2026-11-20': 7n,
      'requests:minute:29920319': 1n,
    });
  });
});

describe('what is long past', () => {
  const open = (keepUntilMs: number): OpenHold => ({
    ...hold,
    stale: {
      drop: ['usd:day:2026-11-01'],
      dropTokens: [{ tokenId: OTHER, seenKeepUntilMs: keepUntilMs, names: ['t:tokenB:usd:total'] }],
    },
  });
  beforeEach(async () => {
    await reserve();
    const counters = ['usd:day:2026-11-01', 't:tokenB:usd:total'].map((name) => ({
      name,
      add: 9n,
    }));
    const old = makeHold({ requestId: asRequestId('old'), tokenId: OTHER });
    await wallets.reserve({
      hold: old,
      counters,
      inFlightMax: 9,
      tokenId: OTHER,
      tokenKeepUntilMs: 1,
    });
  });

  test('is removed by the settle', async () => {
    await settle(open(1), makeRow(hold, usd(7)), ports);

    const wallet = await wallets.find(WALLET_ID);
    expect(wallet?.counters).toEqual(new Map([['usd:total', 7n]]));
    expect(wallet?.tokenKeepUntilMs).toEqual(new Map());
  });

  // guarantee: token-in-use-kept
  test('stays if its token is in use again, and the hold is settled anyway', async () => {
    const outcome = await settle(open(2), makeRow(hold, usd(7)), ports);

    expect(outcome).toMatchObject({ settled: true, writeUnits: 3 });
    const wallet = await wallets.find(WALLET_ID);
    expect(wallet?.counters).toEqual(
      new Map([
        ['usd:total', 7n],
        ['t:tokenB:usd:total', 9n],
      ]),
    );
    expect(wallet?.tokenKeepUntilMs).toEqual(new Map([[OTHER, 1]]));
  });
});

describe('closeExpiredHolds', () => {
  const close = async (countMax = 9, use: Partial<SettlePorts> = {}) => {
    const wallet = await wallets.find(WALLET_ID);
    if (wallet === undefined) throw new Error('no wallet');
    return closeExpiredHolds(wallet, countMax, { ...ports, ...use });
  };

  // guarantee: no-row-costs-the-hold
  test('charges the whole amount and writes it into a row, if there is no row', async () => {
    await reserve();
    clock.advance(900_000);

    expect(await close()).toEqual(['swept']);
    expect(usage.rows.get(hold.requestId)).toEqual({
      keyId: 'k',
      walletId: WALLET_ID,
      requestId: 'r1',
      attempt: 1,
      reservedAtMs: NOW_MS,
      status: 'swept',
      cost: { usd: 100_000_000n, tokens: 100n },
      overrunNanoUsd: 0n,
      tokens: { input: 0, cachedInput: 0, cacheWrite: 0, output: 0, reasoning: 0 },
      tokenId: TOKEN_ID,
      counted: hold.counted,
    });
    expect(await spent()).toBe(100_000_000n);
    expect((await wallets.find(WALLET_ID))?.inFlight).toBe(0);
  });

  test('charges the cost of the row, if there is one', async () => {
    await reserve();
    await usage.put(makeRow(hold, usd(5)));
    clock.advance(900_000);

    expect(await close()).toEqual(['settled']);
    expect(await spent()).toBe(5n);
  });

  test('leaves a lease that has not ended', async () => {
    await reserve();
    clock.advance(899_999);

    expect(await close()).toEqual([]);
    expect((await wallets.find(WALLET_ID))?.inFlight).toBe(1);
  });

  test('closes no more than its bound, and continues after a failure', async () => {
    for (const id of ['a', 'b', 'c']) await reserve(makeHold({ requestId: asRequestId(id) }));
    clock.advance(900_000);
    let puts = 0;
    const flaky: UsageRows = { put: (row) => (puts++ === 0 ? down() : usage.put(row)) };

    expect(await close(2, { usage: flaky })).toEqual(['failed', 'swept']);
    expect((await wallets.find(WALLET_ID))?.inFlight).toBe(2);
  });
});

test('four holds of a token leave a wallet within a kilobyte', () => {
  const letters = 'abcdefghijklmnopqrstuv';
  const held = makeHold({
    tokenId: asTokenId(letters),
    amounts: usd(999_999_999_999n, 999_999n),
    counted: [
      { per: 'user', unit: 'usd', window: 'total' },
      { per: 'user', unit: 'usd', window: 'month' },
      { per: 'token', unit: 'usd', window: 'total' },
      { per: 'user', unit: 'requests', window: 'minute' },
    ],
  });
  const holdBytes = `h:${'x'.repeat(36)}`.length + encodeHold(held).length;
  const names = [
    'pk',
    'inFlight',
    'due',
    'dueAt',
    'usd:total',
    'usd:month:2026-11',
    'requests:minute:29919600',
    `t:${letters}:usd:total`,
    `x:${letters}`,
  ];
  const numberBytes = 8 * 8;

  expect(names.join('').length + numberBytes + 47 + 4 * holdBytes).toBeLessThan(1_024);
});
