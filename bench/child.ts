/**
 * A measured process: started on one core, it reports its own processor time and memory over IPC.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Processor time so far, and memory. */
export interface ProcessUsage {
  readonly cpuMicros: number;
  /** The largest resident memory so far. */
  readonly peakRssBytes: number;
  /** Resident memory now. */
  readonly rssBytes: number;
  /** The heap in use after a garbage collection. */
  readonly liveHeapBytes: number;
}

type Reply = { readonly id: number; readonly result: unknown };
type Command = { readonly id: number; readonly command: string; readonly argument: unknown };

/** The commands that a child answers, in addition to `usage`. */
export type Commands = Readonly<Record<string, (argument: unknown) => unknown>>;

/** The flags of `npm start`, the same for every process, and one for garbage collection on demand. */
const NODE_FLAGS = [
  '--min-semi-space-size=8',
  '--max-semi-space-size=8',
  '--expose-gc',
  '--import',
  new URL('../bin/node-24.mjs', import.meta.url).href,
];

const STOP_GRACE_MS = 3_000;

/** True if processes can be pinned to a core here (Linux with util-linux). */
export const pinned = spawnSync('taskset', ['--version']).status === 0;

/** Pins this process to one core, so that a measured process has the other one to itself. */
export function pinSelf(core: number): void {
  if (pinned) spawnSync('taskset', ['-cp', String(core), String(process.pid)]);
}

/** A process whose processor time and peak memory can be read. */
export interface Measured {
  usage(): Promise<Pick<ProcessUsage, 'cpuMicros' | 'peakRssBytes'>>;
}

export interface Child extends Measured {
  /** The value that the child sent when it was ready. */
  readonly ready: unknown;
  readonly startMs: number;
  ask(command: string, argument?: unknown): Promise<unknown>;
  usage(): Promise<ProcessUsage>;
  stop(): Promise<void>;
}

/** Starts `bench/<file>` on a core and waits until it is ready. */
export async function startChild(
  file: string,
  core: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<Child> {
  const startedMs = performance.now();
  const path = fileURLToPath(new URL(file, import.meta.url));
  const command = pinned ? 'taskset' : process.execPath;
  const pinning = pinned ? ['-c', String(core), process.execPath] : [];
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
      // The child ends by itself, so that Node keeps its compile cache for the next run.
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

/** Reads the peak memory of this program only; `getrusage` includes that of the process that started it. */
function readPeakRssBytes(): number {
  try {
    const [, kilobytes] =
      /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return Number(kilobytes) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024; // Not Linux.
  }
}

/** Runs in the child: reports that it is ready and answers commands. */
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
