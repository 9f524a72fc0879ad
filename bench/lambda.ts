/**
 * `npm run bench:lambda`: the start of each function under AWS's runtime client, beside an empty handler, with the share
 * of a processor that Lambda gives to a function of each memory.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { synthesize, VARIABLES } from './cold.ts';
import { median } from './load.ts';
import { makeShare } from './share.ts';

const MEMORIES_MB = [256, 512, 1_024, 1_769];
const RUNS = 9;
const RUNTIME = fileURLToPath(import.meta.resolve('aws-lambda-ric'));
const CLIENT = new URL('./runtime-client.mjs', import.meta.url).href;

interface Start {
  readonly ms: number;
  readonly cpuMs: number;
}

/** Starts a function and waits until it asks for its first invocation. */
async function start(bundle: string, procs: string): Promise<Start> {
  const taskRoot = path.dirname(bundle);
  const startedMs = performance.now();
  // The shell moves itself into the share, and becomes the function.
  const command = ['-c', 'echo $$ > "$0" && exec "$@"', procs, process.execPath];
  const child = spawn('sh', [...command, '--import', CLIENT, RUNTIME], {
    cwd: taskRoot,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...VARIABLES,
      PATH: process.env.PATH,
      TZ: ':UTC',
      LAMBDA_TASK_ROOT: taskRoot,
      _HANDLER: 'index.handler',
      AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9',
      AWS_LAMBDA_FUNCTION_NAME: 'bench',
      AWS_LAMBDA_FUNCTION_VERSION: '1',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      AWS_LAMBDA_LOG_GROUP_NAME: 'bench',
      AWS_LAMBDA_LOG_STREAM_NAME: 'bench',
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    },
  });
  const exited = once(child, 'exit');
  const failed = exited.then(() => {
    throw new Error(`${bundle} ended before it was ready`);
  });
  failed.catch(() => {}); // The end after a start is expected.
  const [{ cpuMicros }] = (await Promise.race([once(child, 'message'), failed])) as [
    { cpuMicros: number },
  ];
  const ms = performance.now() - startedMs;
  child.kill('SIGKILL');
  await exited;
  return { ms, cpuMs: cpuMicros / 1_000 };
}

/** Measures the functions in turns, so that the machine's noise meets all of them. */
async function measureAt(memoryMb: number, bundles: ReadonlyMap<string, string>): Promise<void> {
  const share = makeShare(memoryMb);
  if (share === undefined) {
    console.error('shares of a processor need Linux with control groups, and root');
    process.exit(1);
  }
  try {
    const starts = new Map([...bundles.keys()].map((name) => [name, [] as Start[]]));
    for (let run = 0; run < RUNS; run++) {
      for (const [name, bundle] of bundles) {
        starts.get(name)?.push(await start(bundle, share.procs));
      }
    }
    for (const [name, all] of starts) {
      const [ms, cpuMs] = [median(all.map((each) => each.ms)), median(all.map((e) => e.cpuMs))];
      console.log(
        `${String(memoryMb).padStart(6)}  ${name.padEnd(11)}${ms.toFixed(0).padStart(7)}${cpuMs.toFixed(0).padStart(9)}`,
      );
    }
  } finally {
    share.remove();
  }
}

const folder = mkdtempSync(path.join(tmpdir(), 'hallpass-lambda-'));
try {
  const empty = path.join(folder, 'empty', 'index.mjs');
  mkdirSync(path.dirname(empty));
  writeFileSync(empty, 'export const handler = async () => ({});\n');
  const bundles = new Map([['empty', empty], ...synthesize(path.join(folder, 'stack'))]);
  console.log('memory  function   start ms   cpu ms   (medians of 9)');
  for (const memoryMb of MEMORIES_MB) await measureAt(memoryMb, bundles);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
