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

/** Prompts that a settle stores, and counts of which one at a time is claimed. */
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
    // guarantee: count-claimed-once
    test('is claimed by one of ten at once, and again after 10 s', async () => {
      const id = makeWalletId();

      const claims = await Promise.all(
        Array.from({ length: 10 }, () => wallets().claimCount(id, NOW_MS)),
      );

      expect(claims.filter((isClaimed) => isClaimed)).toHaveLength(1);
      expect(await wallets().claimCount(id, NOW_MS + 9_999)).toBe(false);
      expect(await wallets().claimCount(id, NOW_MS + 10_000)).toBe(true);
    });
  });
}
