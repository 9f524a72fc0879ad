/**
 * `cdk synth` as a user runs it, bundles and all: once for a whole run of the tests, whoever asks first.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import './synth-folder.ts';

export interface SynthResult {
  readonly template: Template;
  /** Both outputs of `cdk synth`. */
  readonly output: string;
  /** The time `cdk synth` took. */
  readonly durationMs: number;
  /** The folder that is deployed as a function's code; its handler is `index.handler`. */
  functionFolder(name: 'authorizer' | 'proxy' | 'account' | 'sweep' | 'pages'): string;
}

export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly Metadata?: Readonly<Record<string, unknown>>;
}

export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
}

interface Outcome {
  readonly status: number | null;
  readonly output: string;
  readonly durationMs: number;
}

const STACK = 'Hallpass';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const POLL_MS = 100;
/** The first to ask may be slow on a busy machine; hooks that wait for it need as long. */
export const SYNTH_MS_MAX = 120_000;

/** Synthesizes the stack, or waits until another test file has. */
export async function synthesize(): Promise<SynthResult> {
  const folder = inject('synthFolder');
  const { status, output, durationMs } = await synthesizeOnce(folder);
  if (status !== 0) throw new Error(`cdk synth ended with ${status}:\n${output}`);
  const assembly = join(folder, 'cdk.out');
  const template = JSON.parse(await readFile(join(assembly, `${STACK}.template.json`), 'utf8'));
  return {
    template,
    output,
    durationMs,
    functionFolder: (name) => join(assembly, assetOf(template, name)),
  };
}

/** `mkdir` succeeds for one of all that try; the rest wait for what it leaves. */
async function synthesizeOnce(folder: string): Promise<Outcome> {
  const outcomeFile = join(folder, 'outcome.json');
  const isFirst = await mkdir(join(folder, 'lock')).then(
    () => true,
    () => false,
  );
  if (isFirst) {
    // Renamed into place, so that no one reads half of it.
    await writeFile(`${outcomeFile}.part`, JSON.stringify(await runSynth(folder)));
    await rename(`${outcomeFile}.part`, outcomeFile);
  }
  for (let waitedMs = 0; !existsSync(outcomeFile); waitedMs += POLL_MS) {
    if (waitedMs > SYNTH_MS_MAX) throw new Error(`cdk synth took more than ${SYNTH_MS_MAX} ms`);
    await wait(POLL_MS);
  }
  return JSON.parse(await readFile(outcomeFile, 'utf8'));
}

function runSynth(folder: string): Promise<Outcome> {
  const bin = join(ROOT, 'node_modules', '.bin');
  const startedAtMs = performance.now();
  const child = spawn(
    process.execPath,
    [
      join(ROOT, 'node_modules/aws-cdk/bin/cdk'),
      'synth',
      '--quiet',
      '--output',
      `${folder}/cdk.out`,
    ],
    {
      cwd: ROOT,
      env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, CI: 'true' },
      timeout: SYNTH_MS_MAX,
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) =>
      resolve({ status, output, durationMs: Math.round(performance.now() - startedAtMs) }),
    );
  });
}

/** Returns the folder of a function's code in the assembly. Its name is a hash of the content. */
export function assetOf(template: Template, name: string): string {
  const description = `Hallpass ${name}`;
  const resource = Object.values(template.Resources).find(
    ({ Type, Properties }) =>
      Type === 'AWS::Lambda::Function' && Properties.Description === description,
  );
  const asset = resource?.Metadata?.['aws:asset:path'];
  if (typeof asset !== 'string') throw new Error(`no function is described "${description}"`);
  return asset;
}
