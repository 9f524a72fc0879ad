/**
 * Repeats a call that failed for a moment, with growing waits. Every retry of the core goes through here.
 * Invariant: only transient failures are repeated, and tries and waits are bounded.
 */
import { GatewayError } from './errors.ts';
import type { Clock, Random } from './ports.ts';

export interface RetryPolicy {
  /** Tries in all, from 1. */
  readonly triesMax: number;
  /** Wait after the first failure; it doubles with each further one. */
  readonly firstWaitMs: number;
  /** No single wait is longer, jitter aside. */
  readonly waitMaxMs: number;
  /** A wait that would end at this instant or later is not begun. @default none */
  readonly deadlineAtMs?: number;
}

export interface RetryPorts {
  readonly clock: Clock;
  readonly random: Random;
}

/** True when the same call may succeed if it is made again. */
export const isTransient = (error: unknown): boolean =>
  error instanceof GatewayError && error.transient;

/**
 * Calls until the call succeeds, fails for good, or the policy ends.
 * @throws the last failure
 */
export async function retry<Result>(
  call: () => Promise<Result>,
  policy: RetryPolicy,
  { clock, random }: RetryPorts,
): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isTransient(error) || tries >= policy.triesMax) throw error;
      const waitMs = jitter(waitAfter(tries, policy), random);
      if (clock.nowMs() + waitMs >= (policy.deadlineAtMs ?? Number.POSITIVE_INFINITY)) throw error;
      await clock.sleep(waitMs);
    }
  }
}

const waitAfter = (tries: number, { firstWaitMs, waitMaxMs }: RetryPolicy): number =>
  Math.min(firstWaitMs * 2 ** (tries - 1), waitMaxMs);

/** From half to one and a half of a wait, in whole milliseconds: writers that met once do not meet again. */
const jitter = (waitMs: number, random: Random): number =>
  Math.ceil(waitMs * (0.5 + random.fraction()));
