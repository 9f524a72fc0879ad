/**
 * `npm run bench`: the provider alone, a bare pipe, and Hallpass with token, wallet and metering, side by side in one run.
 * The measured process has one core, all else the other; figures are medians of the rounds.
 */
import { Command } from 'commander';
import { type Child, pinned, pinSelf, startChild } from './child.ts';
import { measureColdStarts } from './cold.ts';
import { median, type Target } from './load.ts';
import { printReport, type Report } from './report.ts';
import { type Effort, type Figures, measure } from './series.ts';
import type { TableCalls } from './table-calls.ts';

const MEASURED_CORE = 0;
const OTHER_CORE = 1;
const FULL: Effort = { warmUp: 400, single: 1500, parallel: 3000, paced: 12, bursts: 20 };
const QUICK: Effort = { warmUp: 100, single: 300, parallel: 600, paced: 4, bursts: 5 };

const options = new Command('npm run bench --')
  .description('measures what Hallpass adds to a request, beside a bare pipe, in one run')
  .option('--json', 'print the figures as one JSON object')
  .option('--quick', 'one short round, to see that it runs')
  .option('--rounds <n>', 'rounds whose median is taken', '3')
  .option('--no-cold', 'leave out bundles and cold starts')
  .parse()
  .opts<{ json?: boolean; quick?: boolean; rounds: string; cold: boolean }>();
const rounds = options.quick ? 1 : Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 20) {
  console.error(`"--rounds" must be a whole number from 1 to 20, got "${options.rounds}"`);
  process.exit(2);
}

const effort = options.quick ? QUICK : FULL;
const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};

const medians = (all: readonly Figures[]): Figures => {
  const [first] = all;
  if (first === undefined) throw new TypeError('no figures');
  const names = Object.keys(first) as (keyof Figures)[];
  return Object.fromEntries(
    names.map((name) => [name, median(all.map((each) => each[name]))]),
  ) as unknown as Figures;
};

async function run(): Promise<Report> {
  pinSelf(OTHER_CORE);
  const children: Child[] = [];
  const start = async (file: string, core: number, environment = {}): Promise<Child> => {
    const child = await startChild(file, core, environment);
    children.push(child);
    return child;
  };
  try {
    const provider = await start('./provider.ts', OTHER_CORE);
    const table = await start('./table.ts', OTHER_CORE);
    const addresses = { BENCH_PROVIDER: String(provider.ready), BENCH_TABLE: String(table.ready) };
    const bare = await start('./bare.ts', MEASURED_CORE, addresses);
    const hallpass = await start('./gateway.ts', MEASURED_CORE, addresses);
    const served = {
      direct: { child: provider, target: { url: String(provider.ready), credential: 'none' } },
      bare: { child: bare, target: { url: String(bare.ready), credential: 'none' } },
      hallpass: { child: hallpass, target: hallpass.ready as Target },
    };
    const names = ['direct', 'bare', 'hallpass'] as const;
    const all: Record<(typeof names)[number], Figures[]> = { direct: [], bare: [], hallpass: [] };
    for (let round = 1; round <= rounds; round++) {
      for (const name of names) {
        progress(`round ${round} of ${rounds}: ${name}`);
        all[name].push(await measure(served[name].child, served[name].target, effort));
      }
    }
    progress('table calls');
    const https = (await hallpass.ask('table-calls', 'https')) as TableCalls;
    const sdk = (await hallpass.ask('table-calls', 'sdk')) as TableCalls;
    progress('cold starts');
    const coldStarts = options.cold ? await measureColdStarts() : [];
    progress('');
    return {
      node: process.versions.node,
      pinned,
      rounds,
      targets: {
        direct: medians(all.direct),
        bare: medians(all.bare),
        hallpass: medians(all.hallpass),
      },
      startMs: { bare: bare.startMs, hallpass: hallpass.startMs },
      tableCalls: { https, sdk },
      writeUnitsPerRequest: https.writeUnits,
      coldStarts,
    };
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

const report = await run();
if (options.json) console.log(JSON.stringify(report));
else printReport(report);
process.exit(0);
