/**
 * CloudWatch in small: metrics out of log lines in the embedded format, and the alarm of a template that sees them.
 */
import type { Template } from 'aws-cdk-lib/assertions';

interface Datum {
  readonly namespace: string;
  readonly name: string;
  readonly unit: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads what CloudWatch would count of a line. */
export function readMetrics(line: string): readonly Datum[] {
  const members = JSON.parse(line);
  const directives: readonly Directive[] = members._aws?.CloudWatchMetrics ?? [];
  return directives.flatMap(({ Namespace, Dimensions, Metrics }) =>
    Dimensions.flatMap((names) =>
      Metrics.map(({ Name, Unit }) => ({
        namespace: Namespace,
        name: Name,
        unit: Unit,
        dimensions: Object.fromEntries(names.map((name) => [name, String(members[name])])),
        value: members[Name],
      })),
    ),
  );
}

interface Directive {
  readonly Namespace: string;
  readonly Dimensions: readonly (readonly string[])[];
  readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
}

/** Returns the descriptions of the alarms that one period with these log lines raises. */
export function raisedBy(template: Template, lines: readonly string[]): readonly string[] {
  const data = lines.flatMap(readMetrics);
  return alarmsOf(template)
    .filter(({ Namespace, MetricName, Dimensions, Threshold }) => {
      const wanted = Dimensions?.map(({ Name, Value }) => `${Name}=${Value}`).join();
      const seen = data.filter(
        ({ namespace, name, dimensions }) =>
          namespace === Namespace &&
          name === MetricName &&
          Object.entries(dimensions)
            .map(([key, value]) => `${key}=${value}`)
            .join() === wanted,
      );
      return seen.reduce((sum, { value }) => sum + value, 0) > Threshold;
    })
    .map(({ AlarmDescription }) => AlarmDescription);
}

export interface AlarmProperties {
  readonly AlarmDescription: string;
  readonly Namespace?: string;
  readonly MetricName?: string;
  readonly Dimensions?: readonly { readonly Name: string; readonly Value: unknown }[];
  readonly Threshold: number;
  readonly ComparisonOperator: string;
  readonly TreatMissingData: string;
}

export const alarmsOf = (template: Template): readonly AlarmProperties[] =>
  Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(
    ({ Properties }) => Properties,
  );
