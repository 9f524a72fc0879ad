import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CfnResource, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { expect, test } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import { Hallpass } from '../../lib/hallpass.ts';
import type { HallpassProps } from '../../lib/props.ts';
import { makeApp } from '../support/stack.ts';

/** Without an endpoint, which excludes the host name, and without what would take the place of tables. */
type EverySetting = Omit<Required<HallpassProps>, 'privateEndpoint' | 'existing'>;

function settingsIn(stack: Stack): EverySetting {
  const vpc = Vpc.fromVpcAttributes(stack, 'Vpc', {
    vpcId: 'vpc-0123456789abcdef0',
    vpcCidrBlock: '10.0.0.0/16',
    availabilityZones: ['eu-west-1a'],
    privateSubnetIds: ['subnet-1'],
  });
  const each = { memoryMiB: 1024, logRetention: RetentionDays.ONE_WEEK };
  const throttle = { requestsPerSecondMax: 5, burstMax: 6 };
  return {
    config: defineConfig({
      account: 'acct:school',
      providers: { openai: {}, bedrock: { region: 'us-east-1', auth: 'aws-role' } },
      alerts: { topicArn: 'arn:aws:sns:us-east-1:123456789012:alerts' },
      signIn: {
        publicUrl: 'https://llm.example.edu',
        key: 'staff',
        issuer: 'https://id.example.edu',
        clientId: 'hallpass',
      },
    }),
    stageName: 'dev',
    domain: {
      name: 'llm.example.edu',
      certificate: Certificate.fromCertificateArn(stack, 'Certificate', 'arn:aws:acm:a:1:c/d'),
      basePath: 'ai',
    },
    webAclArn: 'arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/a/b',
    network: {
      vpc,
      subnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      securityGroups: [new SecurityGroup(stack, 'Group', { vpc })],
    },
    encryptionKey: new Key(stack, 'Key'),
    functions: {
      authorizer: each,
      proxy: each,
      account: each,
      sweep: each,
      pages: each,
      signIn: each,
    },
    tracing: true,
    streamsMax: 50,
    requestsPerSecondMax: 20,
    burstMax: 40,
    throttles: { models: throttle, account: throttle, pages: throttle, signIn: throttle },
    setLogRole: true,
    fipsEndpoints: true,
    alarmTopic: new Topic(stack, 'Topic'),
    dashboard: true,
    removalPolicy: RemovalPolicy.DESTROY,
  };
}

/** The parts of CDK's `validation-report.json` that are read here. */
interface Report {
  readonly pluginReports: readonly {
    readonly violations: readonly {
      readonly description: string;
      readonly violatingConstructs: readonly { readonly constructPath: string }[];
    }[];
  }[];
}

test('CDK’s own check of a gateway with every setting finds only the fault that is put beside it', () => {
  const app = makeApp({ builtinCloudFormationValidation: true });
  const stack = new Stack(app, 'Own');
  new Hallpass(stack, 'Gateway', settingsIn(stack));
  new CfnResource(stack, 'Queue', { type: 'AWS::SQS::Queue', properties: { DelaySecond: 5 } });
  const path = join(app.synth().directory, 'validation-report.json');
  const { pluginReports }: Report = JSON.parse(readFileSync(path, 'utf8'));
  const findings = pluginReports.flatMap(({ violations }) =>
    violations.flatMap(({ description, violatingConstructs }) =>
      violatingConstructs.map(({ constructPath }) => `${constructPath}: ${description}`),
    ),
  );
  expect(findings).toEqual([expect.stringMatching(/^Own\/Queue: DelaySecond: /)]);
});
