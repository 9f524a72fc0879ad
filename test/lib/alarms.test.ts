import { readFileSync } from 'node:fs';
import type { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeLog } from '../../adapters/log.ts';
import { METRIC_NAMESPACE } from '../../adapters/metrics.ts';
import { asNanoUsd } from '../../core/base/money.ts';
import type { LogEntry } from '../../core/base/ports.ts';
import { alarmsOf, readMetrics } from '../support/cloudwatch.ts';
import { serviceSpec } from '../support/resource-spec.ts';
import { makeTemplate } from '../support/stack.ts';

let template: Template;
beforeAll(() => {
  template = makeTemplate();
});

function linesOf(...entries: readonly LogEntry[]): readonly string[] {
  const lines: string[] = [];
  const log = makeLog((line) => lines.push(line), {
    gateway: 'Hallpass',
    nowMs: () => 1_795_000_000_000,
  });
  for (const entry of entries) log.write(entry);
  return lines;
}

const request: LogEntry = {
  level: 'info',
  event: 'request',
  provider: 'openai',
  costNanoUsd: asNanoUsd(2_500_000n),
  tokens: 120,
  durationMs: 900,
  firstByteMs: 200,
};

/** The metrics that AWS publishes, by namespace and name, with the sets of dimensions that they have. */
function findPublished(namespace: string, name: string): readonly string[] {
  const spec = serviceSpec();
  return spec
    .all('metric')
    .filter((metric) => metric.namespace === namespace && metric.name === name)
    .flatMap((metric) => spec.follow('usesDimensionSet', metric))
    .map(({ entity }) =>
      entity.dimensions
        .map((dimension) => dimension.name)
        .toSorted()
        .join(),
    );
}

describe('the alarms', () => {
  // guarantee: alarms-can-fire
  test('of what AWS counts watch metrics that AWS publishes, by dimensions that they have', () => {
    const watched = [...alarmsOf(template)]
      .filter(([, { Namespace }]) => Namespace !== METRIC_NAMESPACE)
      .map(([name, { Namespace, MetricName, Dimensions }]) => {
        const dimensions = Dimensions.map(({ Name }) => Name);
        // A set has no order.
        const sets = findPublished(Namespace, MetricName);
        expect(sets, name).toContain(dimensions.toSorted().join());
        const operation = Dimensions.find(({ Name }) => Name === 'Operation')?.Value;
        const of = operation === undefined ? '' : ` of ${operation}`;
        return `${name}: ${Namespace} ${MetricName}${of} by ${dimensions.toSorted().join()}`;
      });
    expect(watched.toSorted()).toEqual([
      'AuthorizerErrors: AWS/Lambda Errors by FunctionName',
      'AuthorizerThrottles: AWS/Lambda Throttles by FunctionName',
      'KeysThrottles: AWS/DynamoDB ThrottledRequests of GetItem by Operation,TableName',
      'ProxyThrottles: AWS/Lambda Throttles by FunctionName',
      'ServerErrors: AWS/ApiGateway 5XXError by ApiName',
      'SweepErrors: AWS/Lambda Errors by FunctionName',
      'SweepMissing: AWS/Lambda Invocations by FunctionName',
      'UsageThrottles: AWS/DynamoDB ThrottledRequests of PutItem by Operation,TableName',
      'WalletsThrottles: AWS/DynamoDB ThrottledRequests of UpdateItem by Operation,TableName',
    ]);
  });

  test('of what the functions count watch metrics that the functions write', () => {
    const own = [...alarmsOf(template)].filter(([, { Namespace }]) => Namespace === 'Hallpass');
    expect(own.map(([name, { MetricName }]) => `${name}: ${MetricName}`)).toEqual([
      'RequestsDied: HoldsSwept',
      'SettleFailures: SettleFailures',
      'Overruns: Overruns',
    ]);
  });

  test('are those that docs/operations.md explains', () => {
    const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    const section = page.slice(page.indexOf('## Alarms'), page.indexOf('## Find one request'));
    const cells = section.split('\n').filter((line) => line.startsWith('| `'));
    const named = cells.flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)]);
    expect(named.map(([, name]) => name).toSorted()).toEqual(
      [...alarmsOf(template).keys()].toSorted(),
    );
  });
});

describe('a log line', () => {
  test('of a request counts it, its money, tokens and times, for its gateway', () => {
    const data = linesOf(request).flatMap(readMetrics);
    expect(data.map(({ name, value, unit }) => `${name} ${value} ${unit}`)).toEqual([
      'Requests 1 Count',
      'SpendUsd 0.0025 None',
      'Tokens 120 Count',
      'DurationMs 900 Milliseconds',
      'FirstByteMs 200 Milliseconds',
    ]);
    for (const { namespace, dimensions } of data) {
      expect({ namespace, dimensions }).toEqual({
        namespace: 'Hallpass',
        dimensions: { Gateway: 'Hallpass' },
      });
    }
  });

  test('of a refusal counts it by its code, and of a provider’s fault by the provider', () => {
    const fault: LogEntry = { ...request, level: 'warn', code: 'upstream_timeout' };
    const refused: LogEntry = { level: 'info', event: 'refused', code: 'token_expired' };
    const data = linesOf(refused, fault).flatMap(readMetrics);
    const found = data.filter(({ dimensions }) => Object.keys(dimensions).length === 2);
    expect(found.map(({ name, dimensions }) => [name, dimensions])).toEqual([
      ['Refusals', { Gateway: 'Hallpass', Code: 'token_expired' }],
      ['ProviderErrors', { Gateway: 'Hallpass', Provider: 'openai' }],
    ]);
  });

  test('counts nothing on this machine', () => {
    const lines: string[] = [];
    makeLog((line) => lines.push(line)).write(request);
    expect(lines.flatMap(readMetrics)).toEqual([]);
  });
});
