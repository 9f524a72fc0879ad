/**
 * The alarms of a gateway. docs/operations.md has a row for each: what it means, and what to do.
 */
import { Duration } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Functions } from './functions.ts';
import { gatewayMetric } from './metrics.ts';
import type { GatewayTable, RequiredTables } from './tables.ts';

/** The parts of a gateway that are watched. */
export interface WatchedParts {
  readonly restApi: RestApi;
  readonly functions: Functions;
  readonly tables: RequiredTables;
}

export interface AlarmsProps extends WatchedParts {
  /** The topic to which an alarm's start and end are sent. @default none: alarms are only shown */
  readonly topic?: ITopic | undefined;
}

const PERIOD = Duration.minutes(5);
/** The share of answers that may be 5xx. Providers' failures count too. */
const SERVER_ERRORS_SHARE_MAX = 0.05;

interface Rule {
  readonly id: string;
  readonly description: string;
  readonly metric: IMetric;
  /** The alarm starts above it. @default 0 */
  readonly threshold?: number;
  /** Periods looked at, and how many of them must be above. @default 1 of 1 */
  readonly periods?: { readonly of: number; readonly breaching: number };
}

export class Alarms extends Construct {
  readonly all: readonly Alarm[];

  constructor(scope: Construct, id: string, { topic, ...parts }: AlarmsProps) {
    super(scope, id);
    const { sweep } = parts.functions;
    const missing = new Alarm(this, 'SweepMissing', {
      alarmDescription: 'The sweep did not run for 15 minutes: holds of dead requests stay',
      metric: sweep.metricInvocations({ period: PERIOD }),
      threshold: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: 3,
      // No run is no data, which is the failure.
      treatMissingData: TreatMissingData.BREACHING,
    });
    this.all = [...this.rulesOf(parts).map((rule) => this.raise(rule)), missing];
    if (topic === undefined) return;
    const action = new SnsAction(topic);
    for (const alarm of this.all) {
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
    }
  }

  private rulesOf({ restApi, functions, tables }: WatchedParts): readonly Rule[] {
    const period = { period: PERIOD };
    const { authorizer, proxy, sweep } = functions;
    return [
      {
        id: 'ServerErrors',
        description: 'More than 5 % of answers were 5xx in 10 of 15 minutes',
        metric: restApi.metricServerError({ ...period, statistic: Stats.AVERAGE }),
        threshold: SERVER_ERRORS_SHARE_MAX,
        periods: { of: 3, breaching: 2 },
      },
      {
        id: 'AuthorizerErrors',
        description: 'The authorizer failed: requests are answered 503',
        metric: authorizer.metricErrors(period),
        periods: { of: 3, breaching: 2 },
      },
      {
        id: 'SweepErrors',
        description: 'The sweep failed twice in 15 minutes: holds of dead requests are not closed',
        metric: sweep.metricErrors(period),
        periods: { of: 3, breaching: 2 },
      },
      {
        id: 'RequestsDied',
        description: 'Requests ended without a settle and were counted in full: the proxy died',
        metric: gatewayMetric(this, 'HoldsSwept', period),
      },
      {
        id: 'SettleFailures',
        description: 'What requests cost could not be written; the sweep does it when leases end',
        metric: gatewayMetric(this, 'SettleFailures', period),
      },
      {
        id: 'Overruns',
        description: 'A request cost more than it held: a limit may have been passed by that',
        metric: gatewayMetric(this, 'Overruns', period),
      },
      {
        id: 'ProxyThrottles',
        description: 'Requests were refused because too many streams were open at once',
        metric: proxy.metricThrottles(period),
      },
      {
        id: 'AuthorizerThrottles',
        description: 'Requests were refused because the account has no concurrency left',
        metric: authorizer.metricThrottles(period),
      },
      ...throttlesOf(tables).map(([table, metric]) => ({
        id: `${table}Throttles`,
        description: `DynamoDB throttled the table of ${table}: requests are slow, or answered 503`,
        metric,
      })),
    ];
  }

  private raise({ id, description, metric, threshold = 0, periods }: Rule): Alarm {
    const { of, breaching } = periods ?? { of: 1, breaching: 1 };
    return new Alarm(this, id, {
      alarmDescription: description,
      metric,
      threshold,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: of,
      datapointsToAlarm: breaching,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}

/**
 * The calls of tables that a request waits for. Requests are counted here, because the events of a table leave out those
 * of its indexes, which can throttle a write too.
 */
function throttlesOf({ keys, wallets, usage }: RequiredTables) {
  const throttled = ({ tableName: TableName }: GatewayTable, Operation: string) =>
    new Metric({
      namespace: 'AWS/DynamoDB',
      metricName: 'ThrottledRequests',
      dimensionsMap: { TableName, Operation },
      statistic: Stats.SUM,
      period: PERIOD,
    });
  return [
    ['Keys', throttled(keys, 'GetItem')],
    ['Wallets', throttled(wallets, 'UpdateItem')],
    ['Usage', throttled(usage, 'PutItem')],
  ] as const;
}
