/**
 * The package as it is installed, without a registry: built into an empty folder, beside links to what its manifest
 * names and nothing else. An import of anything that the manifest does not name fails there.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const runFile = promisify(execFile);

/** The parts of a published manifest that the tests read. */
export interface Manifest {
  readonly bin: { readonly hallpass: string };
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

export interface BuiltPackage {
  /** The package alone. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Makes a folder in which the package is installed, and the named packages beside it. */
  install(name: string, dependencies: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

/** The compiler in half its processor time: one thread, and no garbage collected, since it ends at 0.6 GB. */
export const COMPILER = { args: ['--singleThreaded'], variables: { GOGC: 'off' } };

/** Builds the package, as `npm run package` does before it packs, but leaves the types to `npm run check:types`. */
export async function buildPackage(): Promise<BuiltPackage> {
  const top = await mkdtemp(join(tmpdir(), 'hallpass-package-'));
  const folder = join(top, 'built');
  const args = [join(ROOT, 'bin/package.ts'), folder, '--noCheck', ...COMPILER.args];
  await runFile(process.execPath, args, { env: { ...process.env, ...COMPILER.variables } });
  const manifest: Manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  return {
    folder,
    manifest,
    async install(name, dependencies) {
      const modules = join(top, name, 'node_modules');
      await cp(folder, join(modules, 'hallpass'), { recursive: true });
      for (const dependency of dependencies) {
        await mkdir(dirname(join(modules, dependency)), { recursive: true });
        await symlink(join(ROOT, 'node_modules', dependency), join(modules, dependency));
      }
      return join(top, name);
    },
    remove: () => rm(top, { recursive: true, force: true }),
  };
}

export interface NodeProgram {
  /** `v20.20.2` */
  readonly version: string;
  readonly path: string;
}

/** Finds this Node, and the first one on the PATH that has another major version. */
export async function findNodes(): Promise<readonly NodeProgram[]> {
  const own = { version: process.version, path: process.execPath };
  const folders = (process.env.PATH ?? '').split(delimiter);
  for (const path of folders.map((each) => join(each, 'node')).filter((each) => existsSync(each))) {
    const { stdout } = await runFile(path, ['--version']);
    const version = stdout.trim();
    if (version.split('.')[0] !== process.version.split('.')[0]) return [own, { version, path }];
  }
  return [own];
}

export interface RunResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly cwd: string;
  readonly variables?: Readonly<Record<string, string>>;
}

/** Runs a file of a folder to its end. */
export async function runNode(
  { path }: NodeProgram,
  args: readonly string[],
  { cwd, variables = {} }: RunOptions,
): Promise<RunResult> {
  const env = { PATH: process.env.PATH, HOME: cwd, ...variables };
  try {
    const { stdout, stderr } = await runFile(path, [...args], { cwd, env });
    return { status: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = Object(error);
    return { status: code, stdout, stderr };
  }
}

/** The path of the command in a folder where the package is installed. */
export const COMMAND = 'node_modules/hallpass/package/command.js';

/** Starts a gateway by the installed command. */
export async function startInstalled({ path }: NodeProgram, cwd: string) {
  const args = [COMMAND, 'start', '--ephemeral', '--port', '0', '--json'];
  const child = spawn(path, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const exited = once(child, 'exit');
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    exited.then(() => [undefined]),
  ]);
  if (line === undefined) throw new Error(`ended before it was ready: ${said}`);
  const { url, key, kid } = JSON.parse(line);
  return {
    url: String(url),
    key: String(key),
    kid: String(kid),
    async end(): Promise<void> {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Returns the CDK app that a page shows. */
export function appIn(page: string): string {
  const blocks = readFileSync(join(ROOT, page), 'utf8').matchAll(/^```js\n([\s\S]*?)^```$/gm);
  const app = [...blocks].map(([, text = '']) => text).find((text) => text.includes('new App()'));
  if (app === undefined) throw new Error(`${page} shows no CDK app`);
  return app;
}

/** Writes the CDK app that the package's own page shows. */
export const writeApp = (folder: string): Promise<void> =>
  writeFile(join(folder, 'app.mjs'), appIn('package/README.md'));
