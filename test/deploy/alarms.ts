/**
 * The alarms of a deployed stack, judged by what the emulator has seen of their metrics: log lines of functions, and
 * what AWS counts by itself. The emulator's own states of alarms know neither dimensions nor missing data.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { alarmsOf, type Datum, isInAlarm, readMetrics } from '../support/cloudwatch.ts';
import { callAws, type Stack } from './aws.ts';
import { askChat, type Keys, send } from './requests.ts';
import { expectThat, type Life } from './tools.ts';

const FUNCTIONS = ['Authorizer', 'Proxy', 'Sweep'];
const LAMBDA_METRICS = ['Invocations', 'Errors', 'Throttles'];

/** Reads the lines that a function has logged. */
async function readLog(life: Life, group: string): Promise<readonly string[]> {
  const answer = await callAws(life, 'logs', '/', {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'Logs_20140328.FilterLogEvents',
    },
    body: JSON.stringify({ logGroupName: group }),
  });
  const events: readonly { readonly message: string }[] = JSON.parse(answer).events;
  return events.map(({ message }) => message).filter((line) => line.startsWith('{'));
}

/** Reads the sum that AWS has counted of a function in the last hour. */
async function readSum(life: Life, name: string, functionName: string): Promise<number> {
  const nowMs = Date.now();
  const body = new URLSearchParams({
    Action: 'GetMetricStatistics',
    Version: '2010-08-01',
    Namespace: 'AWS/Lambda',
    MetricName: name,
    'Dimensions.member.1.Name': 'FunctionName',
    'Dimensions.member.1.Value': functionName,
    StartTime: new Date(nowMs - 3_600_000).toISOString(),
    EndTime: new Date(nowMs + 60_000).toISOString(),
    Period: '300',
    'Statistics.member.1': 'Sum',
  });
  const answer = await callAws(life, 'monitoring', '/', { method: 'POST', body });
  const sums = [...answer.matchAll(/<Sum>([^<]+)<\/Sum>/g)].map(([, sum]) => Number(sum));
  return sums.reduce((total, sum) => total + sum, 0);
}

/** Returns the alarms that are on. @param assembly the folder with the stack's template */
export async function readAlarms(
  life: Life,
  stage: Stack,
  assembly: string,
): Promise<readonly string[]> {
  const data: Datum[] = [];
  const atMs = Date.now();
  for (const name of FUNCTIONS) {
    const functionName = stage.resource(`Functions${name}`);
    const lines = await readLog(life, stage.resource(`Functions${name}Log`));
    data.push(...lines.flatMap(readMetrics));
    for (const metric of LAMBDA_METRICS) {
      const value = await readSum(life, metric, functionName);
      const dimensions = { FunctionName: functionName };
      data.push({ namespace: 'AWS/Lambda', name: metric, dimensions, value, atMs });
    }
  }
  const file = join(assembly, `${stage.name}.template.json`);
  const alarms = alarmsOf(Template.fromJSON(JSON.parse(readFileSync(file, 'utf8'))));
  const isOn = (name: string): boolean => {
    const alarm = alarms.get(name);
    if (alarm === undefined) return false;
    const Dimensions = alarm.Dimensions.map(({ Name, Value }) => ({
      Name,
      Value: typeof Value === 'string' ? Value : stage.resource(Value.Ref),
    }));
    return isInAlarm({ ...alarm, Dimensions }, data, atMs + 1);
  };
  return [...alarms.keys()].filter(isOn);
}

/** Takes all concurrency from the proxy for one request, as when too many streams are open. */
export async function throttleProxy(life: Life, stage: Stack, { server }: Keys): Promise<void> {
  const path = `/2017-10-31/functions/${stage.resource('FunctionsProxy')}/concurrency`;
  const reserve = (ReservedConcurrentExecutions: number) =>
    callAws(life, 'lambda', path, {
      method: 'PUT',
      body: JSON.stringify({ ReservedConcurrentExecutions }),
    });
  await reserve(0);
  const { status } = await send(stage.root, askChat(server));
  // 429 by the emulator, 5xx by API Gateway.
  expectThat(status >= 400, `a throttled function answered ${status}`);
  await reserve(200);
}
