/**
 * One gateway, for a stack of your own: tables, functions, API, sweep schedule, alarms, dashboard, outputs.
 */
import { CfnOutput, Stack, Validations } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Grant, type IGrantable, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { CONFIG_METADATA } from '../adapters/table-schema.ts';
import { type Config, toConfigInput } from '../core/config.ts';
import { findProvider } from '../core/providers/provider.ts';
import { Alarms } from './alarms.ts';
import { Api } from './api.ts';
import { signingsOf } from './bedrock.ts';
import { requireBundlingPackages } from './bundle.ts';
import { toDeployedConfig, writeConfigModule } from './config-module.ts';
import { Dashboard } from './dashboard.ts';
import { Functions, timeoutOf } from './functions.ts';
import { VERSION } from './paths.ts';
import { type HallpassProps, requireProps } from './props.ts';
import { SecretsOfGateway } from './secrets.ts';
import { type RequiredTables, Tables } from './tables.ts';

/** A gateway. A stack has one at most, because the command line finds it by the stack's outputs. */
export class Hallpass extends Construct {
  readonly restApi: RestApi;
  /** The URL for clients, which ends in `/v1`. */
  readonly baseUrl: string;
  readonly functions: Functions;
  readonly tables: RequiredTables;
  readonly alarms: readonly Alarm[];
  private readonly secrets: SecretsOfGateway;

  constructor(scope: Construct, id: string, props: HallpassProps) {
    super(scope, id);
    requireProps(props);
    requireBundlingPackages();
    const config = toDeployedConfig(props.config);
    const { existing, encryptionKey } = props;
    this.allowLogs(props);
    const tables = new Tables(this, 'Tables', { ...props, signIn: config.signIn !== undefined });
    const secrets = new SecretsOfGateway(this, 'Secrets', {
      providers: providerSecretsOf(config),
      existing,
    });
    const functions = new Functions(this, 'Functions', {
      ...props,
      tables,
      secrets,
      signings: signingsOf(config),
      alerts: config.alerts,
      pages: config.pages,
      login: config.signIn?.issuer !== undefined,
      configModule: writeConfigModule(this, config),
    });
    const api = new Api(this, 'Api', { ...props, lambdas: functions });
    this.scheduleSweep(functions);
    const parts = { restApi: api.restApi, functions, tables };
    const alarms = new Alarms(this, 'Alarms', { ...parts, topic: props.alarmTopic });
    if (props.dashboard ?? true) new Dashboard(this, 'Dashboard', parts);
    this.restApi = api.restApi;
    this.baseUrl = api.baseUrl;
    this.functions = functions;
    this.tables = tables;
    this.alarms = alarms.all;
    this.secrets = secrets;
    Stack.of(this).addMetadata(CONFIG_METADATA, toConfigInput(config));
    this.addOutputs({
      BaseUrl: api.baseUrl,
      Version: VERSION,
      KeysTable: tables.keys.tableName,
      WalletsTable: tables.wallets.tableName,
      UsageTable: tables.usage.tableName,
      ...(tables.signIn === undefined ? {} : { SignInTable: tables.signIn.tableName }),
      SecretPrefix: secrets.prefix,
      // The default account is a hash of this, which CloudFormation cannot compute; `keys create` prints it.
      Deployment: secrets.deployment,
      ...(config.account === undefined ? {} : { Account: config.account }),
      ...(encryptionKey === undefined ? {} : { EncryptionKey: encryptionKey.keyArn }),
      ...(api.domainTarget === undefined ? {} : { DomainTarget: api.domainTarget }),
    });
  }

  /**
   * Lets a role read one key, to sign scoped tokens with it. The key's string is in the secret `<prefix>/key/<id>`, and after
   * a rotation in `<prefix>/key/<id>/<version>`.
   * @param keyId the `id` that `hallpass keys show NAME --json` prints, beside the `version` in force
   */
  grantIssue(grantee: IGrantable, keyId: string): Grant {
    return Grant.addToPrincipal({
      grantee,
      actions: ['secretsmanager:GetSecretValue'],
      resourceArns: [...this.secrets.keyArnsOf(keyId)],
    });
  }

  /** CloudWatch Logs encrypts with the key itself, so the key's policy must name it. */
  private allowLogs({ encryptionKey }: HallpassProps): void {
    const { region } = Stack.of(this);
    encryptionKey?.grantEncryptDecrypt(new ServicePrincipal(`logs.${region}.amazonaws.com`));
  }

  private scheduleSweep({ sweep }: Functions): void {
    const rule = new Rule(this, 'SweepSchedule', {
      description: 'Closes the holds of requests that died',
      schedule: Schedule.rate(timeoutOf('sweep')),
      targets: [new LambdaFunction(sweep, { retryAttempts: 0 })],
    });
    Validations.of(rule).acknowledge({
      id: 'Serverless-EventBusDLQ',
      reason: 'The event holds no data, and the next one comes five minutes later.',
    });
  }

  /** Adds the outputs under the names that the command line looks for, wherever the construct is in its stack. */
  private addOutputs(outputs: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(outputs)) {
      new CfnOutput(this, name, { value }).overrideLogicalId(name);
    }
  }
}

/** Returns the names of the secrets that hold the configured providers' API keys, each once. */
function providerSecretsOf(config: Config): readonly string[] {
  const secrets = Object.keys(config.providers).map(
    (name) => findProvider(config, {}, name)?.secret,
  );
  return [...new Set(secrets.filter((secret) => secret !== undefined))];
}
