/**
 * `hallpass cost`: what a deployed gateway costs in a month, by part, with each formula.
 */
import type { Command } from 'commander';
import {
  COST_COMPARED_ON,
  COST_PRICES,
  COST_REGION,
  type CostLoad,
  idleCost,
  streamsAtPeak,
  trafficCost,
} from './cost-parts.ts';
import { must, withJson } from './flags.ts';
import { printResult, type Terminal, toTable } from './output.ts';

interface CostFlags extends CostLoad {
  readonly json?: true;
}

const AMOUNT_MAX = 1e12;

/** Parses `1000000` or `1e6`. */
function toAmount(text: string): number {
  const amount = /^\d+(\.\d+)?(e\d{1,2})?$/i.test(text) ? Number(text) : Number.NaN;
  if (amount <= AMOUNT_MAX) return amount;
  throw must('a number from 0 to 1e12', text);
}

/** Adds the command to the program. */
export function addCostCommand(program: Command, terminal: Terminal): void {
  withJson(program.command('cost'))
    .summary('estimate what a deployed gateway costs in a month')
    .description(
      "Estimates AWS's bill in USD a month, without the providers', at list prices and without free tiers.",
    )
    .option('--requests <number>', 'requests a month', toAmount, 0)
    .option('--seconds <number>', 'seconds that an answer takes', toAmount, 8)
    .option('--tokens <number>', 'output tokens of an answer', toAmount, 800)
    .option('--secrets <number>', 'keys and provider keys with a secret', toAmount, 3)
    .action((flags: CostFlags) => printCost(flags, terminal));
}

function printCost(load: CostFlags, terminal: Terminal): void {
  const idle = idleCost(load.secrets);
  const traffic = trafficCost(load);
  const total = [...idle, ...traffic].reduce((sum, { usd }) => sum + usd, 0);
  const streams = streamsAtPeak(load);
  const rows = [
    ...idle.map((part) => ['idle', part.part, toMoney(part.usd), part.formula]),
    ...traffic.map((part) => ['traffic', part.part, toMoney(part.usd), part.formula]),
    [
      '',
      'total',
      toMoney(total),
      `list prices of ${COST_REGION}, found on ${COST_COMPARED_ON}; --json names each source`,
    ],
  ];
  printResult(load, terminal, {
    json: {
      region: COST_REGION,
      price_date: COST_COMPARED_ON,
      prices: Object.values(COST_PRICES).map(({ asOf, ...price }) => ({ ...price, as_of: asOf })),
      idle,
      traffic,
      total_usd: total,
      streams_at_peak: streams,
    },
    text: () =>
      `${toTable(['', 'part', 'USD a month', 'formula'], rows)}\nAbout ${streams} streams are open at the busiest minute (five times the mean). An account begins with 1,000 or less.`,
  });
}

const toMoney = (usd: number): string => usd.toFixed(2);
