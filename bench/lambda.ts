/**
 * `npm run bench:lambda`: starts and requests of the functions under AWS's runtime client, beside an empty handler, with
 * the share of a processor that Lambda gives to a function of each memory. Tables and provider are outside the share.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { pinSelf } from './child.ts';
import { findBundles, synthesize, VARIABLES } from './cold.ts';
import { type Outside, type RequestFigures, startOutside } from './invocations.ts';
import { median } from './load.ts';
import { Sandbox, type SandboxStart } from './sandbox.ts';
import { makeShare, type ProcessorShare } from './share.ts';
import { OTHER_CORE, showProgress } from './targets.ts';

/** 1,769 MB are a whole processor. */
const MEMORIES_MB = [256, 512, 1_024, 1_769];

const options = new Command('npm run bench:lambda --')
  .description(
    'measures starts and requests of the functions at the shares of a processor that Lambda gives; needs Linux and root',
  )
  .option('--json', 'print the figures as one JSON object')
  .option('--runs <n>', 'number of starts; figures are their medians', '9')
  .option('--starts', 'measure starts only')
  .option('--beside <folder>', 'start the functions of another output of "cdk synth" in turns')
  .parse()
  .opts<{ json?: boolean; runs: string; starts?: boolean; beside?: string }>();
const runs = Number(options.runs);
if (!Number.isInteger(runs) || runs < 1 || runs > 50) {
  console.error(`"--runs" must be a whole number from 1 to 50, got "${options.runs}"`);
  process.exit(2);
}

/** Figures of one function at one share, in milliseconds. */
interface Row extends Partial<RequestFigures> {
  readonly memoryMb: number;
  readonly name: string;
  readonly startMs?: number;
  readonly startCpuMs?: number;
}

type Bundles = ReadonlyMap<string, string>;

/** Starts the functions in turns, so that the machine's noise meets all of them. */
async function measureStarts(memoryMb: number, bundles: Bundles): Promise<readonly Row[]> {
  const starts = new Map([...bundles.keys()].map((name) => [name, [] as SandboxStart[]]));
  const share = makeShare(memoryMb);
  try {
    for (let run = 0; run < runs; run++) {
      for (const [name, bundle] of bundles) {
        const code = { name, taskRoot: path.dirname(bundle), handler: 'index.handler', share };
        const sandbox = new Sandbox({ ...code, environment: VARIABLES, timeoutMs: 60_000 });
        starts.get(name)?.push(await sandbox.start());
        await sandbox.end();
      }
    }
  } finally {
    share.remove();
  }
  return [...starts].map(([name, all]) => ({
    memoryMb,
    name,
    startMs: median(all.map(({ ms }) => ms)),
    startCpuMs: median(all.map(({ cpuMs }) => cpuMs)),
  }));
}

/** Sends requests to the functions, each in a share of its own. */
async function measureRequests(memoryMb: number, bundles: Bundles, outside: Outside) {
  const shares: ProcessorShare[] = [];
  const inShare = (name: string) => {
    const share = makeShare(memoryMb);
    shares.push(share);
    return { bundle: bundles.get(name) ?? '', share };
  };
  try {
    return await outside.measure({
      empty: inShare('empty'),
      authorizer: inShare('authorizer'),
      proxy: inShare('proxy'),
    });
  } finally {
    for (const share of shares) share.remove();
  }
}

async function measure(bundles: Bundles): Promise<readonly Row[]> {
  const outside = options.starts ? undefined : await startOutside();
  const rows: Row[] = [];
  for (const memoryMb of MEMORIES_MB) {
    showProgress(`${memoryMb} MB: starts`);
    const starts = await measureStarts(memoryMb, bundles);
    showProgress(`${memoryMb} MB: requests`);
    const requests = outside && (await measureRequests(memoryMb, bundles, outside));
    rows.push(...starts.map((row) => ({ ...row, ...requests?.get(row.name) })));
    const whole = requests?.get('request');
    if (whole !== undefined) rows.push({ memoryMb, name: 'request', ...whole });
  }
  showProgress('');
  await outside?.close();
  return rows;
}

const COLUMNS = [
  ['start', 'startMs'],
  ['its CPU', 'startCpuMs'],
  ['first', 'firstMs'],
  ['p50', 'p50Ms'],
  ['p95', 'p95Ms'],
  ['its CPU', 'cpuMs'],
  ['first byte', 'firstByteMs'],
] as const satisfies readonly (readonly [string, keyof Row])[];

function print(rows: readonly Row[]): void {
  const cell = (value: number | undefined): string =>
    (value === undefined ? '' : value.toFixed(value < 10 ? 1 : 0)).padStart(11);
  console.log(
    `Milliseconds by the clock and of processor time, medians of ${runs} starts; p50 and p95 of warm requests.`,
  );
  console.log(`   MB  function      ${COLUMNS.map(([title]) => title.padStart(11)).join('')}`);
  for (const row of rows) {
    const cells = COLUMNS.map(([, name]) => cell(row[name])).join('');
    console.log(`${String(row.memoryMb).padStart(5)}  ${row.name.padEnd(14)}${cells}`);
  }
}

pinSelf(OTHER_CORE);
const folder = mkdtempSync(path.join(tmpdir(), 'hallpass-lambda-'));
try {
  const empty = path.join(folder, 'empty', 'index.mjs');
  mkdirSync(path.dirname(empty));
  writeFileSync(empty, 'export const handler = async () => ({});\n');
  makeShare(MEMORIES_MB[0] ?? 0).remove(); // Fails before the stack is synthesized.
  const own = synthesize(path.join(folder, 'stack'));
  const beside = options.beside === undefined ? [] : findBundles(path.resolve(options.beside));
  const others = [...beside].map(([name, bundle]) => [`${name} beside`, bundle] as const);
  const bundles = new Map([['empty', empty], ...own, ...others]);
  const rows = await measure(bundles);
  if (options.json) console.log(JSON.stringify({ node: process.versions.node, runs, rows }));
  else print(rows);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
