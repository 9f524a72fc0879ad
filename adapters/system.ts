/**
 * The machine's clock and randomness.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock, Random } from '../core/base/ports.ts';

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (durationMs) => wait(durationMs),
};

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
};
