import { defineConfig } from 'vitest/config';

/** The tests that see each mutant: those of the files that are mutated, and a few histories. */
export default defineConfig({
  test: {
    include: [
      'test/core/{wallet,wallet-histories,money,pricing,meter,meter-providers,settle,reserve,sweep}.test.ts',
      'test/core/{key-budgets,key-rates,key-limit-states,slices,slice-histories,joined-histories}.test.ts',
    ],
    env: { SEED: '1', RUNS: '60' },
    silent: true,
    testTimeout: 20_000,
  },
});
