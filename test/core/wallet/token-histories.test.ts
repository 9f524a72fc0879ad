/**
 * Histories of tokens that leave their wallet, come back, and are moved: each write arrives late, twice or never.
 * `HALLPASS_TEST_SEED=…` plays others, `RUNS=…` as many.
 */
import fc from 'fast-check';
import { test } from 'vitest';
import { startTokenHistory, tokenStep } from '../../support/token-history.ts';

const { RUNS } = process.env;

// guarantee: spill-once
// guarantee: copy-in-order
// guarantee: spill-idle-token-only
// guarantee: return-once
// guarantee: token-counted-once
// guarantee: move-exact
test('whatever is late, doubled or missing: each token is counted once, and refused only at its limit', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(tokenStep, { minLength: 5, maxLength: 60 }), async (steps) => {
      const { play, expectCounted } = startTokenHistory();
      for (const next of steps) {
        await play(next);
        await expectCounted();
      }
    }),
    { numRuns: Number(RUNS ?? 2_000) },
  );
}, 600_000);
