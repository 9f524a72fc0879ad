/**
 * The machine's clock and randomness, and waits that end in time.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Alarm, Clock, Random } from '../core/base/ports.ts';

/** Starts a time that does not keep the process alive. */
export function startAlarm(durationMs: number): Alarm {
  let timer: NodeJS.Timeout | undefined;
  const rung = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, durationMs).unref();
  });
  return { rung, cancel: () => clearTimeout(timer) };
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (durationMs) => wait(durationMs),
};

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
};

/** Waits for a value until the signal aborts. Whatever makes the value goes on, unheard. */
export function untilAborted<Value>(signal: AbortSignal, value: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    value.then(resolve, reject);
  });
}
