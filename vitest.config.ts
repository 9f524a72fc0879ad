import { defineConfig } from 'vitest/config';

/**
 * They change nothing that is imported, no clock and no environment, and share a process: a new one for each file, and
 * what it imports, take a third of a second. The exceptions put a counting `node:crypto` in the place of Node's, and
 * measure time.
 */
const SHARING = [
  'test/core/**/!(authorize-same-work).test.ts',
  'test/lib/**/*.test.ts',
  'test/adapters/{api-gateway,aws,dynamodb}/**/*.test.ts',
  'test/local/{api-gateway,dynamodb,secrets}/**/*.test.ts',
  'test/ports/**/*.test.ts',
  'test/money/**/!(text-bound-time).test.ts',
];
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
    setupFiles: ['test/support/seed.ts'],
    silent: 'passed-only',
    // A poll waits for another process, which may be slow on a busy machine.
    expect: { poll: { timeout: 60_000 } },
    coverage: { provider: 'v8', include: ['core/**'] },
    projects: [
      {
        extends: true,
        test: { name: 'sharing', include: SHARING, isolate: false, ...SIDE_BY_SIDE },
      },
      {
        extends: true,
        test: {
          name: 'side by side',
          include: ['test/**/*.test.ts'],
          exclude: [...HEAVY, INSTALLED, ...SHARING],
          ...SIDE_BY_SIDE,
        },
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
