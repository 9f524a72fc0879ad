import { defineConfig } from 'vitest/config';

/**
 * Files with a process of their own: one puts a counting `node:crypto` in the place of Node's, one measures time. All
 * others share four processes, because a new process, and all that it imports, take a third of a second for each file.
 */
const ALONE = ['test/core/authorize-same-work.test.ts', 'test/money/text-bound-time.test.ts'];
/** Tests that keep both cores busy for seconds by themselves: they run after the others, two at a time. */
const HEAVY = ['test/e2e/{cap,course,soak,key-budget}.test.ts'];
/** The coding agents bring test files of their own. */
const INSTALLED = '**/node_modules/**';

/** Ends a test that hangs. No promise is judged by it, so it is long: a busy machine must not fail a test. */
const HANGS_MS = 120_000;

/** Many of the tests wait for processes and clocks, so four at a time keep two cores busy. */
const SIDE_BY_SIDE = {
  testTimeout: HANGS_MS,
  hookTimeout: HANGS_MS,
  maxWorkers: 4,
  sequence: { groupOrder: 0 },
};

export default defineConfig({
  test: {
    globalSetup: ['test/support/synth-folder.ts', 'test/support/chromium.ts'],
    setupFiles: ['test/support/each-file.ts'],
    silent: 'passed-only',
    // A poll waits for another process, which may be slow on a busy machine.
    expect: { poll: { timeout: 60_000 } },
    coverage: { provider: 'v8', include: ['core/**'] },
    projects: [
      {
        extends: true,
        test: {
          name: 'sharing',
          include: ['test/**/*.test.ts'],
          exclude: [...ALONE, ...HEAVY, INSTALLED],
          isolate: false,
          ...SIDE_BY_SIDE,
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, ...SIDE_BY_SIDE },
      },
      {
        extends: true,
        test: {
          name: 'two at a time',
          include: HEAVY,
          testTimeout: HANGS_MS,
          hookTimeout: HANGS_MS,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
