/**
 * Runs before each test file: gives every property the same seed, so that the test command always draws the same
 * values. HALLPASS_TEST_SEED is another seed; `npm run test:random` draws one.
 */
import fc from 'fast-check';

const DEFAULT_SEED = 1;

fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  seed: Number(process.env.HALLPASS_TEST_SEED ?? DEFAULT_SEED),
});
