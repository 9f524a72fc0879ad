import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COST_PRICES, idleCost } from '../../cli/cost-parts.ts';
import { makeTemplate } from '../support/stack.ts';

const PAGE = readFileSync(new URL('../../docs/cost.md', import.meta.url), 'utf8');

interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

/** Types that cost nothing without traffic. A type that is in no list here fails the test. */
const FREE = [
  ...['AWS::IAM::Role', 'AWS::IAM::Policy', 'AWS::Logs::LogGroup', 'AWS::Events::Rule'],
  ...['AWS::Lambda::Permission', 'AWS::Lambda::EventInvokeConfig', 'AWS::ApiGateway::RestApi'],
  ...['AWS::ApiGateway::Deployment', 'AWS::ApiGateway::Resource', 'AWS::ApiGateway::Method'],
  ...['AWS::ApiGateway::GatewayResponse', 'AWS::ApiGateway::Authorizer'],
];
/** Types that are free as long as a setting is absent or has this value. */
const FREE_IF: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'AWS::DynamoDB::Table': { BillingMode: 'PAY_PER_REQUEST', ProvisionedThroughput: undefined },
  'AWS::Lambda::Function': { SnapStart: undefined, EphemeralStorage: undefined },
  'AWS::ApiGateway::Stage': { CacheClusterEnabled: undefined, CacheClusterSize: undefined },
};

/** Returns what a resource costs in USD a month without traffic. */
function idleUsdOf({ Type: type, Properties = {} }: Resource): number {
  if (type === 'AWS::CloudWatch::Dashboard') return COST_PRICES.dashboard.usd;
  if (type === 'AWS::CloudWatch::Alarm') {
    const watched = Array.isArray(Properties.Metrics)
      ? Properties.Metrics.filter((metric) => Object.hasOwn(metric, 'MetricStat')).length
      : 1;
    return watched * COST_PRICES.alarmMetric.usd;
  }
  const settings = FREE_IF[type];
  if (settings !== undefined) {
    expect([type, Object.keys(settings).map((name) => Properties[name])]).toEqual([
      type,
      Object.values(settings),
    ]);
    return 0;
  }
  expect(FREE).toContain(type);
  return 0;
}

/** Returns the sum by type, without the types that cost nothing. */
function idleUsdByType(resources: readonly Resource[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const resource of resources) {
    const usd = idleUsdOf(resource);
    if (usd > 0) sums[resource.Type] = (sums[resource.Type] ?? 0) + usd;
  }
  return Object.fromEntries(
    Object.entries(sums).map(([type, usd]) => [type, Number(usd.toFixed(2))]),
  );
}

const resourcesOf = (settings?: Parameters<typeof makeTemplate>[0]): readonly Resource[] =>
  Object.values(makeTemplate(settings).toJSON().Resources);

// guarantee: idle-cost
describe('without traffic', () => {
  test('the resources of the template cost what the page and the command say', () => {
    expect(idleUsdByType(resourcesOf())).toEqual({
      'AWS::CloudWatch::Alarm': 1.2,
      'AWS::CloudWatch::Dashboard': 3,
    });
    const parts = idleCost(3).map(({ part, usd }) => [part, usd.toFixed(2)]);
    expect(parts).toEqual([
      ['secrets', '1.20'],
      ['alarms', '1.20'],
      ['dashboard', '3.00'],
      ['sweep', '0.01'],
    ]);
    for (const row of ['alarms: 12 metrics | 1.20', 'dashboard | 3.00', 'sweep: 8,640 runs | 0.01'])
      expect(PAGE).toContain(`| ${row}`);
  });

  test('the sweep runs 8,640 times in a month of 30 days', () => {
    const rules = resourcesOf().filter(({ Type: type }) => type === 'AWS::Events::Rule');
    expect(rules.map((rule) => rule.Properties?.ScheduleExpression)).toEqual(['rate(5 minutes)']);
  });

  test('a stack without a dashboard costs only its alarms', () => {
    expect(idleUsdByType(resourcesOf({ dashboard: false }))).toEqual({
      'AWS::CloudWatch::Alarm': 1.2,
    });
  });

  test('a resource that costs money and is not on the page is found', () => {
    expect(() => idleUsdOf({ Type: 'AWS::SecretsManager::Secret' })).toThrow();
    expect(() => idleUsdOf({ Type: 'AWS::EC2::NatGateway' })).toThrow();
    expect(() => idleUsdOf({ Type: 'AWS::DynamoDB::Table', Properties: {} })).toThrow();
  });
});

test('API Gateway writes no metrics by method, which are billed', () => {
  const stages = resourcesOf().filter(({ Type: type }) => type === 'AWS::ApiGateway::Stage');
  const text = JSON.stringify(stages);
  expect(text).toContain('"MetricsEnabled":false');
  expect(text).not.toContain('"MetricsEnabled":true');
});

test('each price is on the page, with its source and its date', () => {
  const rows = Object.values(COST_PRICES).map(
    ({ usd, per, source, asOf }) => `| ${usd} | ${per} | ${source} | ${asOf ?? 'not known'} |`,
  );
  expect(PAGE.match(/^\| [\d.]+ \| [^|]+ \| [^|]+ \| [^|]+ \|$/gm)).toEqual(rows);
});
