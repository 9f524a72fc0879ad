import { describe, expect, test } from 'vitest';
import type { GiveBack } from '../../core/wallet/ports.ts';
import { usd } from '../support/wallet-fixtures.ts';
import type { WalletKit } from './due-wallets.contract.ts';

/** Giving a part of a hold back while its request runs. */
export function describeGiveBack({
  wallets,
  makeWalletId,
  holdIn,
  reserve,
  settle,
}: WalletKit): void {
  const makeGiveBack = (overrides: Partial<GiveBack> = {}): GiveBack => ({
    hold: holdIn(makeWalletId()),
    amounts: usd(60_000_000, 100n),
    counters: [{ name: 'usd:total', add: -40_000_000n }],
    slices: [],
    ...overrides,
  });
  const held = [{ name: 'usd:total', add: 100_000_000n }];

  describe('a give-back', () => {
    // guarantee: give-back-once
    test('lowers the hold and its counter once, however often it is sent', async () => {
      const giveBack = makeGiveBack();
      await reserve(giveBack.hold, held);

      const first = await wallets().giveBack(giveBack);
      const second = await wallets().giveBack(giveBack);

      expect([first.written, second.written]).toEqual([true, false]);
      expect(second.wallet?.counters.get('usd:total')).toBe(60_000_000n);
      expect([...(second.wallet?.holds.values() ?? [])]).toEqual([
        { ...giveBack.hold, amounts: usd(60_000_000, 100n) },
      ]);
      expect(second.wallet?.inFlight).toBe(1);
    });

    test('that comes after the settle changes nothing', async () => {
      const giveBack = makeGiveBack();
      await reserve(giveBack.hold, held);
      await settle(giveBack.hold, { counters: [{ name: 'usd:total', add: -1n }] });

      const { written, wallet } = await wallets().giveBack(giveBack);

      expect(written).toBe(false);
      expect(wallet?.holds.size).toBe(0);
      expect(wallet?.counters.get('usd:total')).toBe(99_999_999n);
    });

    // guarantee: settle-amounts-as-held
    test('makes a settle fail that was worked out before it, and shows it the new amounts', async () => {
      const giveBack = makeGiveBack();
      await reserve(giveBack.hold, held);
      await wallets().giveBack(giveBack);

      const { written, wallet } = await settle(giveBack.hold, {
        counters: [{ name: 'usd:total', add: -90_000_000n }],
      });

      expect(written).toBe(false);
      expect(wallet?.counters.get('usd:total')).toBe(60_000_000n);
      expect(wallet?.holds.get(giveBack.hold.requestId)?.amounts.usd).toBe(60_000_000n);
    });

    test('leaves the hold of another attempt alone', async () => {
      const giveBack = makeGiveBack();
      await reserve({ ...giveBack.hold, attempt: 2 }, held);

      expect((await wallets().giveBack(giveBack)).written).toBe(false);
    });
  });
}
