/**
 * `npm run test:package`: packs the package twice, installs it from the registry into empty folders, and uses it there,
 * on this Node and on the first one on the PATH that has another major version: starts, issues, synthesizes, and, where
 * there is Python, deploys on the emulator of `npm run test:deploy`. Prints sizes and times.
 */
import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNodes, type NodeProgram, startInstalled, writeApp } from '../support/built-package.ts';
import { deployOnEmulator } from './deploy.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MB = 1e6;
const STEP_MS_MAX = 300_000;
const SMALL_BYTES_MAX = 10 * MB;
const WHOLE_BYTES_MAX = 80 * MB;
/** The locked versions of what an app brings. */
const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const DEPLOY_TOOLS = ['aws-cdk', 'aws-cdk-lib', 'constructs', 'esbuild'].map(
  (name) => `${name}@${devDependencies[name]}`,
);

interface Place {
  readonly node: NodeProgram;
  readonly cwd: string;
}

function expectThat(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

/** Runs a program with a Node first on the PATH, as a user of that Node does. */
function run(
  { node, cwd }: Place,
  [command = '', ...args]: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): string {
  const path = [dirname(node.path), process.env.PATH].join(delimiter);
  const env = { ...process.env, ...variables, PATH: path };
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    env,
    stdio: 'pipe',
    timeout: STEP_MS_MAX,
  });
}

const bytesOf = (folder: string): number =>
  globSync('**/*', { cwd: folder })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);

/** Builds and packs. Returns the archive's path and its digest. */
function pack(top: string, name: string): { readonly path: string; readonly integrity: string } {
  const folder = join(top, name);
  mkdirSync(folder, { recursive: true });
  execFileSync(process.execPath, [join(ROOT, 'bin/package.ts'), join(folder, 'dist')], {
    stdio: 'inherit',
  });
  const printed = execFileSync('npm', ['pack', './dist', '--json', '--pack-destination', folder], {
    cwd: folder,
    encoding: 'utf8',
  });
  const text = JSON.stringify(JSON.parse(printed));
  const [, file = ''] = /"filename":"([^"]+)"/.exec(text) ?? [];
  const [, integrity = ''] = /"integrity":"([^"]+)"/.exec(text) ?? [];
  return { path: join(folder, file), integrity };
}

/** Installs into an empty folder, and says how large that is and how long it took. */
function install(
  place: Place,
  label: string,
  bytesMax: number,
  ...packages: readonly string[]
): void {
  mkdirSync(place.cwd, { recursive: true });
  const startedAtMs = performance.now();
  run(place, ['npm', 'init', '--yes']);
  run(place, ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages]);
  const bytes = bytesOf(join(place.cwd, 'node_modules'));
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  console.log(`${place.node.version}  ${label}: ${(bytes / MB).toFixed(1)} MB in ${seconds} s`);
  expectThat(bytes <= bytesMax, `${label} must be at most ${bytesMax} bytes, got ${bytes}`);
}

async function useOn(node: NodeProgram, archive: string, top: string): Promise<void> {
  const small = { node, cwd: join(top, node.version, 'small') };
  const whole = { node, cwd: join(top, node.version, 'whole') };
  install(small, 'without optional packages', SMALL_BYTES_MAX, archive, '--omit=optional');
  install(whole, 'whole', WHOLE_BYTES_MAX, archive);
  const gateway = await startInstalled(node, whole.cwd);
  try {
    Object.assign(process.env, { HALLPASS_KEY: gateway.key, HALLPASS_KEY_ID: gateway.kid });
    const issue = ['npx', 'hallpass', 'tokens', 'issue', '--limit-usd', '2', '--expires', '7d'];
    const token = run(small, issue).trim();
    const answer = await fetch(`${gateway.url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{"model":"demo/echo","stream":true,"messages":[{"role":"user","content":"Hello"}]}',
    });
    expectThat((await answer.text()).endsWith('data: [DONE]\n\n'), 'the stream did not end');
  } finally {
    await gateway.end();
  }
  run(whole, ['npm', 'install', '--ignore-scripts', ...DEPLOY_TOOLS]);
  await writeApp(whole.cwd);
  const startedAtMs = performance.now();
  run(whole, ['npx', 'cdk', 'synth', '--quiet', '--app', 'node app.mjs']);
  const bundles = globSync('cdk.out/asset.*/index.mjs', { cwd: whole.cwd });
  expectThat(bundles.length === 5, `cdk synth must make 5 bundles, got ${bundles.length}`);
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  console.log(`${node.version}  start, issue, stream: ok; cdk synth: ${seconds} s`);
  const life = await deployOnEmulator(top, (command, variables) => run(whole, command, variables));
  console.log(`${node.version}  ${life}`);
}

const top = mkdtempSync(join(tmpdir(), 'hallpass-pack-'));
try {
  const first = pack(top, 'first');
  expectThat(pack(top, 'second').integrity === first.integrity, 'two builds must be the same');
  console.log(`${(statSync(first.path).size / MB).toFixed(2)} MB packed, the same bytes twice`);
  for (const node of await findNodes()) await useOn(node, first.path, top);
} finally {
  rmSync(top, { recursive: true, force: true });
}
