import { describe, expect, test } from 'vitest';
import { asPoolId, asTokenId, type WalletId } from '../../core/base/ids.ts';
import type { People } from '../../core/wallet/people.ts';
import type { CounterAdd, Wallet, WalletMove } from '../../core/wallet/ports.ts';
import type { TokenPart } from '../../core/wallet/spill-port.ts';
import { NOW_MS } from '../support/wallet-fixtures.ts';
import type { WalletKit } from './due-wallets.contract.ts';

interface MovesKit extends WalletKit {
  readonly under: () => {
    readonly people: People;
    setNotBefore(walletId: WalletId, atMs: number): Promise<void> | void;
  };
}

const TOKEN = asTokenId('tokA');
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
  async function read(id: WalletId): Promise<Wallet> {
    const wallet = await wallets().find(id);
    if (wallet === undefined) throw new TypeError('expected a wallet');
    return wallet;
  }
  const spendIn = async (id: WalletId, counters: readonly CounterAdd[]): Promise<void> => {
    const hold = holdIn(id, 'spent');
    await reserve(hold, counters);
    await settle(hold);
  };
  const drawIn = (walletId: WalletId, name: string, seenIn: bigint) =>
    wallets().draw({
      poolId: asPoolId(`pool#${walletId}`),
      walletId,
      name,
      limit: 100n,
      amount: seenIn === 0n ? 0n : 5n,
      seenIn,
    });
  const recallIn = (walletId: WalletId) =>
    wallets().recall({
      poolId: asPoolId(`pool#${walletId}`),
      walletId,
      name: MONTH,
      amount: 5n,
      seenOut: 0n,
    });
  const changePerson = (walletId: WalletId) =>
    under().people.change({
      walletId,
      listedUnder: 'k',
      seenRev: undefined,
      person: { rev: 'rev1', limits: [], creditNanoUsd: 0n, isBlocked: false },
      texts: {},
      idempotencyKey: 'i1',
      digest: 'd1',
      nowMs: NOW_MS,
      forget: [],
    });
  /** A token is used for nothing, and leaves the wallet. */
  async function spillOne(walletId: WalletId): Promise<TokenPart> {
    const hold = holdIn(walletId, 'of a token', { tokenId: TOKEN });
    const counters = [{ name: `t:${TOKEN}:usd:total`, add: 0n }];
    const token = { tokenId: TOKEN, tokenKeepUntilMs: NOW_MS };
    await wallets().reserve({ hold, counters, inFlightMax: 9, ...token });
    await settle(hold);
    const part: TokenPart = {
      tokenId: TOKEN,
      keepUntilMs: NOW_MS,
      isRevoked: false,
      counters: new Map([[`t:${TOKEN}:usd:total`, 0n]]),
    };
    await wallets().copyToken(walletId, part, 1);
    await wallets().spill({ walletId, seenSpills: undefined, tokens: [part] });
    return part;
  }
  const moveOf = (from: Wallet, overrides: Partial<WalletMove> = {}): WalletMove => ({
    from,
    to: makeWalletId(),
    seen: {},
    joined: {},
    counters: from.counters,
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
    test('of a wallet that counts nothing is made once', async () => {
      const id = makeWalletId();
      await spendIn(id, []);
      const move = moveOf(await read(id));

      expect(await wallets().moveWallet(move)).toBe(true);
      expect(await wallets().moveWallet(move)).toBe(false);
    });

    // guarantee: move-exact
    test('of a wallet that drew nothing of a budget takes its slice along', async () => {
      const id = makeWalletId();
      const poolId = asPoolId(`pool#${id}`);
      await wallets().draw({
        poolId,
        walletId: id,
        name: MONTH,
        limit: 9n,
        amount: 0n,
        seenIn: 0n,
      });
      const from = await read(id);
      const move = moveOf(from);

      expect(await wallets().moveWallet(move)).toBe(true);
      expect((await wallets().find(move.to))?.slices).toEqual(from.slices);
    });

    // guarantee: draw-once
    test('leaves a wallet behind that a late draw gives nothing', async () => {
      const from = await makeSpent();
      const draw = { poolId: asPoolId(`pool#${from.id}`), walletId: from.id, name: MONTH };
      await wallets().moveWallet(moveOf(from));

      const late = await wallets().draw({ ...draw, limit: 100n, amount: 30n, seenIn: 0n });

      expect(late.kind).toBe('wallet-changed');
      expect(await wallets().findDrawn(draw.poolId)).toBe(30n);
    });

    // guarantee: moved-wallet-admits-nothing
    test('leaves a wallet behind to which no token returns', async () => {
      const from = await makeSpent();
      const part = await spillOne(from.id);
      await wallets().moveWallet(moveOf(await read(from.id)));

      expect((await wallets().unspill(from.id, part)).moved).toBe(false);
      expect(await wallets().findSpilled(from.id, TOKEN)).toEqual(part);
    });

    const note = {
      reason: 'shares',
      note: 'calls on Monday',
      name: 'Ann@X.edu',
      email: 'ann@x.edu',
    };
    const annotate = async (walletId: WalletId, texts: Record<string, string>, key: string) => {
      const { person } = await read(walletId);
      const rev = `${person?.rev ?? 'rev'}${key}`;
      await under().people.change({
        walletId,
        listedUnder: 'k',
        seenRev: person?.rev,
        person: { rev, limits: [], creditNanoUsd: 0n, isBlocked: true },
        texts,
        idempotencyKey: key,
        digest: 'd1',
        nowMs: NOW_MS,
        forget: [],
      });
    };

    // guarantee: note-moves-once
    test('takes the note of the person along, and leaves what the other note says', async () => {
      const [from, other] = [await makeSpent(), await makeSpent()];
      await annotate(from.id, note, 'i1');
      await annotate(other.id, { note: 'on leave' }, 'i2');
      for (const id of [from.id, other.id]) await under().people.countRefusal(id, NOW_MS);
      const [seen, target] = [await read(from.id), await read(other.id)];
      const { person } = target;
      const move = moveOf(seen, {
        to: other.id,
        ...(person && { seen: { person }, joined: { person: { ...person, rev: 'joined' } } }),
      });

      expect(await wallets().moveWallet(move)).toBe(true);
      expect(await wallets().moveWallet(move)).toBe(false);

      const change = { madeAtMs: NOW_MS, digest: 'd1' };
      expect(await under().people.findNote(other.id)).toEqual({
        reason: 'shares',
        note: 'on leave',
        email: 'ann@x.edu',
        minutesRefused: 2,
        changes: new Map([
          ['i1', change],
          ['i2', change],
        ]),
      });
      expect(await under().people.findNote(from.id)).toEqual({ changes: new Map() });
    });

    const CHANGES: Readonly<Record<string, (id: WalletId) => Promise<unknown>>> = {
      'a counter': (id) => spendIn(id, [{ name: 'usd:total', add: 1n }]),
      'a hold': (id) => reserve(holdIn(id, 'late')),
      'a spill': (id) => spillOne(id),
      'a revocation': async (id) => under().setNotBefore(id, NOW_MS),
      'a record': (id) => changePerson(id),
      'a draw': (id) => drawIn(id, MONTH, 30n),
      'a first draw of another budget': (id) => drawIn(id, 'usd:day:2026-11-29', 0n),
      'a recall': (id) => recallIn(id),
      'a move': async (id) => wallets().moveWallet(moveOf(await read(id))),
    };

    // guarantee: move-exact
    test.each(Object.keys(CHANGES))(
      'changes nothing after %s in the former wallet',
      async (fact) => {
        const from = await makeSpent();
        await CHANGES[fact]?.(from.id);
        const move = moveOf(from);

        expect(await wallets().moveWallet(move)).toBe(false);
        expect(await wallets().find(move.to)).toBeUndefined();
      },
    );

    // guarantee: move-exact
    test('changes nothing after a token came back to the former wallet', async () => {
      const { id } = await makeSpent();
      const part = await spillOne(id);
      const move = moveOf(await read(id));
      await wallets().unspill(id, part);

      expect(await wallets().moveWallet(move)).toBe(false);
    });

    // guarantee: move-exact
    test('changes nothing after a request that cost nothing and was counted', async () => {
      const id = makeWalletId();
      const day = 'requests:day:2026-11-20';
      await spendIn(id, [
        { name: 'usd:total', add: 0n },
        { name: day, add: 1n },
      ]);
      const move = moveOf(await read(id));
      const hold = holdIn(id, 'free');
      await reserve(hold, [{ name: day, add: 1n }]);
      await settle(hold);

      expect(await wallets().moveWallet(move)).toBe(false);
    });

    // guarantee: move-exact
    test('changes nothing after the first request in a wallet that had been revoked only', async () => {
      const id = makeWalletId();
      await under().setNotBefore(id, NOW_MS);
      const move = moveOf(await read(id));
      await spendIn(id, [{ name: 'usd:total', add: 1n }]);

      expect(await wallets().moveWallet(move)).toBe(false);
    });

    // guarantee: move-exact
    test.each(['a spill', 'a revocation', 'a record', 'a move'])(
      'changes nothing after %s in the other wallet',
      async (fact) => {
        const [from, other] = [await makeSpent(), await makeSpent()];
        await CHANGES[fact]?.(other.id);

        expect(await wallets().moveWallet(moveOf(from, { to: other.id }))).toBe(false);
        expect(await read(from.id)).toEqual(from);
      },
    );
  });
}
