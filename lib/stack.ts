/**
 * Deploys a gateway: tables, secrets, functions, API, sweep schedule, alarms.
 */
import { CfnOutput, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { Config } from '../core/config.ts';
import { findProvider } from '../core/providers/provider.ts';
import { Alarms } from './alarms.ts';
import { Api } from './api.ts';
import { signingsOf } from './bedrock.ts';
import { Functions, SWEEP_INTERVAL } from './functions.ts';
import { SecretsOfGateway } from './secrets.ts';
import { Tables } from './tables.ts';

export interface HallpassProps extends StackProps {
  /** The configuration of `hallpass.config.ts`, which is bundled into the functions too. */
  readonly config: Config;
  /** Requests per second that API Gateway accepts, from known callers or not, 1 to 10,000. @default 200 */
  readonly requestsPerSecondMax?: number;
  /** Requests that API Gateway accepts at one instant, 1 to 5,000. @default 400 */
  readonly burstMax?: number;
  /** Streams open at once, 1 to 10,000: concurrency reserved for the proxy. @default the account's unreserved rest */
  readonly streamsMax?: number;
  /**
   * True sets the role by which API Gateway writes logs. An account has one in each region; use false where another
   * stack has set it. @default true
   */
  readonly setLogRole?: boolean;
  /** The topic that alarms are sent to. @default none: alarms are only shown */
  readonly alarmTopic?: ITopic;
}

/** The stack of one gateway. */
export class HallpassStack extends Stack {
  constructor(scope: Construct, id: string, props: HallpassProps) {
    const { config, alarmTopic, setLogRole = true, streamsMax, ...rest } = props;
    const { requestsPerSecondMax = 200, burstMax = 400, ...stackProps } = rest;
    requireWhole('requestsPerSecondMax', requestsPerSecondMax, 10_000);
    requireWhole('burstMax', burstMax, 5_000);
    if (streamsMax !== undefined) requireWhole('streamsMax', streamsMax, 10_000);
    super(scope, id, {
      description: 'Hallpass: LLM access that is scoped, capped and expires',
      ...stackProps,
    });

    const tables = new Tables(this, 'Tables');
    const secrets = new SecretsOfGateway(this, 'Secrets', { providers: providerSecretsOf(config) });
    const signings = signingsOf(config);
    const functions = new Functions(this, 'Functions', {
      tables,
      secrets,
      signings,
      streamsMax,
      pages: config.pages,
    });
    const api = new Api(this, 'Api', {
      functions,
      requestsPerSecond: requestsPerSecondMax,
      burst: burstMax,
      setLogRole,
    });
    this.scheduleSweep(functions);
    new Alarms(this, 'Alarms', { restApi: api.restApi, functions, topic: alarmTopic });
    this.addOutputs({
      BaseUrl: api.baseUrl,
      KeysTable: tables.keys.tableName,
      WalletsTable: tables.wallets.tableName,
      UsageTable: tables.usage.tableName,
      SecretPrefix: secrets.prefix,
      // The default account is a hash of this, which CloudFormation cannot compute; `keys create` prints it.
      Deployment: this.stackId,
      ...(config.account === undefined ? {} : { Account: config.account }),
    });
  }

  private scheduleSweep({ sweep }: Functions): void {
    const rule = new Rule(this, 'SweepSchedule', {
      description: 'Closes the holds of requests that died',
      schedule: Schedule.rate(SWEEP_INTERVAL),
      targets: [new LambdaFunction(sweep, { retryAttempts: 0 })],
    });
    Validations.of(rule).acknowledge({
      id: 'Serverless-EventBusDLQ',
      reason: 'The event holds no data, and the next one comes five minutes later.',
    });
  }

  private addOutputs(outputs: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}

/** Returns the names of the secrets that hold the configured providers' API keys, each once. */
function providerSecretsOf(config: Config): readonly string[] {
  const secrets = Object.keys(config.providers).map(
    (name) => findProvider(config, {}, name)?.secret,
  );
  return [...new Set(secrets.filter((secret) => secret !== undefined))];
}

/** @throws RangeError with the name, the range and the value */
function requireWhole(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw new RangeError(`"${name}" must be a whole number from 1 to ${max}, got ${value}`);
}
