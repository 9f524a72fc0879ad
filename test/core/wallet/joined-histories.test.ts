/**
 * Histories of a key with limits of every kind at once, against books that know of rows and requests in flight alone.
 * `HALLPASS_TEST_SEED=…` plays others, `RUNS=…` as many.
 */
import { test } from 'vitest';
import type { WalletMarks } from '../../../core/wallet/ports.ts';
import { playHistories } from '../../support/joined-histories.ts';
import { makeMemoryUsage } from '../../support/memory-usage.ts';
import { makeMemoryWallets } from '../../support/memory-wallets.ts';
import { KEY_ID } from '../../support/wallet-fixtures.ts';

const { RUNS } = process.env;

function startTables() {
  const wallets = makeMemoryWallets();
  const marks: WalletMarks = {
    revokeToken: async (walletId, tokenId, keepUntilMs) =>
      wallets.revokeToken(walletId, tokenId, keepUntilMs),
    raiseNotBefore: async (walletId, atMs) => {
      const { notBeforeMs = 0 } = (await wallets.find(walletId)) ?? {};
      if (atMs > notBeforeMs) wallets.setNotBefore(walletId, atMs);
    },
  };
  const { people } = wallets;
  return { wallets, marks, people, usage: makeMemoryUsage(), keyId: KEY_ID, shards: 4 };
}

// guarantee: never-over
test('limits of token, user and key at once: never over, never lost, exact, and no false refusal', async () => {
  await playHistories(startTables, {
    numRuns: Number(RUNS ?? 1_200),
  });
}, 600_000);
