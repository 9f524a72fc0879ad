/**
 * Makes the functions: bundle, size, role and log of each.
 */
import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  ApplicationLogLevel,
  Architecture,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { ENVIRONMENT, FUNCTION_SECONDS_MAX } from '../adapters/table-schema.ts';
import { bedrockFindings } from './bedrock.ts';
import { bundledCode } from './bundle.ts';
import { moduleOf } from './paths.ts';
import { type PermissionsOptions, permissionsOf } from './permissions.ts';
import { FUNCTION_NAMES, type FunctionName, type HallpassProps } from './props.ts';

/** The longest time that a function may take. */
export const timeoutOf = (name: FunctionName): Duration =>
  Duration.seconds(FUNCTION_SECONDS_MAX[name]);

/**
 * Memory, in MiB, decides the share of a processor and the price of a second (docs/cost.md). It is small where a function
 * waits: nine tenths of the bill are the time of streams. A body of 6 MB, parsed and serialised, takes 48 MB beside the
 * 43 of Node, which leaves little of 128 MB for the code. Every request waits for the authorizer, which runs for
 * milliseconds: twice the processor costs a few cents a million requests.
 */
const MEMORIES_MIB: Readonly<Record<FunctionName, number>> = {
  authorizer: 512,
  proxy: 256,
  account: 256,
  sweep: 256,
  pages: 256,
  signIn: 256,
};

/** Requests of sign-in at once, so that strangers whose requests wait for a provider take no room of the authorizer. */
const SIGN_INS_MAX = 20;

/** Streams at once, of the 1,000 functions at once that an account has at first. */
const STREAMS_MAX = 200;

export interface FunctionsProps
  extends PermissionsOptions,
    Pick<HallpassProps, 'fipsEndpoints' | 'functions' | 'network' | 'streamsMax' | 'tracing'> {
  /** True if the open pages are served. */
  readonly pages: boolean;
  /** True if people may sign in with a browser. */
  readonly login: boolean;
  /** The module that is bundled in the place of `#config`. */
  readonly configModule: string;
}

export class Functions extends Construct {
  readonly authorizer: LambdaFunction;
  readonly proxy: LambdaFunction;
  readonly account: LambdaFunction;
  readonly sweep: LambdaFunction;
  /** Absent where the configuration switches pages off. */
  readonly pages: LambdaFunction | undefined;
  /** Absent where the configuration has no sign-in. */
  readonly signIn: LambdaFunction | undefined;
  private readonly props: FunctionsProps;

  constructor(scope: Construct, id: string, props: FunctionsProps) {
    super(scope, id);
    this.props = props;
    const { tables, secrets, signings, streamsMax = STREAMS_MAX } = props;
    const environment = {
      [ENVIRONMENT.keysTable]: tables.keys.tableName,
      [ENVIRONMENT.walletsTable]: tables.wallets.tableName,
      [ENVIRONMENT.usageTable]: tables.usage.tableName,
      [ENVIRONMENT.secretPrefix]: secrets.prefix,
      [ENVIRONMENT.deployment]: secrets.deployment,
      [ENVIRONMENT.gateway]: Stack.of(this).stackName,
      ...(props.fipsEndpoints && { AWS_USE_FIPS_ENDPOINT: 'true' }),
    };
    this.authorizer = this.make('authorizer', environment);
    this.proxy = this.make(
      'proxy',
      environment,
      streamsMax === 'unreserved' ? undefined : streamsMax,
    );
    this.account = this.make('account', environment);
    this.sweep = this.make('sweep', environment);
    const login = props.login ? { [ENVIRONMENT.login]: 'yes' } : {};
    this.pages = props.pages ? this.make('pages', login) : undefined;
    this.signIn = tables.signIn && this.makeSignIn(environment, tables.signIn.tableName);
    // The next run comes five minutes later.
    this.sweep.configureAsyncInvoke({ retryAttempts: 0 });

    const permissions = permissionsOf(props);
    for (const name of FUNCTION_NAMES) {
      for (const statement of permissions[name]) this[name]?.addToRolePolicy(statement);
    }
    Validations.of(this).acknowledge(
      ...bedrockFindings(signings),
      {
        id: `AwsSolutions-IAM5[Resource::${secrets.keyArnsFinding}]`,
        reason: 'Secrets of keys are made at run time; nothing else is below this prefix.',
      },
      {
        id: 'Serverless-LambdaDLQ',
        reason: 'API Gateway waits for all others; the next sweep finds what one leaves.',
      },
      {
        id: 'Serverless-LambdaAsyncFailureDestination',
        reason: 'The event of the sweep holds no data; an alarm counts its failures.',
      },
      {
        id: 'Serverless-LambdaTracing',
        reason: 'Logs hold the times of each part; a trace costs more than its request.',
      },
    );
  }

  private makeSignIn(environment: Record<string, string>, tableName: string): LambdaFunction {
    const settings = { ...environment, [ENVIRONMENT.signInTable]: tableName };
    const isShared = this.props.streamsMax === 'unreserved';
    return this.make('signIn', settings, isShared ? undefined : SIGN_INS_MAX);
  }

  private make(
    name: FunctionName,
    environment: Record<string, string>,
    reservedConcurrentExecutions?: number,
  ): LambdaFunction {
    const id = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    const words = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const { encryptionKey, functions, network, tracing = false, configModule } = this.props;
    const { memoryMiB = MEMORIES_MIB[name], logRetention = RetentionDays.ONE_MONTH } =
      functions?.[name] ?? {};
    const logGroup = new LogGroup(this, `${id}Log`, {
      retention: logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
      ...(encryptionKey && { encryptionKey }),
    });
    const role = new Role(this, `${id}Role`, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      ...(network && { managedPolicies: [networkPolicy()] }),
    });
    logGroup.grantWrite(role);
    return new LambdaFunction(this, id, {
      description: `Hallpass ${words}`,
      code: bundledCode(moduleOf(`lambdas/entry/${words}`), configModule),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: memoryMiB,
      timeout: timeoutOf(name),
      ...(reservedConcurrentExecutions === undefined ? {} : { reservedConcurrentExecutions }),
      environment,
      // Pages are open to anyone, and their function may use no key.
      ...(encryptionKey && name !== 'pages' && { environmentEncryption: encryptionKey }),
      ...(network && {
        vpc: network.vpc,
        ...(network.subnets && { vpcSubnets: network.subnets }),
        ...(network.securityGroups && { securityGroups: network.securityGroups }),
      }),
      tracing: tracing ? Tracing.ACTIVE : Tracing.DISABLED,
      role,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      applicationLogLevelV2: ApplicationLogLevel.INFO,
      systemLogLevelV2: SystemLogLevel.INFO,
    });
  }
}

/** Lets a function make its network interfaces, which no policy of ours could narrow further. */
const networkPolicy = () =>
  ManagedPolicy.fromAwsManagedPolicyName('service-role/AWSLambdaVPCAccessExecutionRole');
