import { beforeEach, describe, expect, test } from 'vitest';
import { GatewayError } from '../../../core/base/errors.ts';
import { giveBack } from '../../../core/wallet/give-back.ts';
import type { Hold } from '../../../core/wallet/hold.ts';
import { closeExpiredHolds, settle } from '../../../core/wallet/settle.ts';
import { type Fault, makeFaultyLine } from '../../support/faulty.ts';
import { type MemoryPorts, makeMemoryPorts } from '../../support/memory-ports.ts';
import { makeHold, makeRow, usd, WALLET_ID } from '../../support/wallet-fixtures.ts';

const hold = makeHold({
  counted: [
    { per: 'user', unit: 'usd', window: 'total' },
    { per: 'user', unit: 'requests', window: 'day' },
    { per: 'key', unit: 'usd', window: 'month' },
  ],
});
const MONTH = 'usd:month:2026-11';

let ports: MemoryPorts;
beforeEach(async () => {
  ports = makeMemoryPorts();
  const draw = { poolId: 'pool#k#usd:month:2026-11' as never, walletId: WALLET_ID, name: MONTH };
  await ports.wallets.draw({ ...draw, amount: 100_000_000n, seenIn: 0n, limit: 100_000_000n });
  await reserve(hold);
});

const reserve = (held: Hold) =>
  ports.wallets.reserve({
    hold: held,
    counters: [
      { name: 'usd:total', add: held.amounts.usd },
      { name: 'requests:day:2026-11-20', add: 1n },
    ],
    slices: [{ name: MONTH, take: held.amounts.usd, limit: 100_000_000n }],
    inFlightMax: 128,
  });

/** The counts: dollars, requests, and the rest of the slice. */
async function books(): Promise<readonly unknown[]> {
  const wallet = await ports.wallets.find(WALLET_ID);
  const counted = ['usd:total', 'requests:day:2026-11-20'].map((name) =>
    wallet?.counters.get(name),
  );
  return [...counted, wallet?.slices.get(MONTH)?.left];
}

const makeLine = () =>
  makeFaultyLine(() => new GatewayError('service_unavailable', { transient: true }));

describe('a give-back', () => {
  test('gives back the difference of each amount, and the request stays counted', async () => {
    const outcome = await giveBack(hold, usd(60_000_000, 40n), ports);

    expect(outcome).toEqual({ hold: { ...hold, amounts: usd(60_000_000, 40n) }, writeUnits: 1 });
    expect(await books()).toEqual([60_000_000n, 1n, 40_000_000n]);
  });

  test('never raises an amount', async () => {
    const outcome = await giveBack(hold, usd(60_000_000, 900n), ports);

    expect(outcome.hold.amounts).toEqual(usd(60_000_000, 100n));
  });

  test('writes nothing if nothing is smaller', async () => {
    expect(await giveBack(hold, usd(900_000_000, 900n), ports)).toEqual({ hold, writeUnits: 0 });
  });

  test('gives nothing back to a window that is long past', async () => {
    ports.clock.advance(40 * 86_400_000);
    await giveBack(hold, usd(60_000_000, 40n), ports);

    expect(await books()).toEqual([60_000_000n, 1n, 0n]);
  });

  // guarantee: settle-amounts-as-held
  test.each<Fault>(['none', 'dropped', 'answer-lost', 'late', 'doubled'])(
    'that is %s leaves exact books after the settle',
    async (fault) => {
      const line = makeLine();
      const wallets = {
        ...ports.wallets,
        giveBack: (write: Parameters<typeof ports.wallets.giveBack>[0]) =>
          line.through(fault, () => ports.wallets.giveBack(write)),
      };
      const { hold: lowered } = await giveBack(hold, usd(60_000_000, 40n), { ...ports, wallets });
      const { settled } = await settle(lowered, makeRow(hold, usd(10_000_000, 5n)), ports);
      await line.deliver();

      expect(settled).toBe(true);
      expect(await books()).toEqual([10_000_000n, 1n, 90_000_000n]);
    },
  );

  test('that arrives between a settle and its next try leaves exact books', async () => {
    let tries = 0;
    const wallets: MemoryPorts['wallets'] = {
      ...ports.wallets,
      settle: async (settlement) => {
        tries += 1;
        if (tries === 1) await giveBack(hold, usd(60_000_000, 40n), ports);
        return ports.wallets.settle(settlement);
      },
    };
    await settle(hold, makeRow(hold, usd(10_000_000, 5n)), { ...ports, wallets });

    expect(tries).toBe(2);
    expect(await books()).toEqual([10_000_000n, 1n, 90_000_000n]);
  });

  test('is seen by a sweep that looked at the wallet before it', async () => {
    ports.clock.advance(3_600_000);
    const seen = await ports.wallets.find(WALLET_ID);
    await giveBack(hold, usd(60_000_000, 40n), ports);

    const closings = seen && (await closeExpiredHolds(seen, 8, ports));

    expect(closings).toEqual(['swept']);
    expect(ports.usage.rows.get(hold.requestId)?.cost).toEqual(usd(100_000_000, 100n));
    expect(await books()).toEqual([100_000_000n, 1n, 0n]);
  });

  test('of a hold that somebody keeps changing is left to its lease', async () => {
    let amount = 90_000_000n;
    const wallets: MemoryPorts['wallets'] = {
      ...ports.wallets,
      settle: async (settlement) => {
        const held = (await ports.wallets.find(WALLET_ID))?.holds.get(hold.requestId) ?? hold;
        amount -= 1n;
        await giveBack(held, usd(amount, 1n), ports);
        return ports.wallets.settle(settlement);
      },
    };

    const { settled } = await settle(hold, makeRow(hold, usd(5)), { ...ports, wallets });

    expect(settled).toBe(false);
    expect((await ports.wallets.find(WALLET_ID))?.inFlight).toBe(1);
  });
});

describe('what a settle remembers', () => {
  const prompt = { hashes: ['00000000000000aa'], inputTokens: 7, modelTag: '0001' };
  const remember = { slot: 1, prompt, salt: '0000000000000001' };

  test('is stored by its settle, in no write of its own', async () => {
    const { writeUnits } = await settle({ ...hold, remember }, makeRow(hold, usd(5)), ports);

    expect(writeUnits).toBe(2);
    expect((await ports.wallets.find(WALLET_ID))?.memory).toEqual({
      salt: '0000000000000001',
      prompts: new Map([[1, prompt]]),
    });
  });

  test('goes first when the item has grown too large', async () => {
    await settle({ ...hold, remember }, makeRow(hold, usd(5)), ports);
    const next = makeHold({ requestId: 'r2' as never, amounts: usd(1) });
    await reserve(next);
    const stale = { drop: [], dropTokens: [], dropSlices: [], forgetsPrompts: true };

    await settle({ ...next, remember, stale }, makeRow(next, usd(5)), ports);

    expect(await ports.wallets.find(WALLET_ID)).not.toHaveProperty('memory');
  });
});
