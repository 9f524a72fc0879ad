/**
 * The report of the bench as text: a table of the three targets, then each bar (a limit that Hallpass sets itself).
 */
import type { ColdStart } from './cold.ts';
import type { Figures } from './series.ts';
import type { TableCalls } from './table-calls.ts';

/** The figures of one run. */
export interface BenchReport {
  readonly node: string;
  readonly pinned: boolean;
  readonly rounds: number;
  readonly targets: Readonly<Record<'direct' | 'bare' | 'hallpass', Figures>>;
  readonly startMs: { readonly bare: number; readonly hallpass: number };
  readonly tableCalls: { readonly https: TableCalls; readonly sdk: TableCalls };
  readonly writeUnitsPerRequest: number;
  readonly coldStarts: readonly ColdStart[];
}

const ROWS: readonly (readonly [string, keyof Figures])[] = [
  ['one at a time, p50 µs', 'p50'],
  ['one at a time, p99 µs', 'p99'],
  ['CPU µs a request, one at a time', 'cpuPerRequest'],
  ['requests/s, 32 at a time', 'requestsPerSecond32'],
  ['CPU µs a request, 32 at a time', 'cpuPerRequest32'],
  ['first streamed byte µs', 'firstByte'],
  ['chunk transit p50 µs', 'transitP50'],
  ['chunk transit p99 µs', 'transitP99'],
  ['first streamed byte µs, 40 streams', 'firstByte40'],
  ['chunk transit p50 µs, 40 streams', 'transitP50With40'],
  ['chunk transit p99 µs, 40 streams', 'transitP99With40'],
  ['CPU µs a chunk, 3,000 chunks at once', 'cpuPerChunk'],
  ['peak resident memory MB', 'peakRssMb'],
];

const digits = (value: number): string => value.toFixed(value < 10 ? 2 : 0);
const row = (...cells: readonly string[]): string =>
  cells.map((cell, at) => (at === 0 ? cell.padEnd(46) : cell.padStart(11))).join('');

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly atMost: number;
}

/** Returns each bar with its value in this run. Most are ratios to the bare pipe. */
function barsOf(report: BenchReport): readonly Bar[] {
  const { direct, bare, hallpass } = report.targets;
  const addedByBare = bare.p50 - direct.p50;
  const added = hallpass.p50 - direct.p50;
  const tableMicros = report.tableCalls.https.pathP50Micros;
  const sdk = report.coldStarts.find(({ name }) => name === 'two SDK clients');
  const init = (name: string) => report.coldStarts.find((each) => each.name === name);
  const bundles = (['authorizer', 'proxy'] as const).flatMap((name) => {
    const cold = init(name);
    if (cold === undefined || sdk === undefined) return [];
    return [
      { name: `${name} bundle kB`, value: cold.bytes / 1000, atMost: name === 'proxy' ? 460 : 430 },
      { name: `${name} INIT ms less the SDK clients`, value: cold.initMs - sdk.initMs, atMost: 10 },
    ];
  });
  return [
    {
      name: 'added p50 less its table calls ÷ bare added',
      value: (added - tableMicros) / addedByBare,
      atMost: 2.5,
    },
    { name: 'added p50 in all ÷ bare added', value: added / addedByBare, atMost: 5.4 },
    {
      name: 'CPU a request ÷ bare (32 at a time)',
      value: hallpass.cpuPerRequest32 / bare.cpuPerRequest32,
      atMost: 14,
    },
    { name: 'first streamed byte ÷ bare', value: hallpass.firstByte / bare.firstByte, atMost: 3 },
    {
      name: 'chunk transit p50 with 40 streams ÷ bare',
      value: hallpass.transitP50With40 / bare.transitP50With40,
      atMost: 1.35,
    },
    { name: 'CPU a chunk ÷ bare', value: hallpass.cpuPerChunk / bare.cpuPerChunk, atMost: 2 },
    { name: 'peak resident memory MB', value: hallpass.peakRssMb, atMost: 140 },
    ...bundles,
  ];
}

/** Prints the report. */
export function printReport(report: BenchReport): void {
  const { direct, bare, hallpass } = report.targets;
  const lines = [
    `Node ${report.node}, median of ${report.rounds} round(s), ${report.pinned ? 'the measured process alone on one core' : 'processes not pinned to cores here'}`,
    '',
    row('', 'direct', 'bare', 'hallpass'),
    ...ROWS.map(([label, name]) =>
      row(label, digits(direct[name]), digits(bare[name]), digits(hallpass[name])),
    ),
    row('start to ready ms', '', digits(report.startMs.bare), digits(report.startMs.hallpass)),
    '',
    row('table calls of a request', '', 'node:https', 'SDK'),
    ...(['reserve', 'row', 'settle'] as const).map((name) =>
      row(
        `  ${name} p50 µs`,
        '',
        digits(report.tableCalls.https[`${name}P50Micros`]),
        digits(report.tableCalls.sdk[`${name}P50Micros`]),
      ),
    ),
    row(
      '  CPU µs a call',
      '',
      digits(report.tableCalls.https.cpuMicrosPerCall),
      digits(report.tableCalls.sdk.cpuMicrosPerCall),
    ),
    `write units a request, as the table reports them: ${report.writeUnitsPerRequest}`,
    '',
    ...report.coldStarts.map(({ name, bytes, initMs }) =>
      row(`bundle ${name}`, `${digits(bytes / 1000)} kB`, `+${initMs.toFixed(1)} ms`),
    ),
    '',
    ...barsOf(report).map(({ name, value, atMost }) =>
      row(name, digits(value), `≤ ${digits(atMost)}`, value <= atMost ? 'met' : 'MISSED'),
    ),
  ];
  console.log(lines.join('\n'));
}
