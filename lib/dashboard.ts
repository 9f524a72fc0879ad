/**
 * The dashboard of a gateway: requests, refusals, money, tokens, times, failures.
 */
import { Aws, Duration, Stack } from 'aws-cdk-lib';
import {
  Dashboard as CloudWatchDashboard,
  GraphWidget,
  type IMetric,
  MathExpression,
  Stats,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { GATEWAY_DIMENSION, METRIC_NAMESPACE, type MetricName } from '../adapters/metrics.ts';
import type { WatchedParts } from './alarms.ts';
import { gatewayMetric } from './metrics.ts';

const PERIOD = Duration.minutes(5);
const WIDTH = 8;
const P50 = Stats.percentile(50);
const P95 = Stats.percentile(95);

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, { restApi, functions }: WatchedParts) {
    super(scope, id);
    const own = (name: MetricName, statistic: string = Stats.SUM, label: string = name) =>
      gatewayMetric(this, name, { period: PERIOD, statistic, label });
    const times = (name: MetricName) => [own(name, P50, 'p50'), own(name, P95, 'p95')];
    const { authorizer, proxy, account, sweep } = functions;
    const period = { period: PERIOD };
    const graph = (title: string, left: IMetric[]) =>
      new GraphWidget({ title, left, width: WIDTH });
    new CloudWatchDashboard(this, 'Dashboard', {
      widgets: [
        [
          graph('Requests', [own('Requests'), restApi.metricCount(period)]),
          graph('Refusals by code', [this.search('Refusals', 'Code')]),
          graph('Spend, USD', [own('SpendUsd')]),
        ],
        [
          graph('Tokens', [own('Tokens')]),
          graph('First byte, ms', times('FirstByteMs')),
          graph('Whole answer, ms', times('DurationMs')),
        ],
        [
          graph('Errors of providers', [this.search('ProviderErrors', 'Provider')]),
          graph('Holds and limits', [own('HoldsSwept'), own('SettleFailures'), own('Overruns')]),
          graph('Errors and throttles', [
            restApi.metricServerError({ ...period, statistic: Stats.SUM }),
            ...[authorizer, account, sweep].map((each) => each.metricErrors(period)),
            proxy.metricThrottles(period),
            proxy.metric('ConcurrentExecutions', { ...period, statistic: Stats.MAXIMUM }),
          ]),
        ],
      ],
    });
  }

  /** One line for each value of a dimension. */
  private search(name: MetricName, by: string): MathExpression {
    const { stackName } = Stack.of(this);
    const schema = `{${METRIC_NAMESPACE},${GATEWAY_DIMENSION},${by}}`;
    return new MathExpression({
      expression: `SEARCH('${schema} ${GATEWAY_DIMENSION}="${stackName}" MetricName="${name}"', 'Sum')`,
      label: '',
      period: PERIOD,
      searchRegion: Aws.REGION,
    });
  }
}
