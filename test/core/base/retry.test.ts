import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../../core/base/errors.ts';
import { type RetryPolicy, retry } from '../../../core/base/retry.ts';
import { fixedRandom, makeManualClock, NOW_MS } from '../../support/wallet-fixtures.ts';

const passing = new GatewayError('service_unavailable', { transient: true });
const lasting = new GatewayError('service_unavailable');
const POLICY: RetryPolicy = { triesMax: 4, firstWaitMs: 20, waitMaxMs: 50 };

/** Retries a call that fails with these errors in turn, then answers 7. */
function retryAfter(failures: readonly unknown[], policy = POLICY, random = fixedRandom) {
  const clock = makeManualClock();
  let calls = 0;
  const call = async (): Promise<number> => {
    calls += 1;
    if (calls <= failures.length) throw failures[calls - 1];
    return 7;
  };
  const outcome = retry(call, policy, { clock, random }).catch((error: unknown) => error);
  return outcome.then((result) => ({ result, calls, sleptMs: clock.sleptMs }));
}

describe('a retry', () => {
  test.each([
    ['a call that succeeds is made once', [], 7, 1, []],
    ['a transient failure is repeated', [passing], 7, 2, [20]],
    ['waits double up to the longest', [passing, passing, passing], 7, 4, [20, 40, 50]],
    ['the last try throws', [passing, passing, passing, passing], passing, 4, [20, 40, 50]],
    ['a lasting failure is thrown at once', [lasting], lasting, 1, []],
    ['a failure that is no refusal of ours is thrown at once', [7], 7, 1, []],
  ])('%s', async (_what, failures, result, calls, sleptMs) => {
    expect(await retryAfter(failures)).toEqual({ result, calls, sleptMs });
  });

  test.each([
    ['half', 0, 10],
    ['one and a half, in whole milliseconds', 0.9999, 30],
  ])('waits between half and one and a half of a wait: %s', async (_what, fraction, waitMs) => {
    const random = { ...fixedRandom, fraction: () => fraction };

    expect((await retryAfter([passing], POLICY, random)).sleptMs).toEqual([waitMs]);
  });

  test.each([
    ['begins no wait that ends at its deadline', 20, passing, []],
    ['waits if the wait ends before its deadline', 21, 7, [20]],
  ])('%s', async (_what, leftMs, result, sleptMs) => {
    const policy = { ...POLICY, deadlineAtMs: NOW_MS + leftMs };

    expect(await retryAfter([passing], policy)).toMatchObject({ result, sleptMs });
  });
});
