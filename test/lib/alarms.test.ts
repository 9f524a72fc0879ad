import type { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeLog } from '../../adapters/log.ts';
import { asNanoUsd } from '../../core/base/money.ts';
import type { LogEntry } from '../../core/base/ports.ts';
import { alarmsOf, raisedBy, readMetrics } from '../support/alarms.ts';
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

describe('an alarm of what the functions count', () => {
  // guarantee: alarms-can-fire
  test.each<[string, LogEntry, string]>([
    [
      'a request cost more than it held',
      { ...request, isOverrun: true },
      'A request cost more than it held: a limit may have been passed by that',
    ],
    [
      'a settle could not be written',
      { level: 'warn', event: 'left_to_lease' },
      'What requests cost could not be written; the sweep does it when leases end',
    ],
    [
      'a request died under its hold',
      { level: 'info', event: 'sweep finished', count: 2, swept: 2 },
      'Requests ended without a settle and were counted in full: the proxy died',
    ],
  ])('is raised when %s', (_, entry, description) => {
    expect(raisedBy(template, linesOf(entry))).toEqual([description]);
  });

  test('is not raised by requests that end well, by refusals and by a sweep that finds nothing', () => {
    const quiet = linesOf(
      request,
      { level: 'info', event: 'refused', code: 'insufficient_quota' },
      { level: 'info', event: 'sweep finished', count: 0, swept: 0 },
    );
    expect(raisedBy(template, quiet)).toEqual([]);
  });
});

describe('an alarm of what AWS counts', () => {
  const seen = () =>
    alarmsOf(template)
      .filter(({ Namespace }) => Namespace !== 'Hallpass')
      .map(({ Namespace, MetricName, ComparisonOperator, Threshold, TreatMissingData }) =>
        [Namespace, MetricName, ComparisonOperator, Threshold, TreatMissingData].join(' '),
      );

  // guarantee: alarms-can-fire
  test('watches 5xx, the errors of authorizer and sweep, throttles of functions and tables, and a sweep that does not run', () => {
    expect(seen().toSorted()).toEqual([
      'AWS/ApiGateway 5XXError GreaterThanThreshold 0.05 notBreaching',
      'AWS/DynamoDB ReadThrottleEvents GreaterThanThreshold 0 notBreaching',
      'AWS/DynamoDB WriteThrottleEvents GreaterThanThreshold 0 notBreaching',
      'AWS/DynamoDB WriteThrottleEvents GreaterThanThreshold 0 notBreaching',
      'AWS/Lambda Errors GreaterThanThreshold 0 notBreaching',
      'AWS/Lambda Errors GreaterThanThreshold 0 notBreaching',
      'AWS/Lambda Invocations LessThanThreshold 1 breaching',
      'AWS/Lambda Throttles GreaterThanThreshold 0 notBreaching',
      'AWS/Lambda Throttles GreaterThanThreshold 0 notBreaching',
    ]);
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
