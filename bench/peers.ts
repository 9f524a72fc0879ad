/**
 * `npm run bench:peers`: Hallpass beside LiteLLM and a bare pipe, in one run, with the same provider, prompt and load.
 * Needs Linux, Python 3.11 with venv, and PyPI. LiteLLM does less here: it checks a key, and has neither database nor caps.
 */
import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import type { Measured } from './child.ts';
import { type ForeignProgram, startForeign } from './foreign.ts';
import type { Target } from './load.ts';
import { type Effort, type Figures, measure, mediansOf } from './series.ts';
import { MEASURED_CORE, type MeasuredTargets, showProgress, withTargets } from './targets.ts';

const REQUIREMENTS = fileURLToPath(new URL('peers-requirements.txt', import.meta.url));
const LITELLM_PORT = 18_771;
const KEY = 'sk-bench';
const EFFORT: Effort = { warmUp: 200, single: 200, parallel: 640, paced: 5, bursts: 4 };

const options = new Command('npm run bench:peers --')
  .description('compares Hallpass with LiteLLM and a bare pipe in the same run')
  .option('--rounds <n>', 'number of rounds; figures are their medians', '3')
  .option('--folder <path>', 'keeps the installed LiteLLM there for the next run')
  .parse()
  .opts<{ rounds: string; folder?: string }>();
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 20) {
  console.error(`"--rounds" must be a whole number from 1 to 20, got "${options.rounds}"`);
  process.exit(2);
}

/** Installs LiteLLM with pinned versions in a folder, unless it is there. */
function install(folder: string): void {
  const venv = path.join(folder, 'litellm');
  if (existsSync(path.join(venv, 'bin/litellm'))) return;
  const quiet: ExecFileSyncOptions = { stdio: ['ignore', 'ignore', 'inherit'] };
  mkdirSync(folder, { recursive: true });
  execFileSync('python3', ['-m', 'venv', venv], quiet);
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--requirement', REQUIREMENTS];
  execFileSync(path.join(venv, 'bin/python'), pip, quiet);
}

/** LiteLLM's proxy with one worker and a master key. */
function litellm(folder: string, provider: string): ForeignProgram {
  const config = path.join(folder, 'litellm.json');
  const model = 'openai/gpt-4o-mini';
  const parameters = { model, api_base: provider, api_key: 'bench' };
  const models = [{ model_name: model, litellm_params: parameters }];
  writeFileSync(
    config,
    JSON.stringify({ model_list: models, general_settings: { master_key: KEY } }),
  );
  return {
    command: path.join(folder, 'litellm/bin/python'),
    args: [
      path.join(folder, 'litellm/bin/litellm'),
      ...['--config', config, '--host', '127.0.0.1', '--port', String(LITELLM_PORT)],
      // As long as the others keep idle connections: it is idle while they are measured.
      ...['--keepalive_timeout', '60'],
    ],
    env: { PATH: process.env.PATH ?? '', LITELLM_LOCAL_MODEL_COST_MAP: 'True' },
    readyUrl: `http://127.0.0.1:${LITELLM_PORT}/health/liveliness`,
  };
}

interface Peer {
  readonly name: string;
  readonly process: Measured & { readonly startMs: number };
  readonly target: Target;
}

const digits = (value: number): string => value.toFixed(value < 10 ? 2 : 0);

const ROWS: readonly (readonly [string, keyof Figures])[] = [
  ['CPU µs a request, 32 at a time', 'cpuPerRequest32'],
  ['requests/s, 32 at a time', 'requestsPerSecond32'],
  ['first streamed byte µs', 'firstByte'],
  ['chunk transit p50 µs, 40 streams', 'transitP50With40'],
  ['CPU µs a chunk, 3,000 chunks at once', 'cpuPerChunk'],
  ['peak resident memory MB', 'peakRssMb'],
];

function print(peers: readonly Peer[], figures: ReadonlyMap<string, Figures>, direct: Figures) {
  const row = (label: string, values: readonly string[]): string =>
    [label.padEnd(38), ...values.map((value) => value.padStart(11))].join('');
  const valuesOf = (read: (each: Figures) => number): string[] =>
    [...figures.values()].map((each) => digits(read(each)));
  const lines = [
    `Node ${process.versions.node}, medians of ${rounds} round(s)`,
    row(
      '',
      peers.map(({ name }) => name),
    ),
    row(
      'added p50 µs, one at a time',
      valuesOf((each) => each.p50 - direct.p50),
    ),
    ...ROWS.map(([label, name]) =>
      row(
        label,
        valuesOf((each) => each[name]),
      ),
    ),
    row(
      'start ms',
      peers.map(({ process }) => digits(process.startMs)),
    ),
  ];
  console.log(lines.join('\n'));
}

async function compare({ direct, bare, hallpass }: MeasuredTargets, folder: string) {
  const python = await startForeign(litellm(folder, direct.target.url), MEASURED_CORE);
  const url = `http://127.0.0.1:${LITELLM_PORT}/v1`;
  const peers: readonly Peer[] = [
    { name: 'bare', process: bare.child, target: bare.target },
    { name: 'hallpass', process: hallpass.child, target: hallpass.target },
    { name: 'litellm', process: python, target: { url, credential: KEY } },
  ];
  try {
    const all = new Map(peers.map(({ name }) => [name, [] as Figures[]]));
    const directs: Figures[] = [];
    for (let round = 1; round <= rounds; round++) {
      showProgress(`round ${round} of ${rounds}: the provider alone`);
      directs.push(await measure(direct.child, direct.target, EFFORT));
      for (const { name, process, target } of peers) {
        showProgress(`round ${round} of ${rounds}: ${name}`);
        all.get(name)?.push(await measure(process, target, EFFORT));
      }
    }
    showProgress('');
    const figures = new Map([...all].map(([name, each]) => [name, mediansOf(each)]));
    print(peers, figures, mediansOf(directs));
  } finally {
    await python.stop();
  }
}

const folder = options.folder ?? mkdtempSync(path.join(tmpdir(), 'hallpass-peers-'));
try {
  showProgress('installing LiteLLM');
  install(folder);
  await withTargets((targets) => compare(targets, folder));
} finally {
  if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
