import { defineConfig } from 'vitest/config';

/** Tests that keep both cores busy for seconds by themselves: they run after the others, two at a time. */
const HEAVY = ['test/e2e/{cap,course,soak,key-budget}.test.ts'];

export default defineConfig({
  test: {
    globalSetup: ['test/support/synth-folder.ts'],
    silent: 'passed-only',
    coverage: { provider: 'v8', include: ['core/**'] },
    projects: [
      {
        extends: true,
        test: {
          name: 'side by side',
          include: ['test/**/*.test.ts'],
          exclude: HEAVY,
          testTimeout: 20_000,
          hookTimeout: 60_000,
          // Many of them wait for processes and clocks: more at a time than two cores would take otherwise.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'two at a time',
          include: HEAVY,
          maxWorkers: 2,
          testTimeout: 40_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
