/**
 * `npm run bench:wallet`: time and write units of a wallet on the embedded table, in one run: one wallet, a thousand
 * wallets, 4 and 64 requests of one payer in flight, a key-wide budget.
 */
import { Command } from 'commander';
import { config } from '#config';
import { readEnvironment } from '../adapters/aws/environment.ts';
import { callDynamoDb } from '../adapters/aws/https-call.ts';
import { startLocalGateway } from '../local/gateway.ts';
import { type Child, startChild } from './child.ts';
import { percentile } from './load.ts';
import { showProgress } from './targets.ts';
import {
  holdFor,
  makeGrant,
  makeWalletPorts,
  playRequest,
  type WalletPorts,
} from './wallet-request.ts';

interface Load {
  readonly name: string;
  readonly limits: readonly string[];
  readonly wallets: number;
  /** Requests in flight per wallet. */
  readonly inFlight: number;
  /** Wallets in use at once. */
  readonly busy: number;
  /** Requests per wallet in all. */
  readonly requests: number;
  /** Holds that stand all the while, of answers that take long. @default 0 */
  readonly standing?: number;
  /** The token of a request, by its number. @default one for each wallet */
  readonly tokenOf?: (request: number) => string;
  /** Loads of one key share its wallets. @default the name */
  readonly key?: string;
}

const OWN = ['user:usd:month=1000', 'user:requests:day=1000000'];
const BUDGET = 'key:usd:month=500';
const LOADS: readonly Load[] = [
  { name: 'one wallet, 1 in flight', limits: OWN, wallets: 1, inFlight: 1, busy: 1, requests: 800 },
  { name: 'one wallet, 4 in flight', limits: OWN, wallets: 1, inFlight: 4, busy: 1, requests: 800 },
  {
    name: 'one wallet, 64 in flight',
    limits: OWN,
    wallets: 1,
    inFlight: 64,
    busy: 1,
    requests: 800,
  },
  {
    name: 'one wallet, 1 beside 63 that stand',
    limits: OWN,
    wallets: 1,
    inFlight: 1,
    busy: 1,
    requests: 100,
    standing: 63,
  },
  {
    name: '1,000 wallets, 16 busy',
    limits: OWN,
    wallets: 1_000,
    inFlight: 1,
    busy: 16,
    requests: 2,
  },
  {
    name: '200 wallets on a key budget, 4 in flight',
    limits: [...OWN, BUDGET],
    wallets: 200,
    inFlight: 4,
    busy: 2,
    requests: 60,
  },
];
const CALL_TIMEOUT_MS = 10_000;

interface WalletFigures {
  readonly reserveP50Ms: number;
  readonly reserveP99Ms: number;
  readonly settleP50Ms: number;
  readonly settleP99Ms: number;
  readonly requestsPerSecond: number;
  /** Write units per request, of wallet, pool and usage row. */
  readonly writeUnits: number;
  /** Those of the request that cost most. */
  readonly writeUnitsMax: number;
}

const { json, tokens, only } = new Command('npm run bench:wallet --')
  .description('measures reserve and settle on the embedded table')
  .option('--json', 'print the figures as one JSON object')
  .option('--tokens <count>', 'the tokens of one user', '400')
  .option('--only <text>', 'only loads whose name has this text', '')
  .parse()
  .opts<{ json?: boolean; tokens: string; only: string }>();

const ONE_USER = { limits: OWN, wallets: 1, inFlight: 1, busy: 1, key: 'tokens' };
const MANY_TOKENS: readonly Load[] = [
  {
    ...ONE_USER,
    name: `${tokens} tokens of a user, each the first time`,
    tokenOf: (request) => `token-${request}`,
    requests: Number(tokens),
  },
  {
    ...ONE_USER,
    name: `${tokens} tokens of a user, the last in use`,
    tokenOf: () => `token-${tokens}`,
    requests: 100,
  },
];

async function measure(load: Load, ports: WalletPorts): Promise<WalletFigures> {
  const reservesMs: number[] = [];
  const settlesMs: number[] = [];
  const units: number[] = [];
  const useWallet = async (index: number): Promise<void> => {
    const { name, key = name, limits, tokenOf = () => `bench-token-${index}` } = load;
    const grantOf = (request: number) =>
      makeGrant({ key, student: `student${index}`, token: tokenOf(request), limits });
    for (let held = 0; held < (load.standing ?? 0); held += 1) await holdFor(grantOf(0), ports);
    let started = 0;
    const work = async (): Promise<void> => {
      while (started++ < load.requests) {
        const { reserveMs, settleMs, writeUnits } = await playRequest(grantOf(started), ports);
        reservesMs.push(reserveMs);
        settlesMs.push(settleMs);
        units.push(writeUnits);
      }
    };
    await Promise.all(Array.from({ length: load.inFlight }, work));
  };
  const startedMs = performance.now();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < load.wallets; index = next++) await useWallet(index);
  };
  await Promise.all(Array.from({ length: load.busy }, work));
  const elapsedMs = performance.now() - startedMs;
  const count = reservesMs.length;
  return {
    reserveP50Ms: percentile(reservesMs, 0.5),
    reserveP99Ms: percentile(reservesMs, 0.99),
    settleP50Ms: percentile(settlesMs, 0.5),
    settleP99Ms: percentile(settlesMs, 0.99),
    requestsPerSecond: (count / elapsedMs) * 1_000,
    writeUnits: units.reduce((sum, each) => sum + each, 0) / count,
    writeUnitsMax: Math.max(...units),
  };
}

async function run(table: Child): Promise<Readonly<Record<string, WalletFigures>>> {
  const gateway = await startLocalGateway({
    config,
    port: 0,
    host: '127.0.0.1',
    providerUrls: {},
    variables: { AWS_ENDPOINT_URL_DYNAMODB: String(table.ready) },
  });
  const environment = readEnvironment(gateway.variables);
  const ports = makeWalletPorts(callDynamoDb(environment, CALL_TIMEOUT_MS), environment);
  await measure({ ...LOADS[0], name: 'warm up' } as Load, ports);
  const all: Record<string, WalletFigures> = {};
  for (const load of [...LOADS, ...MANY_TOKENS].filter(({ name }) => name.includes(only))) {
    showProgress(load.name);
    all[load.name] = await measure(load, ports);
  }
  showProgress('');
  await gateway.close(0);
  return all;
}

const table = await startChild('./table.ts', 1);
try {
  const all = await run(table);
  if (json) console.log(JSON.stringify({ node: process.versions.node, ...all }));
  else {
    const cell = (text: string): string => text.padStart(13);
    const heads = [
      'reserve p50',
      'p99 ms',
      'settle p50',
      'p99 ms',
      'requests/s',
      'write units',
      'most',
    ];
    console.log(`${''.padEnd(44)}${heads.map(cell).join('')}`);
    for (const [name, figures] of Object.entries(all)) {
      const cells = Object.values(figures).map((value) => cell(value.toFixed(2)));
      console.log(`${name.padEnd(44)}${cells.join('')}`);
    }
  }
} finally {
  await table.stop();
}
process.exit(0);
