/**
 * The bill of a gateway by its parts, at AWS's list prices: pure figures and formulas.
 */

/** The prices, entered by hand on this date. docs/cost.md names the page to compare each with. */
export const COST_PRICES = {
  region: 'us-east-1',
  date: '2026-11-29',
  /** REST API, first 333 million requests a month, per million. */
  apiRequestsUsdPerMillion: 3.5,
  lambdaRequestsUsdPerMillion: 0.2,
  /** ARM, first 7.5 billion GB-seconds a month. */
  lambdaUsdPerGbSecond: 0.0000133334,
  /** On demand. */
  writesUsdPerMillion: 0.625,
  readsUsdPerMillion: 0.125,
  logsUsdPerGb: 0.5,
  transferUsdPerGb: 0.09,
  tableUsdPerGbMonth: 0.25,
  secretUsdPerMonth: 0.4,
  alarmMetricUsdPerMonth: 0.1,
  metricUsdPerMonth: 0.3,
  dashboardUsdPerMonth: 3,
} as const;

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
  const sweep = SWEEPS_A_MONTH * SWEEP_SECONDS * PROXY_GB * p.lambdaUsdPerGbSecond;
  return [
    {
      part: 'secrets',
      formula: `${secrets} secrets × ${p.secretUsdPerMonth}`,
      usd: secrets * p.secretUsdPerMonth,
    },
    {
      part: 'alarms',
      formula: `${ALARM_METRICS} metrics × ${p.alarmMetricUsdPerMonth} (10 are free in an account)`,
      usd: ALARM_METRICS * p.alarmMetricUsdPerMonth,
    },
    {
      part: 'dashboard',
      formula: `1 × ${p.dashboardUsdPerMonth} (3 are free in an account)`,
      usd: p.dashboardUsdPerMonth,
    },
    {
      part: 'sweep',
      formula: `${SWEEPS_A_MONTH} runs × ${SWEEP_SECONDS} s × ${PROXY_GB} GB (free tier)`,
      usd: sweep,
    },
  ];
}

/** Returns what the requests of a month cost beside that. */
export function trafficCost({ requests, seconds, tokens }: CostLoad): readonly CostPart[] {
  const p = COST_PRICES;
  const gbSeconds = requests * (seconds + AUTHORIZER_SECONDS) * PROXY_GB;
  const sentGb = (requests * tokens * BYTES_A_TOKEN) / GB;
  const logGb = (requests * LOG_BYTES_A_REQUEST) / GB;
  const rowGb = (requests * ROW_BYTES) / GB;
  return [
    {
      part: 'API Gateway',
      formula: `requests × ${p.apiRequestsUsdPerMillion} a million`,
      usd: (requests / MILLION) * p.apiRequestsUsdPerMillion,
    },
    {
      part: 'Lambda, time',
      formula: `requests × (${seconds} s + ${AUTHORIZER_SECONDS} s) × ${PROXY_GB} GB × ${p.lambdaUsdPerGbSecond}`,
      usd: gbSeconds * p.lambdaUsdPerGbSecond,
    },
    {
      part: 'Lambda, requests',
      formula: `2 × requests × ${p.lambdaRequestsUsdPerMillion} a million`,
      usd: ((2 * requests) / MILLION) * p.lambdaRequestsUsdPerMillion,
    },
    {
      part: 'DynamoDB',
      formula: `requests × (${WRITES_A_REQUEST} writes × ${p.writesUsdPerMillion} + ${READS_A_REQUEST} read × ${p.readsUsdPerMillion}) a million`,
      usd:
        (requests / MILLION) *
        (WRITES_A_REQUEST * p.writesUsdPerMillion + READS_A_REQUEST * p.readsUsdPerMillion),
    },
    {
      part: 'DynamoDB, storage',
      formula: `${ROW_BYTES} bytes a row × ${p.tableUsdPerGbMonth} a GB`,
      usd: rowGb * p.tableUsdPerGbMonth,
    },
    {
      part: 'logs',
      formula: `${LOG_BYTES_A_REQUEST} bytes a request × ${p.logsUsdPerGb} a GB`,
      usd: logGb * p.logsUsdPerGb,
    },
    {
      part: 'metrics',
      formula: `${OWN_METRICS} metrics × ${p.metricUsdPerMonth} (10 are free in an account)`,
      usd: requests === 0 ? 0 : OWN_METRICS * p.metricUsdPerMonth,
    },
    {
      part: 'transfer',
      formula: `requests × ${tokens} tokens × ${BYTES_A_TOKEN} bytes × ${p.transferUsdPerGb} a GB`,
      usd: sentGb * p.transferUsdPerGb,
    },
  ];
}

const MONTH_SECONDS = 30 * 86_400;
/** The busiest minute of a month, as a multiple of its mean. */
const PEAK = 5;

/** Returns the streams that are open at once at the peak: what Lambda's concurrency must hold. */
export const streamsAtPeak = ({ requests, seconds }: CostLoad): number =>
  Math.ceil((requests / MONTH_SECONDS) * seconds * PEAK);
