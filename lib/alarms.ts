/**
 * Makes three alarms and sends them to a topic if there is one.
 */
import { Duration } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import {
  type Alarm,
  ComparisonOperator,
  type Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Functions } from './functions.ts';

export interface AlarmsProps {
  readonly restApi: RestApi;
  readonly functions: Functions;
  /** The topic to which an alarm's start and end are sent. @default none: alarms are only shown */
  readonly topic?: ITopic | undefined;
}

const PERIOD = Duration.minutes(5);
/** The share of answers that may be 5xx. Providers' failures count too. */
const SERVER_ERRORS_SHARE_MAX = 0.05;

export class Alarms extends Construct {
  constructor(scope: Construct, id: string, { restApi, functions, topic }: AlarmsProps) {
    super(scope, id);
    const period = { period: PERIOD };
    const alarms = [
      this.raise(
        'ServerErrors',
        'More than 5 % of answers were 5xx in 10 of 15 minutes',
        restApi.metricServerError({ ...period, statistic: Stats.AVERAGE }),
        SERVER_ERRORS_SHARE_MAX,
        { of: 3, breaching: 2 },
      ),
      this.raise(
        'SweepErrors',
        'The sweep failed twice in 15 minutes: holds of dead requests are not closed',
        functions.sweep.metricErrors(period),
        0,
        { of: 3, breaching: 2 },
      ),
      this.raise(
        'ProxyThrottles',
        'Requests were refused because too many streams were open at once',
        functions.proxy.metricThrottles(period),
        0,
        { of: 1, breaching: 1 },
      ),
    ];
    if (topic === undefined) return;
    const action = new SnsAction(topic);
    for (const alarm of alarms) {
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
    }
  }

  private raise(
    id: string,
    alarmDescription: string,
    metric: Metric,
    threshold: number,
    periods: { readonly of: number; readonly breaching: number },
  ): Alarm {
    return metric.createAlarm(this, id, {
      alarmDescription,
      threshold,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: periods.of,
      datapointsToAlarm: periods.breaching,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}
