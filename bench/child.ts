/**
 * A measured process: started on one core, asked over IPC for its own processor time and memory.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Processor time used so far, and memory. */
export interface ProcessUsage {
  readonly cpuMicros: number;
  /** The most that was ever resident. */
  readonly peakRssBytes: number;
  /** Resident now. */
  readonly rssBytes: number;
  /** Of the heap, what is still in use after a collection. */
  readonly liveHeapBytes: number;
}

type Reply = { readonly id: number; readonly result: unknown };
type Command = { readonly id: number; readonly command: string; readonly argument: unknown };

/** What a child can be asked; `usage` is always there. */
export type Commands = Readonly<Record<string, (argument: unknown) => unknown>>;

/** The flags of `npm start`, for every process alike, and one that lets it be told to collect. */
const NODE_FLAGS = [
  '--max-semi-space-size=4',
  '--expose-gc',
  '--import',
  new URL('../bin/node-24.mjs', import.meta.url).href,
];

const STOP_GRACE_MS = 3_000;

const canPin = spawnSync('taskset', ['--version']).status === 0;

/** Whether processes can be given a core of their own here (Linux with util-linux). */
export const pinned = canPin;

/** Puts this process on one core, so that a measured one has the other to itself. */
export function pinSelf(core: number): void {
  if (canPin) spawnSync('taskset', ['-cp', String(core), String(process.pid)]);
}

export interface Child {
  /** The value the child reported when it was ready. */
  readonly ready: unknown;
  readonly startMs: number;
  ask(command: string, argument?: unknown): Promise<unknown>;
  usage(): Promise<ProcessUsage>;
  stop(): Promise<void>;
}

/** Starts `bench/<file>` on a core and waits until it says that it is ready. */
export async function startChild(
  file: string,
  core: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<Child> {
  const startedMs = performance.now();
  const path = fileURLToPath(new URL(file, import.meta.url));
  const command = canPin ? 'taskset' : process.execPath;
  const pinning = canPin ? ['-c', String(core), process.execPath] : [];
  const child = spawn(command, [...pinning, ...NODE_FLAGS, path], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ready = await firstMessage(child, file);
  const startMs = performance.now() - startedMs;
  let nextId = 0;
  const ask = async (name: string, argument: unknown = null): Promise<unknown> => {
    const id = ++nextId;
    const answered = new Promise<unknown>((resolve) => {
      const onMessage = (message: Reply) => {
        if (message.id !== id) return;
        child.off('message', onMessage);
        resolve(message.result);
      };
      child.on('message', onMessage);
    });
    child.send({ id, command: name, argument } satisfies Command);
    return answered;
  };
  return {
    ready,
    startMs,
    ask,
    usage: async () => (await ask('usage')) as ProcessUsage,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      // It ends by itself, so that what Node compiled is kept for the next run.
      child.disconnect();
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

async function firstMessage(child: ChildProcess, file: string): Promise<unknown> {
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`bench/${file} ended before it was ready, exit status ${code}`);
  });
  const [message] = await Promise.race([once(child, 'message'), exited]);
  return message;
}

/** Of this program alone: what `getrusage` tells includes the memory of the process that started it. */
function readPeakRssBytes(): number {
  try {
    const [, kilobytes] =
      /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return Number(kilobytes) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024; // Not Linux.
  }
}

/** The child's side: says what is ready and answers commands. */
export function serveCommands(ready: unknown, commands: Commands = {}): void {
  const all: Commands = {
    usage: () => {
      const { user, system } = process.cpuUsage();
      const peakRssBytes = readPeakRssBytes();
      const rssBytes = process.memoryUsage.rss();
      globalThis.gc?.();
      const liveHeapBytes = process.memoryUsage().heapUsed;
      const cpuMicros = user + system;
      return { cpuMicros, peakRssBytes, rssBytes, liveHeapBytes } satisfies ProcessUsage;
    },
    ...commands,
  };
  process.on('message', async ({ id, command, argument }: Command) => {
    const result = await all[command]?.(argument);
    process.send?.({ id, result } satisfies Reply);
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.(ready);
}
