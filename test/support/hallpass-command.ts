/** Runs `hallpass` in a process of its own, or faster in this one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { runHallpass } from '../../cli/program.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NODE_ARGS = ['--import', `${ROOT}bin/node-24.mjs`, `${ROOT}bin/hallpass.ts`];
/** The command and its first arguments, for a test that has a shell run it. */
export const HALLPASS_COMMAND: readonly string[] = [process.execPath, ...NODE_ARGS];

export interface CommandOptions {
  /** The working directory; its `.hallpass` is the default data folder. */
  readonly cwd: string;
  readonly input?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command to its end. */
export async function hallpass(
  args: readonly string[],
  { cwd, input = '', variables = {} }: CommandOptions,
): Promise<CommandResult> {
  const child = spawn(process.execPath, [...NODE_ARGS, ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, ...variables },
  });
  child.stdin.on('error', () => {}); // It may end without reading.
  child.stdin.end(input);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { status, stdout, stderr };
}

interface HereOptions extends Omit<CommandOptions, 'cwd'> {
  /** Present: as on a terminal. Absent: as in a pipe. */
  readonly redraw?: (line: string) => void;
}

/** Runs one command in this process. */
export async function runHere(
  args: readonly string[],
  { input = '', variables = {}, redraw }: HereOptions = {},
): Promise<CommandResult> {
  const out: string[] = [];
  const err: string[] = [];
  const status = await runHallpass(args, {
    print: (line) => out.push(`${line}\n`),
    note: (line) => err.push(`${line}\n`),
    readInput: async () => input,
    openInput: () => Readable.from([Buffer.from(input)]),
    ...(redraw && { redraw }),
    variables,
  });
  return { status, stdout: out.join(''), stderr: err.join('') };
}
