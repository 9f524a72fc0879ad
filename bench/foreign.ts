/**
 * A measured process of somebody else's program: `/proc` tells its processor time and memory. Linux only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { type Measured, pinned } from './child.ts';

const START_TIMEOUT_MS = 120_000;
const PROBE_EVERY_MS = 10;

/** Linux counts processor time in ticks of a hundredth of a second (`getconf CLK_TCK`). */
const MICROS_PER_TICK = 10_000;

export interface ForeignProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Answers 200 as soon as the program is ready. */
  readonly readyUrl: string;
}

export interface ForeignProcess extends Measured {
  readonly startMs: number;
  stop(): Promise<void>;
}

/** Starts a program on a core and waits until it is ready. */
export async function startForeign(
  { command, args, env, readyUrl }: ForeignProgram,
  core: number,
): Promise<ForeignProcess> {
  const startedMs = performance.now();
  const [file, ...rest] = pinned
    ? ['taskset', '-c', String(core), command, ...args]
    : [command, ...args];
  const child = spawn(file as string, rest, { env, stdio: 'ignore' });
  while (!(await isReady(readyUrl))) {
    if (child.exitCode !== null) throw new Error(`"${command}" ended before it was ready`);
    if (performance.now() - startedMs > START_TIMEOUT_MS) {
      child.kill('SIGKILL');
      throw new Error(`"${command}" was not ready within ${START_TIMEOUT_MS} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
  }
  return {
    startMs: performance.now() - startedMs,
    usage: async () => readUsage(child),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

const isReady = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const request = http.get(url, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
  });

/** Reads fields 14 and 15 of `stat`: user and system time of all threads. */
function readUsage({ pid }: ChildProcess) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
  return { cpuMicros: (user + system) * MICROS_PER_TICK, peakRssBytes: kilobytes * 1024 };
}
