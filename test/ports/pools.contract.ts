import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asPoolId, asWalletId } from '../../core/base/ids.ts';
import type { Wallets } from '../../core/wallet/ports.ts';
import { makePoolKit } from '../support/pool-kit.ts';
import { describeSlices } from './slices.contract.ts';

const MONTH = 'usd:month:2026-11';

/** The same questions to every implementation of pools and slices, and the same answers. */
export function describePools(
  name: string,
  start: () => Promise<{ readonly wallets: Wallets; close(): Promise<void> | void }>,
): void {
  describe(`pools ${name}`, () => {
    let wallets: Wallets;
    let close: () => Promise<void> | void;
    beforeAll(async () => {
      ({ wallets, close } = await start());
    });
    afterAll(() => close());

    const kit = makePoolKit(() => wallets);
    const { makeDraw, recallOf, sliceOf, take, settle } = kit;
    describeSlices(kit);

    describe('a draw', () => {
      test('moves money from a pool into a wallet when neither item exists yet', async () => {
        const draw = makeDraw();

        const { kind, writeUnits } = await wallets.draw(draw);

        expect(kind).toBe('moved');
        // Two for each item, and where its index is counted, two for the wallet's entry there.
        expect([4, 6]).toContain(writeUnits);
        expect(await wallets.findDrawn(draw.poolId)).toBe(10n);
        const wallet = await wallets.find(draw.walletId);
        expect(wallet?.slices).toEqual(
          new Map([[MONTH, { left: 10n, drawnIn: 10n, recalledOut: 0n, limit: 100n }]]),
        );
        expect([wallet?.draws, wallet?.inFlight]).toEqual([1, 0]);
      });

      // guarantee: slice-knows-its-limit
      test('adds to what is left, under the current limit', async () => {
        const draw = makeDraw();
        await wallets.draw(draw);
        await take(draw.walletId, 4n);

        await wallets.draw({ ...draw, amount: 5n, seenIn: 10n, limit: 90n });

        expect(await sliceOf(draw.walletId)).toEqual({
          left: 11n,
          drawnIn: 15n,
          recalledOut: 0n,
          limit: 90n,
        });
      });

      // guarantee: pool-to-the-last-unit
      test('takes the last of a pool and not more', async () => {
        const draw = makeDraw({ amount: 60n });
        await wallets.draw(draw);
        const other = { ...draw, walletId: asWalletId('k#other1') };

        const over = await wallets.draw({ ...other, amount: 41n });
        const last = await wallets.draw({ ...other, amount: 40n });

        expect([over.kind, last.kind]).toEqual(['pool-refused', 'moved']);
        expect(over.writeUnits).toBe(4);
        expect(await wallets.findDrawn(draw.poolId)).toBe(100n);
        expect((await sliceOf(other.walletId))?.left).toBe(40n);
      });

      test('of the whole limit succeeds', async () => {
        const draw = makeDraw({ amount: 100n });

        expect((await wallets.draw(draw)).kind).toBe('moved');
      });

      // guarantee: draw-once
      test('that is sent twice is made once', async () => {
        const draw = makeDraw();
        await wallets.draw(draw);
        const second = { ...draw, seenIn: 10n };
        await wallets.draw(second);

        const kinds = [(await wallets.draw(draw)).kind, (await wallets.draw(second)).kind];

        expect(kinds).toEqual(['wallet-changed', 'wallet-changed']);
        expect(await wallets.findDrawn(draw.poolId)).toBe(20n);
        expect((await sliceOf(draw.walletId))?.left).toBe(20n);
      });

      // guarantee: first-draw-once
      test('that arrives after all of it was recalled changes nothing', async () => {
        const draw = makeDraw();
        await wallets.draw(draw);
        await wallets.recall(recallOf(draw));

        expect((await wallets.draw(draw)).kind).toBe('wallet-changed');
        expect(await wallets.findDrawn(draw.poolId)).toBe(0n);
      });

      // guarantee: wallet-judged-first
      test('reports that the wallet has changed, even if the pool refuses too', async () => {
        const draw = makeDraw({ amount: 100n });
        await wallets.draw(draw);

        expect((await wallets.draw({ ...draw, amount: 1n })).kind).toBe('wallet-changed');
      });

      test('of zero checks that the pool is within its limit, and records the limit in the slice', async () => {
        const draw = makeDraw({ amount: 50n });
        await wallets.draw(draw);
        const ask = { ...draw, amount: 0n, seenIn: 50n };

        const over = await wallets.draw({ ...ask, limit: 49n });
        const within = await wallets.draw({ ...ask, limit: 50n });

        expect([over.kind, within.kind]).toEqual(['pool-refused', 'moved']);
        expect(await sliceOf(draw.walletId)).toMatchObject({ left: 50n, drawnIn: 50n, limit: 50n });
      });

      test('without a limit covers what was spent already', async () => {
        const draw = makeDraw({ amount: 100n });
        await wallets.draw(draw);
        await take(draw.walletId, 100n);
        await settle(draw.walletId, -7n);
        const { limit: _limit, ...cover } = { ...draw, amount: 7n, seenIn: 100n };

        expect((await wallets.draw(cover)).kind).toBe('moved');
        expect(await sliceOf(draw.walletId)).toMatchObject({
          left: 0n,
          drawnIn: 107n,
          limit: 100n,
        });
        expect(await wallets.findDrawn(draw.poolId)).toBe(107n);
      });

      test('is exact in amounts beyond doubles', async () => {
        const amount = 9_007_199_254_740_993n;
        const draw = makeDraw({ amount, limit: amount });
        await wallets.draw(draw);

        expect(await wallets.findDrawn(draw.poolId)).toBe(9_007_199_254_740_993n);
        expect((await sliceOf(draw.walletId))?.left).toBe(9_007_199_254_740_993n);
      });

      // guarantee: pool-counts-this-draw
      test('by 100 wallets at once gives no more than the limit', async () => {
        const draw = makeDraw({ limit: 305n });
        const kinds = await Promise.all(
          Array.from({ length: 100 }, async (_, index) => {
            const walletId = asWalletId(`k#crowd${index}`);
            return (await wallets.draw({ ...draw, walletId })).kind;
          }),
        );

        expect(kinds.filter((kind) => kind === 'moved')).toHaveLength(30);
        expect(kinds.filter((kind) => kind === 'pool-refused')).toHaveLength(70);
        expect(await wallets.findDrawn(draw.poolId)).toBe(300n);
      });
    });

    describe('a recall', () => {
      test('moves what is left back into the pool', async () => {
        const draw = makeDraw();
        await wallets.draw(draw);

        const { kind, writeUnits } = await wallets.recall(recallOf(draw, { amount: 4n }));

        expect(kind).toBe('moved');
        // Two for each item; DynamoDB Local counts one.
        expect([2, 4]).toContain(writeUnits);
        expect(await wallets.findDrawn(draw.poolId)).toBe(6n);
        expect(await sliceOf(draw.walletId)).toMatchObject({
          left: 6n,
          drawnIn: 10n,
          recalledOut: 4n,
        });
      });

      // guarantee: recall-once
      test('that is sent twice or late is made once', async () => {
        const draw = makeDraw({ amount: 50n });
        await wallets.draw(draw);
        const first = recallOf(draw, { amount: 4n });
        await wallets.recall(first);
        const second = recallOf(draw, { amount: 4n, seenOut: 4n });
        await wallets.recall(second);

        const kinds = [(await wallets.recall(first)).kind, (await wallets.recall(second)).kind];

        expect(kinds).toEqual(['wallet-changed', 'wallet-changed']);
        expect(await wallets.findDrawn(draw.poolId)).toBe(42n);
      });

      // guarantee: recall-leaves-holds
      test('takes nothing that a request holds', async () => {
        const draw = makeDraw();
        await wallets.draw(draw);
        await take(draw.walletId, 8n);

        expect((await wallets.recall(recallOf(draw, { amount: 3n }))).kind).toBe('wallet-changed');
        expect((await wallets.recall(recallOf(draw, { amount: 2n }))).kind).toBe('moved');
        expect(await wallets.findDrawn(draw.poolId)).toBe(8n);
      });

      test('finds nothing in a wallet that does not exist', async () => {
        expect((await wallets.recall(recallOf(makeDraw()))).kind).toBe('wallet-changed');
      });

      // guarantee: pool-never-negative
      test('never takes a pool below zero', async () => {
        const draw = makeDraw();
        await wallets.draw(draw);
        const small = makeDraw({ amount: 9n });
        await wallets.draw(small);

        for (const poolId of [asPoolId('pool#k#empty'), small.poolId]) {
          expect((await wallets.recall(recallOf(draw, { poolId }))).kind).toBe('pool-refused');
        }
        expect(await wallets.findDrawn(small.poolId)).toBe(9n);
        expect((await sliceOf(draw.walletId))?.left).toBe(10n);
      });

      test('at the same time as reserves leaves what they took', async () => {
        const draw = makeDraw({ amount: 100n });
        await wallets.draw(draw);
        const takes = Array.from({ length: 20 }, (_, index) =>
          take(draw.walletId, 5n, 100n, `r${index}`),
        );
        const recalls = Array.from({ length: 20 }, (_, index) =>
          wallets.recall(recallOf(draw, { amount: 5n, seenOut: BigInt(index) * 5n })),
        );
        const taken = (await Promise.all(takes)).filter(({ written }) => written).length;
        const recalled = (await Promise.all(recalls)).filter(({ kind }) => kind === 'moved').length;

        const slice = await sliceOf(draw.walletId);
        expect(slice?.left).toBe(100n - 5n * BigInt(taken + recalled));
        expect(await wallets.findDrawn(draw.poolId)).toBe(100n - 5n * BigInt(recalled));
      });
    });

    test('a pool that nobody drew from has drawn nothing', async () => {
      expect(await wallets.findDrawn(asPoolId('pool#k#none'))).toBe(0n);
    });
  });
}
