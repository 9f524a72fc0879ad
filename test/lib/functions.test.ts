import type { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeTemplate } from '../support/stack.ts';

let template: Template;

beforeAll(() => {
  template = makeTemplate();
});

const functionOf = (name: string, from = template) => {
  const functions = Object.values(from.findResources('AWS::Lambda::Function'));
  return functions.find(({ Properties }) => Properties.Description === `Hallpass ${name}`)
    ?.Properties;
};

describe('functions', () => {
  test.each([
    ['authorizer', 10, 512],
    ['proxy', 900, 256],
    ['account', 30, 256],
    ['sweep', 300, 256],
    ['pages', 10, 256],
  ])('the %s has %i seconds and %i MB on Node 24 and ARM', (name, seconds, memoryMiB) => {
    expect(functionOf(name)).toMatchObject({
      Handler: 'index.handler',
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Timeout: seconds,
      MemorySize: memoryMiB,
    });
  });

  test('know their tables, the prefix of secrets, and their deployment', () => {
    for (const name of ['authorizer', 'proxy', 'account', 'sweep']) {
      expect(functionOf(name)?.Environment.Variables).toEqual({
        HALLPASS_KEYS_TABLE: { Ref: expect.stringMatching(/^TablesKeys/) },
        HALLPASS_WALLETS_TABLE: { Ref: expect.stringMatching(/^TablesWallets/) },
        HALLPASS_USAGE_TABLE: { Ref: expect.stringMatching(/^TablesUsage/) },
        HALLPASS_SECRET_PREFIX: expect.anything(),
        HALLPASS_DEPLOYMENT: { Ref: 'AWS::StackId' },
        HALLPASS_GATEWAY: 'Hallpass',
      });
    }
  });

  test('the pages function has no setting where nobody may sign in', () => {
    expect(functionOf('pages')).not.toHaveProperty('Environment');
  });

  test('log JSON, each to a group of its own that keeps a month', () => {
    const groups = new Set<string>();
    for (const name of ['authorizer', 'proxy', 'account', 'sweep', 'pages']) {
      const { LogFormat, LogGroup } = functionOf(name)?.LoggingConfig ?? {};
      expect(LogFormat).toBe('JSON');
      groups.add(LogGroup.Ref);
    }
    expect(groups.size).toBe(5);
    const all = template.findResources('AWS::Logs::LogGroup');
    expect(Object.keys(all)).toHaveLength(6);
    for (const { Properties } of Object.values(all)) expect(Properties.RetentionInDays).toBe(30);
  });

  // guarantee: room-for-the-authorizer
  test('streams take 200 of the account’s concurrency, another number, or all that is not reserved', () => {
    const key = 'ReservedConcurrentExecutions';
    expect(functionOf('proxy')).toMatchObject({ [key]: 200 });
    expect(functionOf('authorizer')).not.toHaveProperty(key);
    expect(functionOf('proxy', makeTemplate({ streamsMax: 50 }))).toMatchObject({ [key]: 50 });
    const shared = makeTemplate({ streamsMax: 'unreserved' });
    expect(functionOf('proxy', shared)).not.toHaveProperty(key);
  });
});

describe('the sweep', () => {
  test('runs every five minutes, and is not retried in between', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(5 minutes)',
      State: 'ENABLED',
      Targets: [{ RetryPolicy: { MaximumRetryAttempts: 0 } }],
    });
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', { MaximumRetryAttempts: 0 });
  });
});
