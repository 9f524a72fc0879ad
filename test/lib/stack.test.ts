import { Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import { HallpassStack } from '../../lib/stack.ts';
import { makeStack, makeTemplate } from '../support/stack.ts';

describe('settings', () => {
  test.each([
    [
      'requestsPerSecondMax',
      0,
      '"requestsPerSecondMax" must be a whole number from 1 to 10000, got 0',
    ],
    [
      'requestsPerSecondMax',
      10_001,
      '"requestsPerSecondMax" must be a whole number from 1 to 10000, got 10001',
    ],
    ['burstMax', 1.5, '"burstMax" must be a whole number from 1 to 5000, got 1.5'],
    ['burstMax', 5001, '"burstMax" must be a whole number from 1 to 5000, got 5001'],
    ['streamsMax', Number.NaN, '"streamsMax" must be a whole number from 1 to 10000, got NaN'],
    ['streamsMax', 0, '"streamsMax" must be a whole number from 1 to 10000, got 0'],
  ])('refuses %s of %d', (name, value, message) => {
    expect(() => makeStack({ [name]: value })).toThrow(new RangeError(message));
  });

  test.each([
    { requestsPerSecondMax: 1, burstMax: 1, streamsMax: 1 },
    { requestsPerSecondMax: 10_000, burstMax: 5000, streamsMax: 10_000 },
  ])('takes $requestsPerSecondMax requests a second', (settings) => {
    expect(() => makeStack(settings)).not.toThrow();
  });

  test('refuses a provider without a URL before anything is deployed', () => {
    const config = defineConfig({ providers: { house: {} } });
    expect(() => makeStack({ config })).toThrow(
      'hallpass.config.ts: "providers.house.baseUrl" must be set, got nothing',
    );
  });
});

describe('secrets', () => {
  // guarantee: idle-cost
  test('none is made by the stack: a command makes each one that is used', () => {
    makeTemplate().resourceCountIs('AWS::SecretsManager::Secret', 0);
  });
});

describe('outputs', () => {
  test('name the base URL, the tables, the prefix of secrets, and the deployment', () => {
    const { Outputs } = makeTemplate().toJSON();
    expect(Object.keys(Outputs).sort()).toEqual([
      'BaseUrl',
      'Deployment',
      'KeysTable',
      'SecretPrefix',
      'UsageTable',
      'Version',
      'WalletsTable',
    ]);
    expect(Outputs.BaseUrl.Value['Fn::Join'][1].at(-1)).toBe('/v1');
    expect(JSON.stringify(Outputs.SecretPrefix)).toContain('hallpass/Hallpass/');
  });

  test('name the account if the configuration does', () => {
    const config = defineConfig({ account: 'acct:school', providers: {} });
    makeTemplate({ config }).hasOutput('Account', { Value: 'acct:school' });
  });
});

describe('alarms', () => {
  test('are sent to a topic when they start and when they end', () => {
    const { app, stack: other } = makeStack();
    const alarmTopic = new Topic(other, 'Topic');
    const config = defineConfig({ providers: {} });
    const stack = new HallpassStack(app, 'Second', { config, alarmTopic });
    const alarms = Object.values(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm'));
    expect(alarms).toHaveLength(12);
    for (const { Properties } of alarms) {
      expect(Properties.AlarmActions).toHaveLength(1);
      expect(Properties.OKActions).toEqual(Properties.AlarmActions);
    }
  });
});

describe('cdk-nag', () => {
  test.each([
    ['AwsSolutionsChecks', AwsSolutionsChecks],
    ['ServerlessChecks', ServerlessChecks],
  ])('%s finds only what is acknowledged with a reason', (_, Checks) => {
    const { app } = makeStack();
    const { violations } = new Checks(app).validateScope(app);
    const findings = violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map((resource) => `${ruleName} at ${resource.constructPath}`),
    );
    expect(findings).toEqual([]);
  });

  test('finds nothing more when Bedrock is called with the role', () => {
    const config = defineConfig({
      providers: {
        bedrock: { region: 'us-east-1', auth: 'aws-role' },
        'bedrock-mantle': { region: 'eu-west-1', auth: 'aws-role' },
      },
    });
    const { app } = makeStack({ config });
    const { violations } = new AwsSolutionsChecks(app).validateScope(app);
    expect(violations).toEqual([]);
  });

  test('finds a fault that is not acknowledged', () => {
    const { app, stack } = makeStack();
    new Topic(stack, 'Topic');
    const { violations } = new AwsSolutionsChecks(app).validateScope(app);
    expect(violations.map(({ ruleName }) => ruleName)).toEqual(
      expect.arrayContaining([expect.stringMatching(/SNS/)]),
    );
  });

  test('the list of acknowledged findings is exactly this', () => {
    const { stack } = makeStack();
    const acknowledged = stack.node
      .findAll()
      .flatMap(({ node }) => node.metadata)
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.keys(data))
      .map((id) => id.replace(/^Annotation::/, '').replace(/\[.*\]$/, ''));
    expect([...new Set(acknowledged)].sort()).toEqual([
      'AwsSolutions-APIG2',
      'AwsSolutions-APIG3',
      'AwsSolutions-APIG4',
      'AwsSolutions-APIG6',
      'AwsSolutions-COG4',
      'AwsSolutions-IAM4',
      'AwsSolutions-IAM5',
      'Serverless-APIGWXrayEnabled',
      'Serverless-EventBusDLQ',
      'Serverless-LambdaAsyncFailureDestination',
      'Serverless-LambdaDLQ',
      'Serverless-LambdaTracing',
    ]);
  });
});
