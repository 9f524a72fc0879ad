import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { GatewayError } from '../../../core/base/errors.ts';
import { asRequestId } from '../../../core/base/ids.ts';
import { sweep } from '../../../core/sweep.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import type { Wallets } from '../../../core/wallet/ports.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { type SettlePorts, settle } from '../../../core/wallet/settle.ts';
import { makeLossyLine, makeMemoryPorts, withFaultyReserves } from '../../support/memory-ports.ts';
import type { MemoryUsage } from '../../support/memory-usage.ts';
import type { MemoryWallets } from '../../support/memory-wallets.ts';
import {
  type ManualClock,
  makeGrant,
  makeReserveRequests,
  makeRow,
  NOW_MS,
  refusalOf,
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

// guarantee: outcome-unknown
describe('a reserve whose answer is lost', () => {
  // guarantee: own-hold-is-success
  test('finds its own hold, and continues with that attempt', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const line = makeLossyLine();

    const outcome = await reserve(ask(grant, 'r1', usd(TENTH)), {
      ...ports,
      wallets: withFaultyReserves(wallets, line, ['answer-lost']),
    });

    expect(outcome.hold.attempt).toBe(1);
    expect(await counterOf(grant, 'usd:total')).toBe(100_000_000n);
    expect(clock.sleptMs).toEqual([25]);
  });

  // guarantee: attempt-numbers
  test('continues with the amounts of the attempt that was written, not of the last', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const line = makeLossyLine();
    const outcome = await reserve(ask(grant, 'r1', usd(TENTH, 7n)), {
      ...ports,
      wallets: withFaultyReserves(wallets, line, ['dropped', 'answer-lost']),
    });

    expect(outcome.hold).toMatchObject({
      attempt: 2,
      reservedAtMs: NOW_MS,
      amounts: usd(TENTH, 7n),
    });
    expect(clock.sleptMs).toEqual([25, 50]);
  });

  // guarantee: refused-is-released
  test('fails after three tries, and its hold is given back at once', async () => {
    const grant = makeGrant(['token:usd:total=1']);
    const line = makeLossyLine();

    const error = await refusalOf(
      reserve(ask(grant, 'r1', usd(TENTH)), {
        ...ports,
        wallets: withFaultyReserves(wallets, line, [
          'answer-lost',
          'answer-lost',
          'answer-lost',
          'none',
        ]),
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
    const line = makeLossyLine();
    const { hold } = await reserve(ask(grant, 'other', usd(USD)), ports);
    const error = await refusalOf(
      reserve(ask(grant, 'late', usd(TENTH)), {
        ...ports,
        wallets: withFaultyReserves(wallets, line, ['late']),
      }),
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
    const line = makeLossyLine();
    const { hold } = await reserve(ask(grant, 'r1', usd(TENTH)), {
      ...ports,
      wallets: withFaultyReserves(wallets, line, ['late', 'none']),
    });
    await settle(hold, makeRow(hold, usd(3)), ports);
    await line.deliver();

    clock.advance(1_000_000);
    const outcome = await sweep(ports, { shards: 4, deadlineAtMs: clock.nowMs() + 60_000 });

    expect(hold.attempt).toBe(2);
    expect(outcome).toMatchObject({ swept: 0, settled: 1 });
    expect(await counterOf(grant, 'usd:total')).toBe(3n);
  });

  test('is not repeated after an error that is not transient', async () => {
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
