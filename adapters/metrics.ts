/**
 * The metrics of a gateway, in CloudWatch's embedded format: a log line that also says what to count. It costs no call.
 * Dimensions are the gateway, and one of a closed or configured list: codes of refusals, names of providers.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
import type { LogEntry } from '../core/base/ports.ts';

export const METRIC_NAMESPACE = 'Hallpass';
/** The dimension that every metric has. */
export const GATEWAY_DIMENSION = 'Gateway';

const UNITS = {
  Requests: 'Count',
  /** By `Code`. */
  Refusals: 'Count',
  SpendUsd: 'None',
  Tokens: 'Count',
  /** Requests that cost more than they held. */
  Overruns: 'Count',
  /** Requests whose settle could not be written; the sweep does it. */
  SettleFailures: 'Count',
  /** Holds of requests that died. */
  HoldsSwept: 'Count',
  /** By `Provider`. */
  ProviderErrors: 'Count',
  DurationMs: 'Milliseconds',
  FirstByteMs: 'Milliseconds',
} as const;

export type MetricName = keyof typeof UNITS;

interface Metric {
  readonly name: MetricName;
  readonly value: number;
  /** One more dimension and its value. */
  readonly by?: readonly [name: 'Code' | 'Provider', value: string];
}

const NANO_USD = 1e9;
const PROVIDER_FAULTS: readonly (string | undefined)[] = ['upstream_error', 'upstream_timeout'];

/** Returns the members that make a log line of an entry count; none for an entry that counts nothing. */
export function toMetricMembers(
  entry: LogEntry,
  gateway: string,
  atMs: number,
): Readonly<Record<string, unknown>> {
  const metrics = metricsOf(entry);
  if (metrics.length === 0) return {};
  const directives = metrics.map(({ name, by }) => ({
    Namespace: METRIC_NAMESPACE,
    Dimensions: [[GATEWAY_DIMENSION, ...(by ? [by[0]] : [])]],
    Metrics: [{ Name: name, Unit: UNITS[name] }],
  }));
  return {
    _aws: { Timestamp: atMs, CloudWatchMetrics: directives },
    [GATEWAY_DIMENSION]: gateway,
    ...Object.fromEntries(metrics.flatMap(({ by }) => (by ? [by] : []))),
    ...Object.fromEntries(metrics.map(({ name, value }) => [name, value])),
  };
}

function metricsOf(entry: LogEntry): readonly Metric[] {
  const { event, code } = entry;
  if (event === 'request') return metricsOfRequest(entry);
  if (event === 'left_to_lease') return [{ name: 'SettleFailures', value: 1 }];
  if ((event === 'refused' || event === 'denied') && code !== undefined)
    return [{ name: 'Refusals', value: 1, by: ['Code', code] }];
  const { swept = 0 } = entry;
  return swept > 0 ? [{ name: 'HoldsSwept', value: swept }] : [];
}

function metricsOfRequest(entry: LogEntry): readonly Metric[] {
  const { costNanoUsd = 0n, tokens = 0, isOverrun, code, provider } = entry;
  const { durationMs, firstByteMs } = entry;
  const isFault = PROVIDER_FAULTS.includes(code);
  return [
    { name: 'Requests', value: 1 },
    { name: 'SpendUsd', value: Number(costNanoUsd) / NANO_USD },
    { name: 'Tokens', value: tokens },
    ...(isOverrun ? [{ name: 'Overruns', value: 1 } as const] : []),
    ...(isFault && provider !== undefined
      ? [{ name: 'ProviderErrors', value: 1, by: ['Provider', provider] } as const]
      : []),
    ...(durationMs === undefined ? [] : [{ name: 'DurationMs', value: durationMs } as const]),
    ...(firstByteMs === undefined ? [] : [{ name: 'FirstByteMs', value: firstByteMs } as const]),
  ];
}
