/** `npm start` as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODE_ARGS = ['--import', `${ROOT}bin/node-24.mjs`, `${ROOT}bin/start.ts`];

/** The line that `--json` prints. */
export interface Ready {
  readonly url: string;
  readonly account: string;
  readonly key: string;
  readonly kid: string;
  readonly clientKey: string;
  readonly clientJwtSecret: string;
  readonly token: string;
  readonly data: string | null;
}

export interface Started {
  readonly process: ChildProcess;
  readonly ready: Ready;
  /** Signals it and answers how it ended. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const spawnStart = (args: readonly string[], cwd: string): ChildProcess =>
  spawn(process.execPath, [...NODE_ARGS, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: cwd },
  });

/** Starts it with `--json` and waits for the line that says it is ready. Rejects when it ends before. */
export async function start(args: readonly string[], cwd: string): Promise<Started> {
  const child = spawnStart(['--json', '--port', '0', ...args], cwd);
  const errors = collect(child.stderr);
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  const exited = once(child, 'exit');
  const [line] = await Promise.race([once(lines, 'line'), exited.then(() => [undefined])]);
  if (typeof line !== 'string') throw new Error(`ended before it was ready: ${errors.join('')}`);
  return {
    process: child,
    ready: JSON.parse(line),
    async end(signal = 'SIGTERM') {
      child.kill(signal);
      const [status] = await exited;
      return status;
    },
  };
}

/** Runs it to its end, for what ends by itself. */
export async function run(args: readonly string[], cwd: string): Promise<Ended> {
  const child = spawnStart(args, cwd);
  const output = collect(child.stdout);
  const errors = collect(child.stderr);
  const [status] = await once(child, 'close');
  return { status, stdout: output.join(''), stderr: errors.join('') };
}

function collect(stream: NodeJS.ReadableStream | null): string[] {
  const texts: string[] = [];
  stream?.on('data', (chunk) => texts.push(String(chunk)));
  return texts;
}
