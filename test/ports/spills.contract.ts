import { describe, expect, test } from 'vitest';
import { asTokenId, type TokenId, type WalletId } from '../../core/base/ids.ts';
import type { Reservation } from '../../core/wallet/ports.ts';
import type { Spill, TokenPart } from '../../core/wallet/spill-port.ts';
import { NOW_MS } from '../support/wallet-fixtures.ts';
import type { WalletKit } from './due-wallets.contract.ts';

interface SpillsKit extends Pick<WalletKit, 'wallets' | 'makeWalletId' | 'holdIn'> {
  readonly under: () => {
    revokeToken(walletId: WalletId, tokenId: TokenId): Promise<void> | void;
  };
}

const [A, B] = [asTokenId('tokA'), asTokenId('tokB')];

/** Tokens that leave their wallet and come back. */
export function describeSpills({ wallets, makeWalletId, holdIn, under }: SpillsKit): void {
  const partOf = (tokenId: TokenId, counted = 5n): TokenPart => ({
    tokenId,
    keepUntilMs: NOW_MS,
    isRevoked: false,
    counters: new Map([[`t:${tokenId}:usd:total`, counted]]),
  });
  const use = (walletId: WalletId, tokenId: TokenId, overrides: Partial<Reservation> = {}) =>
    wallets().reserve({
      hold: holdIn(walletId, `r${tokenId}`),
      counters: [{ name: `t:${tokenId}:usd:total`, add: 5n }],
      inFlightMax: 128,
      tokenId,
      tokenKeepUntilMs: NOW_MS,
      ...overrides,
    });
  const spillOf = (walletId: WalletId, ...tokens: readonly TokenPart[]): Spill => ({
    walletId,
    seenSpills: undefined,
    tokens,
  });
  /** Copies tokens for a spill, then takes them out of the wallet. */
  const leave = async (spill: Spill) => {
    for (const token of spill.tokens) {
      await wallets().copyToken(spill.walletId, token, (spill.seenSpills ?? 0) + 1);
    }
    return wallets().spill(spill);
  };
  const again = (walletId: WalletId, tokenId: TokenId, seenSpills?: number) =>
    use(walletId, tokenId, {
      hold: holdIn(walletId, `again ${tokenId} ${seenSpills}`),
      ...(seenSpills === undefined ? {} : { seenSpills }),
    });

  describe('a spill', () => {
    // guarantee: spill-once
    test('moves tokens into items of their own, once', async () => {
      const id = makeWalletId();
      await use(id, A);
      await use(id, B);
      const spill = spillOf(id, partOf(A), partOf(B));

      const first = await leave(spill);
      const second = await leave(spill);

      expect([first.moved, second.moved]).toEqual([true, false]);
      const wallet = await wallets().find(id);
      expect([wallet?.spills, wallet?.counters, wallet?.tokenKeepUntilMs]).toEqual([
        1,
        new Map(),
        new Map(),
      ]);
      expect(await wallets().findSpilled(id, A)).toEqual(partOf(A));
      expect(await wallets().findSpilled(id, B)).toEqual(partOf(B));
    });

    // guarantee: spill-once
    test('that is late changes nothing, also when its token came back unchanged', async () => {
      const id = makeWalletId();
      await use(id, A);
      await leave(spillOf(id, partOf(A)));
      await wallets().unspill(id, partOf(A));

      expect((await leave(spillOf(id, partOf(A)))).moved).toBe(false);
      expect((await wallets().find(id))?.tokenKeepUntilMs.has(A)).toBe(true);
    });

    // guarantee: spill-idle-token-only
    test('moves nothing if a token was used or revoked since it was seen', async () => {
      const [used, revoked, kept] = [makeWalletId(), makeWalletId(), makeWalletId()];
      await use(used, A);
      await use(revoked, A);
      await use(kept, A);
      await use(kept, A, {
        hold: holdIn(kept, 'of nothing'),
        counters: [],
        tokenKeepUntilMs: NOW_MS + 1,
      });
      await again(used, A);
      await under().revokeToken(revoked, A);

      expect((await leave(spillOf(used, partOf(A)))).moved).toBe(false);
      expect((await leave(spillOf(revoked, partOf(A)))).moved).toBe(false);
      expect((await leave(spillOf(kept, partOf(A)))).moved).toBe(false);

      for (const id of [used, revoked, kept]) {
        expect((await wallets().find(id))?.tokenKeepUntilMs.has(A)).toBe(true);
      }
    });

    // guarantee: token-counted-once
    test('lets no reserve begin a token anew', async () => {
      const id = makeWalletId();
      await use(id, A);
      await leave(spillOf(id, partOf(A)));

      const unseen = await again(id, A);
      const seenBefore = await again(id, A, 0);
      const seen = await again(id, A, 1);

      expect([unseen.written, seenBefore.written, seen.written]).toEqual([false, false, true]);
      expect(unseen.wallet?.spills).toBe(1);
    });

    test('leaves a token that is counted in the wallet as it was', async () => {
      const id = makeWalletId();
      await use(id, A);
      await use(id, B);
      await leave(spillOf(id, partOf(B)));

      expect((await again(id, A)).written).toBe(true);
    });
  });

  describe('a copy', () => {
    // guarantee: copy-in-order
    test('that is late changes nothing, when its token has left by a later spill', async () => {
      const id = makeWalletId();
      await use(id, A);
      await leave({ ...spillOf(id), tokens: [] });
      await leave({ ...spillOf(id, partOf(A)), seenSpills: 1 });

      expect((await wallets().copyToken(id, partOf(A, 1n), 1)).moved).toBe(false);
      expect((await wallets().copyToken(id, partOf(A, 1n), 2)).moved).toBe(false);
      expect(await wallets().findSpilled(id, A)).toEqual(partOf(A));
    });

    // guarantee: copy-in-order
    test('that is late brings back no token that is in its wallet again', async () => {
      const id = makeWalletId();
      await use(id, A);
      await leave(spillOf(id, partOf(A)));
      await wallets().unspill(id, partOf(A));

      expect((await wallets().copyToken(id, partOf(A), 1)).moved).toBe(false);
      expect(await wallets().findSpilled(id, A)).toBeUndefined();
    });

    // guarantee: copy-in-order
    test('replaces one for a spill that did not come about', async () => {
      const id = makeWalletId();
      await use(id, A);
      await wallets().copyToken(id, partOf(A, 1n), 1);
      await leave({ ...spillOf(id), tokens: [] });

      expect((await leave({ ...spillOf(id, partOf(A)), seenSpills: 1 })).moved).toBe(true);
      expect(await wallets().findSpilled(id, A)).toEqual(partOf(A));
    });

    test('keeps what its item counts, and adds a revocation', async () => {
      const id = makeWalletId();
      await use(id, A);
      await leave(spillOf(id, partOf(A)));
      const marked = { ...partOf(A), isRevoked: true, counters: new Map() };
      await wallets().copyToken(id, marked, 2);

      expect(await wallets().findSpilled(id, A)).toEqual({ ...partOf(A), isRevoked: true });
    });

    // guarantee: return-once
    test('does not come back while its wallet counts the token', async () => {
      const id = makeWalletId();
      await use(id, A);
      await wallets().copyToken(id, partOf(A), 1);

      expect((await wallets().unspill(id, partOf(A))).moved).toBe(false);
      expect((await wallets().find(id))?.counters).toEqual(new Map([['t:tokA:usd:total', 5n]]));
    });
  });

  describe('a return', () => {
    // guarantee: return-once
    test('moves a token back once, with its revocation', async () => {
      const id = makeWalletId();
      await use(id, A);
      await under().revokeToken(id, A);
      const token = { ...partOf(A), isRevoked: true };
      await leave(spillOf(id, token));

      const first = await wallets().unspill(id, token);
      const second = await wallets().unspill(id, token);

      expect([first.moved, second.moved]).toEqual([true, false]);
      const wallet = await wallets().find(id);
      expect(wallet?.counters).toEqual(new Map([['t:tokA:usd:total', 5n]]));
      expect(wallet?.revokedTokens).toEqual(new Set([A]));
      expect(wallet?.tokenKeepUntilMs).toEqual(new Map([[A, NOW_MS]]));
      expect(await wallets().findSpilled(id, A)).toBeUndefined();
    });

    // guarantee: return-once
    test('is refused while the wallet counts the token already', async () => {
      const id = makeWalletId();
      await use(id, A);
      await leave(spillOf(id, partOf(A)));
      await use(id, A, { hold: holdIn(id, 'anew'), seenSpills: 1, tokenKeepUntilMs: NOW_MS + 1 });

      expect((await wallets().unspill(id, partOf(A))).moved).toBe(false);
      expect((await wallets().find(id))?.tokenKeepUntilMs).toEqual(new Map([[A, NOW_MS + 1]]));
    });

    // guarantee: return-once
    test('that is late finds the token as it is now, and changes nothing', async () => {
      const id = makeWalletId();
      await use(id, A);
      await leave(spillOf(id, partOf(A)));
      await wallets().unspill(id, partOf(A));
      await again(id, A);
      await leave({ ...spillOf(id, partOf(A, 10n)), seenSpills: 1 });

      expect((await wallets().unspill(id, partOf(A))).moved).toBe(false);
      expect(await wallets().findSpilled(id, A)).toEqual(partOf(A, 10n));
    });
  });
}
