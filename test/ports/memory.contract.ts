import { describe, expect, test } from 'vitest';
import { NOW_MS } from '../support/wallet-fixtures.ts';
import type { WalletKit } from './due-wallets.contract.ts';

const SALT = '00112233445566ff';
const PROMPT = {
  hashes: ['0123456789abcdef', 'ffffffffffffffff'],
  inputTokens: 169_000,
  modelTag: 'a1b2',
};
const OTHER = { hashes: ['1111111111111111'], inputTokens: 4_294_967_295, modelTag: '0000' };

/** Prompts that a settle stores, and counts that are claimed at a pace. */
export function describeMemory({
  wallets,
  makeWalletId,
  holdIn,
  reserve,
  settle,
}: WalletKit): void {
  describe('the memory', () => {
    test('has the prompts that settles stored, a slot each, under the first salt', async () => {
      const id = makeWalletId();
      const holds = [holdIn(id, 'r1'), holdIn(id, 'r2'), holdIn(id, 'r3')] as const;
      for (const hold of holds) await reserve(hold);

      await settle(holds[0], { remember: { slot: 0, prompt: OTHER, salt: SALT } });
      await settle(holds[1], { remember: { slot: 0, prompt: PROMPT, salt: SALT } });
      const { wallet } = await settle(holds[2], {
        remember: { slot: 3, prompt: OTHER, salt: 'ffffffffffffffff' },
      });

      expect(wallet?.memory).toEqual({
        salt: SALT,
        prompts: new Map([
          [0, PROMPT],
          [3, OTHER],
        ]),
      });
    });

    test('goes as a whole', async () => {
      const id = makeWalletId();
      const [first, second] = [holdIn(id, 'r1'), holdIn(id, 'r2')];
      await reserve(first);
      await reserve(second);
      await settle(first, { remember: { slot: 2, prompt: PROMPT, salt: SALT } });

      const { wallet } = await settle(second, { forgetsPrompts: true });

      expect(wallet).not.toHaveProperty('memory');
    });
  });

  describe('a count', () => {
    // guarantee: counts-have-a-pace
    test('is claimed by four of ten at once, and then by one in 10 s', async () => {
      const id = makeWalletId();

      const claims = await Promise.all(
        Array.from({ length: 10 }, () => wallets().claimCount(id, NOW_MS)),
      );

      expect(claims.filter((isClaimed) => isClaimed)).toHaveLength(4);
      expect(await wallets().claimCount(id, NOW_MS + 9_999)).toBe(false);
      expect(await wallets().claimCount(id, NOW_MS + 10_000)).toBe(true);
      expect(await wallets().claimCount(id, NOW_MS + 19_999)).toBe(false);
    });

    test('is claimed by four at once again when all before are 10 s old', async () => {
      const id = makeWalletId();
      const claimAt = (atMs: number) => wallets().claimCount(id, atMs);
      for (let claims = 0; claims < 4; claims += 1) await claimAt(NOW_MS);

      const atMs = NOW_MS + 40_000;
      const claims = [];
      for (let claim = 0; claim < 5; claim += 1) claims.push(await claimAt(atMs));

      expect(claims).toEqual([true, true, true, true, false]);
    });
  });
}
