import { defineConfig } from 'vitest/config';

/** The tests that see each mutant: those of the rooms of the files that are mutated, with fewer histories. */
export default defineConfig({
  test: {
    include: ['test/core/{base,dialects,models,wallet}/**/*.test.ts', 'test/core/sweep.test.ts'],
    setupFiles: ['test/support/each-file.ts'],
    env: { RUNS: '60' },
    silent: true,
    testTimeout: 120_000,
  },
});
