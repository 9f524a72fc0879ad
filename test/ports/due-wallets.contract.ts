import { describe, expect, test } from 'vitest';
import type { WalletId } from '../../core/base/ids.ts';
import type { Hold } from '../../core/wallet/hold.ts';
import type { CounterAdd, Settlement, Wallets, WriteOutcome } from '../../core/wallet/ports.ts';
import { NOW_MS } from '../support/wallet-fixtures.ts';

/** The wallets of a contract, and its short forms of their calls. */
export interface WalletKit {
  readonly wallets: () => Wallets;
  /** A new one at each call. */
  readonly makeWalletId: () => WalletId;
  readonly holdIn: (walletId: WalletId, request?: string, overrides?: Partial<Hold>) => Hold;
  readonly reserve: (hold: Hold, counters?: readonly CounterAdd[]) => Promise<WriteOutcome>;
  readonly settle: (hold: Hold, overrides?: Partial<Settlement>) => Promise<WriteOutcome>;
}

const SHARDS = [0, 1, 2, 3];

/** The part of the wallets' contract about the index of the sweep. */
export function describeDueWallets(kit: WalletKit): void {
  const { makeWalletId, holdIn, reserve, settle } = kit;
  describe('due wallets', () => {
    const findAllDue = async (beforeMs: number): Promise<WalletId[]> => {
      const pages = SHARDS.map((shard) => kit.wallets().findDue(shard, beforeMs, 1_000));
      return (await Promise.all(pages)).flat();
    };

    test('are those whose mark is before an instant', async () => {
      const id = makeWalletId();
      await reserve(holdIn(id, 'r1', { leaseEndsAtMs: NOW_MS + 5 }));

      expect(await findAllDue(NOW_MS + 5)).not.toContain(id);
      expect(await findAllDue(NOW_MS + 6)).toContain(id);
    });

    test('come oldest first, a page at a time', async () => {
      const atMs = NOW_MS - 1_000_000;
      for (let index = 30; index > 0; index -= 1) {
        await reserve(holdIn(makeWalletId(), 'r1', { leaseEndsAtMs: atMs + index }));
      }

      const pages = await Promise.all(
        SHARDS.map((shard) => kit.wallets().findDue(shard, atMs + 31, 3)),
      );

      expect(Math.max(...pages.map((page) => page.length))).toBe(3);
      for (const page of pages) {
        const found = await Promise.all(page.map((id) => kit.wallets().find(id)));
        const marks = found.map((wallet) => wallet?.dueAtMs ?? 0);
        expect(marks).toEqual([...marks].sort((a, b) => a - b));
      }
      expect(pages.flat().length).toBeGreaterThanOrEqual(8);
    });

    // guarantee: due-moved-once
    test('move to the next lease, if the mark has not moved', async () => {
      const hold = holdIn(makeWalletId(), 'r1', { leaseEndsAtMs: NOW_MS });
      await reserve(hold);

      expect(await kit.wallets().moveDue(hold.walletId, NOW_MS - 1, NOW_MS + 9)).toBe(false);
      expect((await kit.wallets().find(hold.walletId))?.dueAtMs).toBe(NOW_MS);
      expect(await kit.wallets().moveDue(hold.walletId, NOW_MS, NOW_MS + 9)).toBe(true);
      expect((await kit.wallets().find(hold.walletId))?.dueAtMs).toBe(NOW_MS + 9);
    });

    // guarantee: due-removed-when-idle
    test('leave when nothing is in flight, and return with the next hold', async () => {
      const id = makeWalletId();
      const hold = holdIn(id, 'r1', { leaseEndsAtMs: NOW_MS });
      await reserve(hold);

      expect(await kit.wallets().moveDue(id, NOW_MS, undefined)).toBe(false);
      await settle(hold);
      expect(await kit.wallets().moveDue(id, NOW_MS - 1, undefined)).toBe(false);
      expect(await kit.wallets().moveDue(id, NOW_MS, undefined)).toBe(true);
      expect(await findAllDue(NOW_MS + 1)).not.toContain(id);
      expect((await kit.wallets().find(id))?.dueAtMs).toBeUndefined();
      await reserve(holdIn(id, 'r2', { leaseEndsAtMs: NOW_MS + 50 }));
      expect((await kit.wallets().find(id))?.dueAtMs).toBe(NOW_MS + 50);
      expect(await findAllDue(NOW_MS + 51)).toContain(id);
    });

    test('are not brought back by a move after they left', async () => {
      const id = makeWalletId();
      const hold = holdIn(id, 'r1', { leaseEndsAtMs: NOW_MS });
      await reserve(hold);
      await settle(hold);
      await kit.wallets().moveDue(id, NOW_MS, undefined);

      expect(await kit.wallets().moveDue(id, NOW_MS, NOW_MS + 9)).toBe(false);
    });
  });
}
