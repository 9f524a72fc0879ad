/**
 * An emulator of AWS in a process of its own, out of a virtual environment that is made for it once.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { findFreePort } from '../support/free-port.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = `${ROOT}node_modules/.cache/ministack-1.5.33`;
const ACCOUNT = '123456789012';
const PYTHON_MINOR_MIN = 10;
const START_TRIES_MAX = 300;
const START_WAIT_MS = 100;

export interface Emulator {
  /** The settings that every client needs: address, region, credentials. */
  readonly variables: Readonly<Record<string, string>>;
  readonly url: string;
  close(): void;
}

/** Returns the name of what is missing; undefined if nothing is. */
export function findAbsent(): string | undefined {
  const python = spawnSync(
    'python3',
    ['-c', 'import ensurepip, sys, venv; print(sys.version_info.minor)'],
    {
      encoding: 'utf8',
    },
  );
  const isThere = python.status === 0 && Number(python.stdout) >= PYTHON_MINOR_MIN;
  return isThere ? undefined : `Python 3.${PYTHON_MINOR_MIN} with venv`;
}

/** A whole environment or none: it is moved to its place when everything is in it. */
function makeEnvironment(): void {
  if (statSync(FOLDER, { throwIfNoEntry: false }) !== undefined) return;
  const parts = `${FOLDER}.${process.pid}`;
  mkdirSync(dirname(FOLDER), { recursive: true });
  const target = join(parts, 'packages');
  const steps = [
    ['python3', '-m', 'venv', parts],
    [
      join(parts, 'bin/python'),
      ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'],
      ...['--require-hashes', '--only-binary', ':all:', '--target', target],
      ...['-r', join(HERE, 'requirements.txt')],
    ],
  ];
  for (const [command = '', ...args] of steps) {
    const { status } = spawnSync(command, args, { stdio: 'inherit' });
    if (status === 0) continue;
    rmSync(parts, { recursive: true, force: true });
    throw new Error(`${command} could not make the emulator's environment`);
  }
  renameSync(parts, FOLDER);
}

/** Starts the emulator. Its log is in the folder that the error names, if it does not start. */
export async function startEmulator(): Promise<Emulator> {
  makeEnvironment();
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const folder = mkdtempSync(join(tmpdir(), 'hallpass-deploy-'));
  const log = openSync(join(folder, 'emulator.log'), 'w');
  const shim = pathToFileURL(join(HERE, 'awslambda.mjs')).href;
  const child: ChildProcess = spawn('python3', [join(HERE, 'launcher.py')], {
    stdio: ['ignore', log, log],
    env: {
      // Its worker runs functions on the first Node of the path, which is this one.
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      HOME: folder,
      TMPDIR: folder,
      PYTHONPATH: join(FOLDER, 'packages'),
      NODE_OPTIONS: `--import ${shim}`,
      MINISTACK_ACCOUNT_ID: ACCOUNT,
      GATEWAY_PORT: String(port),
      BIND_HOST: '127.0.0.1',
    },
  });
  const close = (): void => {
    child.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  for (let tries = 0; tries < START_TRIES_MAX; tries += 1) {
    if (child.exitCode !== null) break;
    const answer = await fetch(`${url}/_ministack/health`).catch(() => undefined);
    if (answer !== undefined) return { url, variables: variablesOf(url), close };
    await wait(START_WAIT_MS);
  }
  child.kill('SIGKILL');
  throw new Error(`the emulator did not start; its log is in ${folder}`);
}

const variablesOf = (url: string) => ({
  AWS_ENDPOINT_URL: url,
  AWS_ACCESS_KEY_ID: ACCOUNT,
  AWS_SECRET_ACCESS_KEY: 'emulator',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_REGION: 'us-east-1',
  AWS_EC2_METADATA_DISABLED: 'true',
});
