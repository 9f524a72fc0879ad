import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  asRequestId,
  asTokenId,
  asWalletId,
  type TokenId,
  type WalletId,
} from '../../core/base/ids.ts';
import type { Hold } from '../../core/wallet/hold.ts';
import type { People } from '../../core/wallet/people.ts';
import type { CounterAdd, Reservation, Settlement, Wallets } from '../../core/wallet/ports.ts';
import { makeHold, NOW_MS, TOKEN_ID } from '../support/wallet-fixtures.ts';
import { describeDueWallets } from './due-wallets.contract.ts';
import { describeGiveBack } from './give-back.contract.ts';
import { describeMemory } from './memory.contract.ts';
import { describeMoves } from './moves.contract.ts';
import { describePeople } from './people.contract.ts';
import { describeSpills } from './spills.contract.ts';

/** The parts of an implementation that the contract needs beside the port. */
export interface WalletsUnderTest {
  readonly wallets: Wallets;
  readonly people: People;
  revokeToken(walletId: WalletId, tokenId: TokenId): Promise<void> | void;
  setNotBefore(walletId: WalletId, atMs: number): Promise<void> | void;
  close(): Promise<void> | void;
}

const OTHER_TOKEN = asTokenId('tokenB');

/** The same questions to every implementation of wallets, and the same answers. */
export function describeWallets(name: string, start: () => Promise<WalletsUnderTest>): void {
  describe(`wallets ${name}`, () => {
    let under: WalletsUnderTest;
    let wallets: Wallets;
    let count = 0;
    beforeAll(async () => {
      under = await start();
      wallets = under.wallets;
    });
    afterAll(() => under.close());

    /** Each test has a wallet of its own. */
    const makeWalletId = (): WalletId => {
      count += 1;
      return asWalletId(`k#u${count}`);
    };
    const holdIn = (walletId: WalletId, request = 'r1', overrides: Partial<Hold> = {}): Hold =>
      makeHold({ walletId, requestId: asRequestId(request), ...overrides });
    const reserve = (
      hold: Hold,
      counters: readonly CounterAdd[] = [],
      overrides: Partial<Reservation> = {},
    ) => wallets.reserve({ hold, counters, inFlightMax: 128, ...overrides });
    const settle = (hold: Hold, overrides: Partial<Settlement> = {}) =>
      wallets.settle({
        hold,
        counters: [],
        drop: [],
        dropTokens: [],
        ...overrides,
      });
    const counterOf = async (walletId: WalletId, counter: string) =>
      (await wallets.find(walletId))?.counters.get(counter);

    describe('reserve', () => {
      test('creates the wallet with the first hold, and returns it', async () => {
        const hold = holdIn(makeWalletId());

        const outcome = await reserve(hold, [{ name: 'usd:total', add: 7n, max: 10n }]);

        const wallet = {
          id: hold.walletId,
          counters: new Map([['usd:total', 7n]]),
          holds: new Map([[hold.requestId, hold]]),
          slices: new Map(),
          draws: 0,
          inFlight: 1,
          revokedTokens: new Set(),
          tokenKeepUntilMs: new Map(),
          dueAtMs: 1_795_176_900_000,
          bytes: expect.any(Number),
        };
        expect(outcome.written).toBe(true);
        expect(outcome.wallet).toEqual(wallet);
        expect(outcome.writeUnits).toBeGreaterThan(0);
        expect(await wallets.find(hold.walletId)).toEqual(wallet);
      });

      // guarantee: limit-to-the-last-unit
      test('fills a limit to the last unit and not beyond', async () => {
        const id = makeWalletId();
        await reserve(holdIn(id, 'r1'), [{ name: 'usd:total', add: 4n, max: 10n }]);
        const brim = await reserve(holdIn(id, 'r2'), [{ name: 'usd:total', add: 6n, max: 10n }]);
        const over = await reserve(holdIn(id, 'r3'), [{ name: 'usd:total', add: 1n, max: 10n }]);

        expect([brim.written, over.written]).toEqual([true, false]);
        expect(over.wallet?.counters.get('usd:total')).toBe(10n);
        expect(over.wallet?.inFlight).toBe(2);
        expect(over.writeUnits).toBeGreaterThan(0);
      });

      test.each([
        ['first', 9n, 100n],
        ['second', 100n, 9n],
      ])('adds to no counter when the %s one is full', async (_which, firstMax, secondMax) => {
        const id = makeWalletId();
        const counters = (add: bigint): CounterAdd[] => [
          { name: 't:tokenA:usd:total', add, max: firstMax },
          { name: 'usd:total', add, max: secondMax },
        ];
        await reserve(holdIn(id, 'r1'), counters(9n));

        const refused = await reserve(holdIn(id, 'r2'), counters(1n));

        expect(refused.written).toBe(false);
        expect(await counterOf(id, 't:tokenA:usd:total')).toBe(9n);
        expect(await counterOf(id, 'usd:total')).toBe(9n);
      });

      test('counts also without a limit', async () => {
        const id = makeWalletId();
        await reserve(holdIn(id, 'r1'), [{ name: 'usd:total', add: 5n }]);
        await reserve(holdIn(id, 'r2'), [{ name: 'usd:total', add: 5n }]);

        expect(await counterOf(id, 'usd:total')).toBe(10n);
      });

      test('counts amounts beyond doubles, to the last digit', async () => {
        const id = makeWalletId();
        const add = 9_007_199_254_740_993n;
        const hold = holdIn(id, 'r1', { amounts: { ...holdIn(id).amounts, tokens: add } });
        await reserve(hold, [{ name: 'tokens:total', add, max: add }]);

        expect(await counterOf(id, 'tokens:total')).toBe(9_007_199_254_740_993n);
        expect((await wallets.find(id))?.holds.get(hold.requestId)?.amounts.tokens).toBe(
          9_007_199_254_740_993n,
        );
      });

      // guarantee: hold-once
      test('holds once for a request, and shows that hold to a later try', async () => {
        const id = makeWalletId();
        await reserve(holdIn(id), [{ name: 'usd:total', add: 5n, max: 100n }]);

        const again = await reserve(holdIn(id, 'r1', { attempt: 2 }), [
          { name: 'usd:total', add: 5n, max: 100n },
        ]);

        expect(again.written).toBe(false);
        expect(again.wallet?.holds.get(asRequestId('r1'))?.attempt).toBe(1);
        expect(await counterOf(id, 'usd:total')).toBe(5n);
      });

      // guarantee: in-flight-max
      test('admits no more requests at once than allowed', async () => {
        const id = makeWalletId();
        await reserve(holdIn(id, 'r1'), [], { inFlightMax: 2 });
        const second = await reserve(holdIn(id, 'r2'), [], { inFlightMax: 2 });
        const third = await reserve(holdIn(id, 'r3'), [], { inFlightMax: 2 });

        expect([second.written, third.written]).toEqual([true, false]);
        expect(third.wallet?.inFlight).toBe(2);
      });

      // guarantee: token-not-revoked
      test('refuses a token that is revoked, and no other', async () => {
        const id = makeWalletId();
        await under.revokeToken(id, TOKEN_ID);

        const revoked = await reserve(holdIn(id, 'r1'), [], { tokenId: TOKEN_ID });
        const other = await reserve(holdIn(id, 'r2'), [], { tokenId: OTHER_TOKEN });

        expect([revoked.written, other.written]).toEqual([false, true]);
        expect(revoked.wallet?.revokedTokens).toEqual(new Set([TOKEN_ID]));
      });

      // guarantee: issued-after-revocation
      test.each([
        ['before', NOW_MS - 1, false],
        ['at', NOW_MS, false],
        ['after', NOW_MS + 1, true],
      ])('decides by "notBefore" for a token issued %s it', async (_when, issuedAtMs, written) => {
        const id = makeWalletId();
        await under.setNotBefore(id, NOW_MS);

        const outcome = await reserve(holdIn(id), [], { issuedAtMs });

        expect(outcome.written).toBe(written);
        expect(outcome.wallet?.notBeforeMs).toBe(NOW_MS);
      });

      // guarantee: token-kept-long-enough
      test('records when the counters of its token may be removed', async () => {
        const id = makeWalletId();
        const first = { tokenId: TOKEN_ID, tokenKeepUntilMs: NOW_MS + 1 };
        await reserve(holdIn(id, 'r1'), [], first);
        await reserve(holdIn(id, 'r2'), [], { ...first, tokenKeepUntilMs: NOW_MS + 2 });

        expect((await wallets.find(id))?.tokenKeepUntilMs).toEqual(
          new Map([[TOKEN_ID, NOW_MS + 2]]),
        );
      });

      // guarantee: due-at-first-lease
      test('leaves the due mark at the first lease', async () => {
        const id = makeWalletId();
        await reserve(holdIn(id, 'r1', { leaseEndsAtMs: NOW_MS + 100 }));
        await reserve(holdIn(id, 'r2', { leaseEndsAtMs: NOW_MS + 200 }));

        expect((await wallets.find(id))?.dueAtMs).toBe(1_795_176_000_100);
      });

      // guarantee: limit-counts-this-request
      test('admits of 300 at once exactly as many as the limit has room for', async () => {
        const id = makeWalletId();
        const outcomes = await Promise.all(
          Array.from({ length: 300 }, (_, index) =>
            reserve(holdIn(id, `r${index}`), [{ name: 'usd:total', add: 10n, max: 1_000n }], {
              inFlightMax: 1_000,
            }),
          ),
        );

        expect(outcomes.filter(({ written }) => written)).toHaveLength(100);
        const wallet = await wallets.find(id);
        expect(wallet?.counters.get('usd:total')).toBe(1_000n);
        expect(wallet?.inFlight).toBe(100);
        expect(wallet?.holds.size).toBe(100);
      });
    });

    describe('settle', () => {
      // guarantee: settle-once
      test('gives back the unused part of the hold; a duplicate settle changes nothing', async () => {
        const hold = holdIn(makeWalletId());
        await reserve(hold, [{ name: 'usd:total', add: 10n, max: 10n }]);

        const first = await settle(hold, { counters: [{ name: 'usd:total', add: -6n }] });
        const second = await settle(hold, { counters: [{ name: 'usd:total', add: -6n }] });

        expect([first.written, second.written]).toEqual([true, false]);
        expect(first.wallet?.holds.size).toBe(0);
        expect(second.wallet?.counters.get('usd:total')).toBe(4n);
        expect(second.wallet?.inFlight).toBe(0);
      });

      // guarantee: settle-own-attempt
      test.each([
        ['another', 2, 1],
        ['one that begins with the same digit', 12, 1],
      ])('leaves a hold of %s attempt alone', async (_which, held, attempt) => {
        const hold = holdIn(makeWalletId(), 'r1', { attempt: held });
        await reserve(hold, [{ name: 'usd:total', add: 10n }]);

        const outcome = await settle(
          { ...hold, attempt },
          { counters: [{ name: 'usd:total', add: -10n }] },
        );

        expect(outcome.written).toBe(false);
        expect(outcome.wallet?.holds.size).toBe(1);
        expect(outcome.wallet?.counters.get('usd:total')).toBe(10n);
      });

      test('finds no hold in a wallet that does not exist', async () => {
        const outcome = await settle(holdIn(makeWalletId()));

        expect(outcome.written).toBe(false);
        expect(outcome.wallet).toBeUndefined();
      });

      test('bills what was used beyond the hold', async () => {
        const hold = holdIn(makeWalletId());
        await reserve(hold, [{ name: 'usd:total', add: 10n, max: 10n }]);
        await settle(hold, { counters: [{ name: 'usd:total', add: 3n }] });

        expect(await counterOf(hold.walletId, 'usd:total')).toBe(13n);
      });

      // guarantee: counter-made-again
      test('removes old counters, and creates a counter again that was removed before', async () => {
        const id = makeWalletId();
        const [first, second] = [holdIn(id, 'r1'), holdIn(id, 'r2')];
        await reserve(first, [{ name: 'usd:day:2026-11-19', add: 10n }]);
        await reserve(second, [{ name: 'usd:day:2026-11-19', add: 10n }]);

        const dropped = await settle(first, { drop: ['usd:day:2026-11-19', 'usd:day:2026-11-18'] });
        const late = await settle(second, {
          counters: [{ name: 'usd:day:2026-11-19', add: -10n }],
        });

        expect(dropped.wallet?.counters).toEqual(new Map());
        expect(late.written).toBe(true);
        expect(late.wallet?.counters).toEqual(new Map([['usd:day:2026-11-19', -10n]]));
      });

      test('removes the counters of a token whose mark has not moved', async () => {
        const id = makeWalletId();
        const old = holdIn(id, 'r1');
        await reserve(old, [{ name: 't:tokenB:usd:total', add: 5n }], {
          tokenId: OTHER_TOKEN,
          tokenKeepUntilMs: NOW_MS,
        });

        const outcome = await settle(old, {
          dropTokens: [
            { tokenId: OTHER_TOKEN, seenKeepUntilMs: NOW_MS, names: ['t:tokenB:usd:total'] },
          ],
        });

        expect(outcome.wallet?.counters).toEqual(new Map());
        expect(outcome.wallet?.tokenKeepUntilMs).toEqual(new Map());
      });

      // guarantee: drop-unused-token-only
      test('changes nothing when the mark of a token to remove has moved', async () => {
        const id = makeWalletId();
        const hold = holdIn(id, 'r1');
        await reserve(hold, [{ name: 't:tokenB:usd:total', add: 5n }], {
          tokenId: OTHER_TOKEN,
          tokenKeepUntilMs: NOW_MS + 1,
        });

        const outcome = await settle(hold, {
          dropTokens: [
            { tokenId: OTHER_TOKEN, seenKeepUntilMs: NOW_MS, names: ['t:tokenB:usd:total'] },
          ],
        });

        expect(outcome.written).toBe(false);
        expect(outcome.wallet?.holds.size).toBe(1);
        expect(outcome.wallet?.counters.get('t:tokenB:usd:total')).toBe(5n);
      });
    });

    describeGiveBack({ wallets: () => wallets, makeWalletId, holdIn, reserve, settle });
    describeMemory({ wallets: () => wallets, makeWalletId, holdIn, reserve, settle });
    describeMoves({
      wallets: () => wallets,
      makeWalletId,
      holdIn,
      reserve,
      settle,
      under: () => under,
    });
    describeSpills({ wallets: () => wallets, makeWalletId, holdIn, under: () => under });
    describePeople({ people: () => under.people, wallets: () => wallets, makeWalletId, holdIn });
    describeDueWallets({ wallets: () => wallets, makeWalletId, holdIn, reserve, settle });

    test('finds nothing for a wallet that does not exist', async () => {
      expect(await wallets.find(makeWalletId())).toBeUndefined();
    });
  });
}
