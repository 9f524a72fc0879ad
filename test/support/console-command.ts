/** `hallpass console` as a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { HALLPASS_COMMAND } from './hallpass-command.ts';

export interface ConsoleProcess {
  /** The file that opens the page. */
  readonly file: string;
  /** Sends it one signal, `SIGINT` (Ctrl-C) unless another is given. @returns its exit code and signal, and what it wrote to standard error */
  end(
    signal?: NodeJS.Signals,
  ): Promise<{ readonly exit: readonly unknown[]; readonly errors: string }>;
}

/** Starts the command in a folder, and waits for the file. Rejects with its errors if it ends before. */
export async function startConsole(
  args: readonly string[],
  cwd: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<ConsoleProcess> {
  const [command = '', ...first] = HALLPASS_COMMAND;
  const child = spawn(command, [...first, 'console', '--no-open', ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors = text(child.stderr);
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const [file] = await Promise.race([once(lines, 'line'), exited.then(() => [undefined])]);
  if (typeof file !== 'string') throw new Error(await errors);
  return {
    file,
    async end(signal = 'SIGINT') {
      child.kill(signal);
      return { exit: await exited, errors: await errors };
    },
  };
}
