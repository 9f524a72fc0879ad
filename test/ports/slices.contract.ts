import { describe, expect, test } from 'vitest';
import { asKeyId, asWalletId } from '../../core/base/ids.ts';
import type { PoolKit } from '../support/pool-kit.ts';

const MONTH = 'usd:month:2026-11';

/** The part of the pools' contract about slices in wallets: reserve, settle, and the index of their holders. */
export function describeSlices(kit: PoolKit): void {
  const { makeDraw, recallOf, sliceOf, holdIn, take, settle } = kit;

  describe('a reserve of a slice', () => {
    // guarantee: slice-to-the-last-unit
    test('takes what is left to the last unit, and not more', async () => {
      const draw = makeDraw();
      await kit.wallets().draw(draw);

      const over = await take(draw.walletId, 11n, 100n, 'r1');
      const last = await take(draw.walletId, 10n, 100n, 'r2');
      const after = await take(draw.walletId, 1n, 100n, 'r3');

      expect([over.written, last.written, after.written]).toEqual([false, true, false]);
      expect(last.wallet?.slices.get(MONTH)?.left).toBe(0n);
      expect(over.wallet?.slices.get(MONTH)?.left).toBe(10n);
    });

    test('is refused if nothing was drawn', async () => {
      const outcome = await take(asWalletId('k#none'), 1n);

      expect(outcome.written).toBe(false);
      expect(outcome.wallet).toBeUndefined();
    });

    // guarantee: slice-within-current-limit
    test.each([
      ['larger', 99n, false],
      ['the same', 100n, true],
      ['smaller', 101n, true],
    ])(
      'of a slice that was drawn under a %s limit than the current one: %s',
      async (_how, limit, written) => {
        const draw = makeDraw();
        await kit.wallets().draw(draw);

        expect((await take(draw.walletId, 1n, limit)).written).toBe(written);
      },
    );

    test('adds to no counter when the slice is too small', async () => {
      const draw = makeDraw();
      await kit.wallets().draw(draw);

      const outcome = await kit.wallets().reserve({
        hold: holdIn(draw.walletId),
        counters: [{ name: 'usd:total', add: 1n }],
        slices: [{ name: MONTH, take: 11n, limit: 100n }],
        inFlightMax: 128,
      });

      expect(outcome.wallet?.counters).toEqual(new Map());
    });
  });

  describe('a settle of a slice', () => {
    test('gives back the unused part of the hold, once', async () => {
      const draw = makeDraw();
      await kit.wallets().draw(draw);
      await take(draw.walletId, 8n);

      await settle(draw.walletId, 5n);
      await settle(draw.walletId, 5n);

      expect((await sliceOf(draw.walletId))?.left).toBe(7n);
    });

    // guarantee: slice-made-again
    test('bills beyond what was left, also if nothing was drawn', async () => {
      const walletId = asWalletId('k#undrawn');
      await kit.wallets().reserve({ hold: holdIn(walletId), counters: [], inFlightMax: 128 });
      await settle(walletId, -3n);

      expect(await sliceOf(walletId)).toEqual({
        left: -3n,
        drawnIn: 0n,
        recalledOut: 0n,
        limit: 0n,
      });
    });

    test('removes old slices, with all their attributes', async () => {
      const draw = makeDraw();
      await kit.wallets().draw(draw);
      await kit.wallets().recall(recallOf(draw, { amount: 1n }));
      await take(draw.walletId, 1n);

      const { wallet } = await settle(draw.walletId, 0n, [MONTH, 'usd:month:2026-10']);

      expect(wallet?.slices).toEqual(new Map());
      expect((await kit.wallets().draw(draw)).kind).toBe('moved');
    });
  });

  describe('wallets that may have something left', () => {
    const holdersOf = (key: string, after = `${key}#`, pageSize = 100) =>
      kit.wallets().findHolders(asKeyId(key), after, pageSize);
    const drawIn = (walletId: string) =>
      kit.wallets().draw(makeDraw({ walletId: asWalletId(walletId) }));

    test('are those of the key that drew, in order, a page at a time', async () => {
      for (const id of ['m#u3', 'm#u1', 'm#u2', 'n#u1']) await drawIn(id);
      await kit.wallets().reserve({
        hold: holdIn(asWalletId('m#u9')),
        counters: [],
        inFlightMax: 1,
      });

      expect(await holdersOf('m')).toEqual(['m#u1', 'm#u2', 'm#u3']);
      expect(await holdersOf('m', 'm#u1')).toEqual(['m#u2', 'm#u3']);
      expect(await holdersOf('m', 'm#', 2)).toEqual(['m#u1', 'm#u2']);
    });

    test('are read together, as the last write left them', async () => {
      for (const id of ['r#u1', 'r#u2']) await drawIn(id);
      await take(asWalletId('r#u1'), 4n);

      const read = await kit.wallets().findAll(['r#u1', 'r#u2', 'r#u3'].map(asWalletId));

      const lefts = new Map(read.map(({ id, slices }) => [id, slices.get(MONTH)?.left]));
      expect(Object.fromEntries(lefts)).toEqual({ 'r#u1': 6n, 'r#u2': 10n });
      expect(await kit.wallets().findAll([])).toEqual([]);
    });

    // guarantee: drawer-visible
    test('leave when seen empty, until they draw again', async () => {
      const draw = makeDraw({ walletId: asWalletId('o#u1') });
      await kit.wallets().draw(draw);
      await kit.wallets().recall(recallOf(draw));

      expect(await kit.wallets().retire(draw.walletId, 1, [])).toBe(true);
      expect(await holdersOf('o')).toEqual([]);
      await kit.wallets().draw({ ...draw, seenIn: 10n });
      expect(await holdersOf('o')).toEqual(['o#u1']);
    });

    // guarantee: draws-counted
    test('stay when they drew since they were seen', async () => {
      const draw = makeDraw({ walletId: asWalletId('q#u1') });
      await kit.wallets().draw(draw);
      await kit.wallets().draw({ ...draw, name: 'tokens:day:2026-11-20' });

      expect(await kit.wallets().retire(draw.walletId, 1, [])).toBe(false);
      expect(await holdersOf('q')).toEqual(['q#u1']);
    });

    // guarantee: hide-when-idle
    test('stay while anything is in flight', async () => {
      const draw = makeDraw({ walletId: asWalletId('s#u1') });
      await kit.wallets().draw(draw);
      await take(draw.walletId, 10n);

      expect(await kit.wallets().retire(draw.walletId, 1, [])).toBe(false);
      await settle(draw.walletId, 0n);
      expect(await kit.wallets().retire(draw.walletId, 1, [MONTH])).toBe(true);
      expect((await kit.wallets().find(draw.walletId))?.slices).toEqual(new Map());
    });
  });
}
