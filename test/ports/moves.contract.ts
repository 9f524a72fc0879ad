import { describe, expect, test } from 'vitest';
import { asPoolId, type WalletId } from '../../core/base/ids.ts';
import type { Wallet, WalletMove } from '../../core/wallet/ports.ts';
import { NOW_MS } from '../support/wallet-fixtures.ts';
import type { WalletKit } from './due-wallets.contract.ts';

interface MovesKit extends WalletKit {
  readonly under: () => { setNotBefore(walletId: WalletId, atMs: number): Promise<void> | void };
}

const MONTH = 'usd:month:2026-11';

/** Wallets that are moved into another one of the same person. */
export function describeMoves(kit: MovesKit): void {
  const { wallets, makeWalletId, holdIn, reserve, settle, under } = kit;
  /** A wallet that has spent 5 and drawn 30, and holds nothing. */
  async function makeSpent(): Promise<Wallet> {
    const id = makeWalletId();
    const draw = { poolId: asPoolId(`pool#${id}`), walletId: id, name: MONTH, limit: 100n };
    await wallets().draw({ ...draw, amount: 30n, seenIn: 0n });
    const hold = holdIn(id);
    await reserve(hold, [{ name: 'usd:total', add: 5n }]);
    const { wallet } = await settle(hold);
    if (wallet === undefined) throw new TypeError('expected a wallet');
    return wallet;
  }
  const moveOf = (from: Wallet, overrides: Partial<WalletMove> = {}): WalletMove => ({
    from,
    to: makeWalletId(),
    seen: {},
    joined: {},
    slices: from.slices,
    ...overrides,
  });

  describe('a move', () => {
    // guarantee: move-exact
    test('adds counters and slices to the other wallet, once', async () => {
      const from = await makeSpent();
      const other = await makeSpent();
      const move = moveOf(from, { to: other.id, joined: { notBeforeMs: NOW_MS, spills: 2 } });

      expect(await wallets().moveWallet(move)).toBe(true);
      expect(await wallets().moveWallet(move)).toBe(false);

      const joined = await wallets().find(other.id);
      expect(joined?.counters).toEqual(new Map([['usd:total', 10n]]));
      expect(joined?.slices).toEqual(
        new Map([[MONTH, { left: 60n, drawnIn: 60n, recalledOut: 0n, limit: 100n }]]),
      );
      expect([joined?.notBeforeMs, joined?.spills, joined?.draws]).toEqual([NOW_MS, 2, 2]);
      const left = await wallets().find(from.id);
      expect([left?.movedTo, left?.counters, left?.slices]).toEqual([
        other.id,
        new Map(),
        new Map(),
      ]);
    });

    // guarantee: moved-wallet-admits-nothing
    test('leaves a wallet behind that admits nothing', async () => {
      const from = await makeSpent();
      await wallets().moveWallet(moveOf(from));

      expect((await reserve(holdIn(from.id, 'late'))).written).toBe(false);
    });

    // guarantee: move-exact
    test('changes nothing if one of the wallets changed since it was seen', async () => {
      const [spent, held] = [await makeSpent(), await makeSpent()];
      const [revoked, other] = [await makeSpent(), await makeSpent()];
      const late = holdIn(spent.id, 'late');
      await reserve(late, [{ name: 'usd:total', add: 1n }]);
      await settle(late);
      await reserve(holdIn(held.id, 'late'));
      await under().setNotBefore(revoked.id, NOW_MS);
      const to = makeWalletId();
      await under().setNotBefore(to, NOW_MS);

      const moves = [moveOf(spent), moveOf(held), moveOf(revoked), moveOf(other, { to })];
      const moved = await Promise.all(moves.map((move) => wallets().moveWallet(move)));

      expect(moved).toEqual([false, false, false, false]);
      expect(await wallets().find(moves[0]?.to ?? to)).toBeUndefined();
    });
  });
}
