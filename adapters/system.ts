/**
 * The machine's clock and randomness, and waits that end in time.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Alarm, Clock, Random } from '../core/base/ports.ts';

/** Node's `node:http`. An import of it loads undici too, which takes 40 ms (docs/performance.md). */
export const http = process.getBuiltinModule('node:http');

/** Loads Node's TLS, in 5 ms. A gateway on this machine may never need it. */
export const loadHttps = () => process.getBuiltinModule('node:https');

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

export const systemRandom: Random & { bytes(count: number): Uint8Array } = {
  uuid: () => randomUUID(),
  bytes: (count) => randomBytes(count),
  fraction: () => Math.random(),
};

/** Says which package an import did not find; undefined for any other error. Errors of threads have no code. */
export function wordsOfMissingPackage(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : '';
  const name = /^Cannot find (?:package|module) '((?:@[^/']+\/)?[^./'][^/']*)/.exec(message)?.[1];
  if (name === undefined) return undefined;
  return `this needs the package "${name}", which "npm i hallpass --omit=optional" leaves out: npm i ${name}`;
}

/** Waits for a value until the signal aborts. The maker of the value goes on, and nobody reads it. */
export function untilAborted<Value>(signal: AbortSignal, value: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    value.then(resolve, reject);
  });
}
