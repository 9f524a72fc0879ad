/**
 * The bill of a gateway by its parts, at AWS's list prices: pure figures and formulas.
 */

/** One of AWS's list prices. */
export interface AwsPrice {
  readonly usd: number;
  /** The unit that the price is for. */
  readonly per: string;
  /** The source of the figure. AWS's own pages could not be read; docs/cost.md links them. */
  readonly source: string;
  /** The day of the source, as far as it says; null: it does not. */
  readonly asOf: string | null;
}

const price = (usd: number, per: string, source: string, asOf: string | null): AwsPrice => ({
  usd,
  per,
  source,
  asOf,
});

const API_GATEWAY_PAGE = 'AWS’s API Gateway page, as api-evangelist transcribed it';
const NOT_FOUND = 'entered by hand; no copy was found';

/** The prices of us-east-1, without free tiers. */
export const COST_PRICES = {
  apiRequests: price(3.5, 'million requests of a REST API', API_GATEWAY_PAGE, '2026-09-20'),
  transfer: price(0.09, 'GB sent to the internet', API_GATEWAY_PAGE, '2026-09-20'),
  lambdaRequests: price(0.2, 'million requests of Lambda', 'cloudchipr.com', '2024'),
  lambdaTime: price(0.0000133334, 'GB-second of Lambda on ARM', 'cloudchipr.com', '2024'),
  writes: price(0.625, 'million write units of DynamoDB on demand', 'airbyte.com', '2025-07-21'),
  reads: price(0.125, 'million read units of DynamoDB on demand', 'airbyte.com', '2025-07-21'),
  tables: price(0.25, 'GB-month of DynamoDB', NOT_FOUND, null),
  tableBackups: price(0.2, 'GB-month of point-in-time recovery', NOT_FOUND, null),
  logs: price(0.5, 'GB of logs', 'factualminds.com', '2026-06-13'),
  metric: price(0.3, 'metric of one’s own and month', 'signoz.io', '2026-02-15'),
  alarmMetric: price(0.1, 'metric that an alarm watches and month', 'c3x.dev', null),
  dashboard: price(3, 'dashboard and month', 'factualminds.com', '2026-06-13'),
  secret: price(0.4, 'secret and month', 'hivebook.wiki', null),
} as const satisfies Readonly<Record<string, AwsPrice>>;

/** The region of the prices, and the day on which they were compared with their sources. */
export const COST_REGION = 'us-east-1';
export const COST_COMPARED_ON = '2026-11-29';

/** The requests of a gateway in a month. */
export interface CostLoad {
  readonly requests: number;
  /** Time of one answer. */
  readonly seconds: number;
  /** Output tokens of one answer. */
  readonly tokens: number;
  /** Secrets: one for each key of this gateway and each provider's API key. */
  readonly secrets: number;
}

export interface CostPart {
  readonly part: string;
  readonly formula: string;
  readonly usd: number;
}

/** Facts of this gateway. The stack's tests and benches hold them. */
const PROXY_GB = 0.25;
const SWEEP_GB = 0.25;
const AUTHORIZER_GB = 0.5;
/** More than `npm run bench:lambda` measures, with room for starts and for the tables' own time. */
const AUTHORIZER_SECONDS = 0.05;
/** The hold, the usage row and the settle. */
const WRITES_A_REQUEST = 3;
/** The key's record and its pointer, mostly kept for ten seconds. */
const READS_A_REQUEST = 1;
const LOG_BYTES_A_REQUEST = 2_500;
/** A streamed event of one token in OpenAI's format. */
const BYTES_A_TOKEN = 250;
const ROW_BYTES = 700;
const SWEEPS_A_MONTH = 8_640;
const SWEEP_SECONDS = 0.3;
/** Metrics that the alarms watch, and metrics of our own with traffic: eight, and one by code and provider. */
const ALARM_METRICS = 12;
const OWN_METRICS = 10;
const GB = 1e9;
const MILLION = 1e6;

