/**
 * The Python tools of `npm run test:deploy`, in a virtual environment of their own: the emulator and cfn-lint.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));
const PYTHON_MINOR_MIN = 10;
/** A slow network is not worth waiting for: another run finds what this one has fetched. */
const INSTALL_MS_MAX = 180_000;
const PIP = [
  ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input'],
  ...['--retries', '1', '--timeout', '20', '--no-deps', '--no-compile'],
  ...['--require-hashes', '--only-binary', ':all:', '-r', REQUIREMENTS],
];
/** The end of pip that is a fault of the list, whatever the network does. */
const HASH_DIFFERS = /DO NOT MATCH THE HASHES|HASHES ARE REQUIRED/i;

/** The reason why nothing can be run here. */
export class Unavailable extends Error {}

/**
 * Returns the folder of the installed packages, made once for each list of requirements.
 * @throws Unavailable without Python or without the package index; Error if a package is not the one that is listed
 */
export async function installTools(): Promise<string> {
  const version = 'import ensurepip, sys, venv; print(sys.version_info.minor)';
  const python = spawnSync('python3', ['-c', version], { encoding: 'utf8' });
  if (python.status !== 0 || Number(python.stdout) < PYTHON_MINOR_MIN) {
    throw new Unavailable(`Python 3.${PYTHON_MINOR_MIN} with venv is not on this machine`);
  }
  const list = readFileSync(REQUIREMENTS);
  const digest = createHash('sha256').update(list).update(python.stdout).digest('hex').slice(0, 12);
  const folder = `${ROOT}node_modules/.cache/test-deploy-${digest}`;
  if (!existsSync(folder)) await install(folder);
  return folder;
}

/** A whole folder or none: it is moved to its place when everything is in it. */
async function install(folder: string): Promise<void> {
  const parts = `${folder}.${process.pid}`;
  mkdirSync(dirname(folder), { recursive: true });
  try {
    const venv = spawnSync('python3', ['-m', 'venv', parts], { encoding: 'utf8' });
    if (venv.status !== 0) throw new Unavailable('python3 -m venv makes no environment here');
    const target = ['--target', join(parts, 'packages')];
    const pip = spawn(join(parts, 'bin/python'), [...PIP, ...target], { timeout: INSTALL_MS_MAX });
    const [printed, [status]] = await Promise.all([text(pip.stderr), once(pip, 'close')]);
    if (HASH_DIFFERS.test(printed)) throw new Error(`a package is not the one listed:\n${printed}`);
    if (status !== 0) throw new Unavailable('the package index (PyPI) cannot be reached');
    renameSync(join(parts, 'packages'), folder);
  } finally {
    rmSync(parts, { recursive: true, force: true });
  }
}
