/**
 * Size and start time of the bundles that `cdk synth` makes, compared with an empty bundle and one of two SDK clients.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { median } from './load.ts';

export interface ColdStart {
  readonly name: string;
  readonly bytes: number;
  /** Time to import the bundle in a new process, less that of an empty bundle. */
  readonly initMs: number;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RUNS = 15;
const FUNCTIONS = ['authorizer', 'proxy', 'account', 'sweep'];
/** The variables of the functions. */
export const VARIABLES = {
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'bench',
  AWS_SECRET_ACCESS_KEY: 'bench',
  HALLPASS_KEYS_TABLE: 'keys',
  HALLPASS_WALLETS_TABLE: 'wallets',
  HALLPASS_USAGE_TABLE: 'usage',
  HALLPASS_SECRET_PREFIX: 'bench',
  HALLPASS_DEPLOYMENT: 'bench',
};

const TIMED_IMPORT = `globalThis.awslambda = { streamifyResponse: (f) => f, HttpResponseStream: {} };
const started = performance.now(); await import(process.argv[1]); process.stdout.write(String(performance.now() - started)); process.exit(0);`;

interface SynthesizedResource {
  readonly Properties?: { readonly Description?: string };
  readonly Metadata?: Readonly<Record<string, string>>;
}

/** Synthesizes the stack and returns the paths of the bundles, by function name. */
export function synthesize(folder: string): Map<string, string> {
  execFileSync('npx', ['cdk', 'synth', '--quiet', '--output', folder], {
    cwd: ROOT,
    stdio: 'pipe',
  });
  return findBundles(folder);
}

/** Returns the paths of the bundles in the output of `cdk synth`, by function name. */
export function findBundles(folder: string): Map<string, string> {
  const bundles = new Map<string, string>();
  const templateFile = readdirSync(folder).find((name) => name.endsWith('.template.json')) ?? '';
  const template = JSON.parse(readFileSync(path.join(folder, templateFile), 'utf8')) as {
    Resources: Record<string, SynthesizedResource>;
  };
  for (const { Properties, Metadata } of Object.values(template.Resources)) {
    const asset = Metadata?.['aws:asset:path'];
    const name = FUNCTIONS.find((each) => Properties?.Description === `Hallpass ${each}`);
    if (asset === undefined || name === undefined) continue;
    bundles.set(name, path.join(folder, asset, 'index.mjs'));
  }
  return bundles;
}

async function bundleSdkClients(folder: string): Promise<string> {
  const outfile = path.join(folder, 'sdk.mjs');
  await build({
    stdin: {
      contents: `import { DynamoDBClient, GetItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
export const parts = [new DynamoDBClient({}), new SecretsManagerClient({}), GetItemCommand, PutItemCommand, UpdateItemCommand, GetSecretValueCommand];`,
      resolveDir: ROOT,
    },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    banner: { js: "import{createRequire as r}from'node:module';const require=r(import.meta.url);" },
    outfile,
  });
  return outfile;
}

function importMs(bundle: string): number {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', TIMED_IMPORT, bundle],
    { env: { PATH: process.env.PATH, ...VARIABLES }, encoding: 'utf8' },
  );
  if (stdout === '') throw new Error(`${bundle} does not start: ${stderr.slice(0, 500)}`);
  return Number(stdout);
}

/** Measures every bundle in turns with the empty one, and returns medians of 15. */
export async function measureColdStarts(): Promise<readonly ColdStart[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'hallpass-bench-'));
  try {
    const bundles = synthesize(folder);
    bundles.set('two SDK clients', await bundleSdkClients(folder));
    const empty = path.join(folder, 'empty.mjs');
    writeFileSync(empty, 'export const nothing = 0;\n');
    bundles.set('empty', empty);
    const samples = new Map([...bundles.keys()].map((name) => [name, [] as number[]]));
    for (let run = 0; run < RUNS; run++) {
      for (const [name, bundle] of bundles) samples.get(name)?.push(importMs(bundle));
    }
    const emptyMs = median(samples.get('empty') ?? []);
    return [...bundles].map(([name, bundle]) => ({
      name,
      bytes: statSync(bundle).size,
      initMs: median(samples.get(name) ?? []) - emptyMs,
    }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