/** Returns what a stack costs in a month without any request. */
export function idleCost(secrets: number): readonly CostPart[] {
  const p = COST_PRICES;
  const sweep = SWEEPS_A_MONTH * SWEEP_SECONDS * SWEEP_GB * p.lambdaTime.usd;
  return [
    {
      part: 'secrets',
      formula: `${secrets} secrets × ${p.secret.usd}`,
      usd: secrets * p.secret.usd,
    },
    {
      part: 'alarms',
      formula: `${ALARM_METRICS} metrics × ${p.alarmMetric.usd} (10 are free in an account)`,
      usd: ALARM_METRICS * p.alarmMetric.usd,
    },
    {
      part: 'dashboard',
      formula: `1 × ${p.dashboard.usd} (3 are free in an account)`,
      usd: p.dashboard.usd,
    },
    {
      part: 'sweep',
      formula: `${SWEEPS_A_MONTH} runs × ${SWEEP_SECONDS} s × ${SWEEP_GB} GB (free tier)`,
      usd: sweep,
    },
  ];
}

/** Returns what the requests of a month cost beside that. */
export function trafficCost({ requests, seconds, tokens }: CostLoad): readonly CostPart[] {
  const p = COST_PRICES;
  const gbSeconds = requests * (seconds * PROXY_GB + AUTHORIZER_SECONDS * AUTHORIZER_GB);
  const sentGb = (requests * tokens * BYTES_A_TOKEN) / GB;
  const logGb = (requests * LOG_BYTES_A_REQUEST) / GB;
  const rowGb = (requests * ROW_BYTES) / GB;
  return [
    {
      part: 'API Gateway',
      formula: `requests × ${p.apiRequests.usd} a million`,
      usd: (requests / MILLION) * p.apiRequests.usd,
    },
    {
      part: 'Lambda, time',
      formula: `requests × (${seconds} s × ${PROXY_GB} GB + ${AUTHORIZER_SECONDS} s × ${AUTHORIZER_GB} GB) × ${p.lambdaTime.usd}`,
      usd: gbSeconds * p.lambdaTime.usd,
    },
    {
      part: 'Lambda, requests',
      formula: `2 × requests × ${p.lambdaRequests.usd} a million`,
      usd: ((2 * requests) / MILLION) * p.lambdaRequests.usd,
    },
    {
      part: 'DynamoDB',
      formula: `requests × (${WRITES_A_REQUEST} writes × ${p.writes.usd} + ${READS_A_REQUEST} read × ${p.reads.usd}) a million`,
      usd: (requests / MILLION) * (WRITES_A_REQUEST * p.writes.usd + READS_A_REQUEST * p.reads.usd),
    },
    {
      part: 'DynamoDB, storage',
      formula: `${ROW_BYTES} bytes a row × (${p.tables.usd} + ${p.tableBackups.usd} for backups) a GB`,
      usd: rowGb * (p.tables.usd + p.tableBackups.usd),
    },
    {
      part: 'logs',
      formula: `${LOG_BYTES_A_REQUEST} bytes a request × ${p.logs.usd} a GB`,
      usd: logGb * p.logs.usd,
    },
    {
      part: 'metrics',
      formula: `${OWN_METRICS} metrics × ${p.metric.usd} (10 are free in an account)`,
      usd: requests === 0 ? 0 : OWN_METRICS * p.metric.usd,
    },
    {
      part: 'transfer',
      formula: `requests × ${tokens} tokens × ${BYTES_A_TOKEN} bytes × ${p.transfer.usd} a GB`,
      usd: sentGb * p.transfer.usd,
    },
  ];
}

const MONTH_SECONDS = 30 * 86_400;
/** The busiest minute of a month, as a multiple of its mean. */
const PEAK = 5;

/** Returns the streams that are open at once at the peak: what Lambda's concurrency must hold. */
export const streamsAtPeak = ({ requests, seconds }: CostLoad): number =>
  Math.ceil((requests / MONTH_SECONDS) * seconds * PEAK);
