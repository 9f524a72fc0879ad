/**
 * The metrics that the functions write, as CloudWatch knows them.
 */
import { Stack } from 'aws-cdk-lib';
import { Metric, type MetricOptions, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { IConstruct } from 'constructs';
import { GATEWAY_DIMENSION, METRIC_NAMESPACE, type MetricName } from '../adapters/metrics.ts';

/** Returns a metric of the gateway in this stack. */
export const gatewayMetric = (
  scope: IConstruct,
  metricName: MetricName,
  options: MetricOptions = {},
): Metric =>
  new Metric({
    namespace: METRIC_NAMESPACE,
    metricName,
    dimensionsMap: { [GATEWAY_DIMENSION]: Stack.of(scope).stackName },
    statistic: Stats.SUM,
    ...options,
  });
