/**
 * CloudWatch in small: metrics out of log lines in the embedded format, and the states of a template's alarms.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
 */
import type { Template } from 'aws-cdk-lib/assertions';

export interface Datum {
  readonly namespace: string;
  readonly name: string;
  readonly unit?: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly value: number;
  readonly atMs: number;
}

/** Reads what CloudWatch counts of a log line. */
export function readMetrics(line: string): readonly Datum[] {
  const members = JSON.parse(line);
  const { CloudWatchMetrics: directives = [], Timestamp: atMs = 0 } = Object(members._aws);
  return (directives as readonly Directive[]).flatMap(({ Namespace, Dimensions, Metrics }) =>
    Dimensions.flatMap((names) =>
      Metrics.map(({ Name, Unit }) => ({
        namespace: Namespace,
        name: Name,
        unit: Unit,
        dimensions: Object.fromEntries(names.map((name) => [name, String(members[name])])),
        value: members[Name],
        atMs,
      })),
    ),
  );
}

interface Directive {
  readonly Namespace: string;
  readonly Dimensions: readonly (readonly string[])[];
  readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
}

export interface AlarmProperties {
  readonly AlarmDescription: string;
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions: readonly {
    readonly Name: string;
    readonly Value: string | { readonly Ref: string };
  }[];
  readonly Statistic: string;
  /** In seconds. */
  readonly Period: number;
  readonly EvaluationPeriods: number;
  readonly DatapointsToAlarm?: number;
  readonly Threshold: number;
  readonly ComparisonOperator: string;
  readonly TreatMissingData: string;
}

const LOGICAL_ID = /^Alarms(\w+?)[0-9A-F]{8}$/;

/** Returns the alarms of a template by their names, as docs/operations.md has them. */
export const alarmsOf = (template: Template): ReadonlyMap<string, AlarmProperties> =>
  new Map(
    Object.entries(template.findResources('AWS::CloudWatch::Alarm')).map(([id, { Properties }]) => [
      LOGICAL_ID.exec(id)?.[1] ?? id,
      Properties,
    ]),
  );

/** Returns the names of the alarms that start at an instant, the end of a period. */
export const alarmsAt = (
  template: Template,
  data: readonly Datum[],
  atMs: number,
): readonly string[] =>
  [...alarmsOf(template)].filter(([, alarm]) => isInAlarm(alarm, data, atMs)).map(([name]) => name);

/** Returns true if enough of the last periods breach the alarm's threshold. */
export function isInAlarm(alarm: AlarmProperties, data: readonly Datum[], atMs: number): boolean {
  const { EvaluationPeriods: periods, DatapointsToAlarm: needed = periods } = alarm;
  const periodMs = alarm.Period * 1_000;
  const seen = data.filter((datum) => isOf(alarm, datum));
  let breaching = 0;
  for (let back = 1; back <= periods; back += 1) {
    const startMs = atMs - back * periodMs;
    const values = seen
      .filter((datum) => datum.atMs >= startMs && datum.atMs < startMs + periodMs)
      .map(({ value }) => value);
    if (isBreaching(alarm, values)) breaching += 1;
  }
  return breaching >= needed;
}

/** A metric with more or other dimensions is another metric. */
function isOf({ Namespace, MetricName, Dimensions }: AlarmProperties, datum: Datum): boolean {
  const { namespace, name, dimensions } = datum;
  return (
    namespace === Namespace &&
    name === MetricName &&
    Object.keys(dimensions).length === Dimensions.length &&
    Dimensions.every(
      ({ Name, Value }) => dimensions[Name] === (typeof Value === 'string' ? Value : Value.Ref),
    )
  );
}

function isBreaching(alarm: AlarmProperties, values: readonly number[]): boolean {
  const { Statistic, Threshold, ComparisonOperator, TreatMissingData } = alarm;
  if (values.length === 0) return TreatMissingData === 'breaching';
  const sum = values.reduce((total, value) => total + value, 0);
  const statistics: Readonly<Record<string, number>> = {
    Sum: sum,
    Average: sum / values.length,
  };
  const value = statistics[Statistic];
  if (value === undefined) throw new Error(`the statistic ${Statistic} is not known here`);
  if (ComparisonOperator === 'GreaterThanThreshold') return value > Threshold;
  if (ComparisonOperator === 'LessThanThreshold') return value < Threshold;
  throw new Error(`the comparison ${ComparisonOperator} is not known here`);
}
