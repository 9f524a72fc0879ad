/**
 * `npm run bench`: compares the provider alone, a bare pipe, and Hallpass with token, wallet and metering, in one run.
 * The measured process has one core, all others the second one. Figures are medians of the rounds.
 */
import { Command } from 'commander';
import { pinned } from './child.ts';
import { measureColdStarts } from './cold.ts';
import { type BenchReport, printReport } from './report.ts';
import { type Effort, type Figures, measure, mediansOf } from './series.ts';
import type { TableCalls } from './table-calls.ts';
import { type MeasuredTargets, showProgress, withTargets } from './targets.ts';

const FULL: Effort = { warmUp: 400, single: 1500, parallel: 3000, paced: 12, bursts: 20 };
const QUICK: Effort = { warmUp: 100, single: 300, parallel: 600, paced: 4, bursts: 5 };

const options = new Command('npm run bench --')
  .description(
    'measures what Hallpass adds to a request, compared with a bare pipe in the same run',
  )
  .option('--json', 'print the figures as one JSON object')
  .option('--quick', 'one short round, to check that it runs')
  .option('--rounds <n>', 'number of rounds; figures are their medians', '3')
  .option('--no-cold', 'skip bundles and cold starts')
  .parse()
  .opts<{ json?: boolean; quick?: boolean; rounds: string; cold: boolean }>();
const rounds = options.quick ? 1 : Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 20) {
  console.error(`"--rounds" must be a whole number from 1 to 20, got "${options.rounds}"`);
  process.exit(2);
}

const effort = options.quick ? QUICK : FULL;

async function run({ direct, bare, hallpass }: MeasuredTargets): Promise<BenchReport> {
  const targets = { direct, bare, hallpass };
  const names = ['direct', 'bare', 'hallpass'] as const;
  const all: Record<(typeof names)[number], Figures[]> = { direct: [], bare: [], hallpass: [] };
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) {
      showProgress(`round ${round} of ${rounds}: ${name}`);
      all[name].push(await measure(targets[name].child, targets[name].target, effort));
    }
  }
  showProgress('table calls');
  const https = (await hallpass.child.ask('table-calls', 'https')) as TableCalls;
  const sdk = (await hallpass.child.ask('table-calls', 'sdk')) as TableCalls;
  showProgress('cold starts');
  const coldStarts = options.cold ? await measureColdStarts() : [];
  showProgress('');
  return {
    node: process.versions.node,
    pinned,
    rounds,
    targets: {
      direct: mediansOf(all.direct),
      bare: mediansOf(all.bare),
      hallpass: mediansOf(all.hallpass),
    },
    startMs: { bare: bare.child.startMs, hallpass: hallpass.child.startMs },
    tableCalls: { https, sdk },
    writeUnitsPerRequest: https.writeUnits,
    coldStarts,
  };
}

const report = await withTargets(run);
if (options.json) console.log(JSON.stringify(report));
else printReport(report);
process.exit(0);
