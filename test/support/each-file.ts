/**
 * Runs before each test file. Many files share a process, so each one starts with the clock of the machine and leaves
 * no spy and no changed environment behind.
 *
 * It also gives every property the same seed, so that the test command always draws the same values.
 * HALLPASS_TEST_SEED is another seed; `npm run test:random` draws one.
 */
import fc from 'fast-check';
import { afterAll, vi } from 'vitest';
import { useMachineClock } from './noon.ts';

const DEFAULT_SEED = 1;

fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  seed: Number(process.env.HALLPASS_TEST_SEED ?? DEFAULT_SEED),
});

useMachineClock();

afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});
