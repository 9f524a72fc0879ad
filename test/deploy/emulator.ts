/**
 * An emulator of AWS in a process of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { findFreePort } from '../support/free-port.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
export const ACCOUNT = '123456789012';
export const REGION = 'us-east-1';
const READY_MS_MAX = 60_000;
const POLL_MS = 100;
/** Another process may take the port that was just free. */
const STARTS_MAX = 3;
const LOG_CHARS_SHOWN = 2_000;

export interface Emulator {
  /** The settings that every client needs: address, region, credentials. */
  readonly variables: Readonly<Record<string, string>>;
  readonly url: string;
  /** Ends it together with the functions that it runs. */
  close(): void;
}

/**
 * Starts the emulator.
 * @param packages the folder of Python's packages
 * @param folder for its files and its log
 * @throws Error with the end of its log if it does not start
 */
export async function startEmulator(packages: string, folder: string): Promise<Emulator> {
  const logFile = join(folder, 'emulator.log');
  for (let starts = 0; starts < STARTS_MAX; starts += 1) {
    const port = await findFreePort();
    const url = `http://127.0.0.1:${port}`;
    const child = spawnServer(packages, folder, port, logFile);
    const close = () => endGroup(child);
    if (await isReady(url, child)) return { url, variables: variablesOf(url), close };
    close();
  }
  const log = readFileSync(logFile, 'utf8').slice(-LOG_CHARS_SHOWN);
  throw new Error(`the emulator did not start; its log ends with\n${log}`);
}

function spawnServer(
  packages: string,
  folder: string,
  port: number,
  logFile: string,
): ChildProcess {
  const log = openSync(logFile, 'a');
  const shim = pathToFileURL(join(HERE, 'awslambda.mjs')).href;
  return spawn('python3', [join(HERE, 'launcher.py')], {
    stdio: ['ignore', log, log],
    // A group of its own, which ends together with the functions in it.
    detached: true,
    env: {
      // Its worker runs functions on the first Node of the path, which is this one.
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      HOME: folder,
      TMPDIR: folder,
      PYTHONPATH: packages,
      NODE_OPTIONS: `--import ${shim}`,
      MINISTACK_ACCOUNT_ID: ACCOUNT,
      GATEWAY_PORT: String(port),
      BIND_HOST: '127.0.0.1',
    },
  });
}

async function isReady(url: string, child: ChildProcess): Promise<boolean> {
  const startedAtMs = performance.now();
  while (child.exitCode === null && performance.now() - startedAtMs < READY_MS_MAX) {
    const answer = await fetch(`${url}/_ministack/health`).catch(() => undefined);
    // Another server on that port would answer too, and this one would have ended.
    if (answer?.ok) return child.exitCode === null;
    await wait(POLL_MS);
  }
  return false;
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

const variablesOf = (url: string) => ({
  AWS_ENDPOINT_URL: url,
  AWS_ACCESS_KEY_ID: ACCOUNT,
  AWS_SECRET_ACCESS_KEY: 'emulator',
  AWS_DEFAULT_REGION: REGION,
  AWS_REGION: REGION,
  AWS_EC2_METADATA_DISABLED: 'true',
});
