import type { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeTemplate } from '../support/stack.ts';

let template: Template;

beforeAll(() => {
  template = makeTemplate();
});

const tableOf = (name: string) => {
  const [table] = Object.entries(template.findResources('AWS::DynamoDB::Table'))
    .filter(([id]) => id.startsWith(`Tables${name}`))
    .map(([, resource]) => resource);
  return table;
};

describe('tables', () => {
  // guarantee: data-outlives-stack
  test.each(['Keys', 'Wallets', 'Usage'])(
    '%s is on demand, restorable, encrypted with a key that is audited, and outlives the stack',
    (name) => {
      expect(tableOf(name)).toMatchObject({
        DeletionPolicy: 'Retain',
        UpdateReplacePolicy: 'Retain',
        Properties: {
          BillingMode: 'PAY_PER_REQUEST',
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          SSESpecification: { SSEEnabled: true },
          DeletionProtectionEnabled: true,
        },
      });
    },
  );

  test('are three, each in one region', () => {
    template.resourceCountIs('AWS::DynamoDB::Table', 3);
    template.resourceCountIs('AWS::DynamoDB::GlobalTable', 0);
  });

  test('of keys have one text as their key', () => {
    expect(tableOf('Keys')?.Properties).toMatchObject({
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
    });
  });

  test('of wallets have three indexes of keys only: by holds in flight, by slices of a key-wide budget, by key', () => {
    expect(tableOf('Wallets')?.Properties).toMatchObject({
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'due', AttributeType: 'S' },
        { AttributeName: 'dueAt', AttributeType: 'N' },
        { AttributeName: 'slices', AttributeType: 'S' },
        { AttributeName: 'of', AttributeType: 'S' },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: 'due',
          KeySchema: [
            { AttributeName: 'due', KeyType: 'HASH' },
            { AttributeName: 'dueAt', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
        {
          IndexName: 'slices',
          KeySchema: [
            { AttributeName: 'slices', KeyType: 'HASH' },
            { AttributeName: 'pk', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
        {
          IndexName: 'byKey',
          KeySchema: [
            { AttributeName: 'of', KeyType: 'HASH' },
            { AttributeName: 'pk', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
      ],
    });
  });

  test('of usage sort rows within a day, expire them, and index those that mark an open day', () => {
    expect(tableOf('Usage')?.Properties).toMatchObject({
      GlobalSecondaryIndexes: [
        {
          IndexName: 'open',
          KeySchema: [
            { AttributeName: 'open', KeyType: 'HASH' },
            { AttributeName: 'openDay', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
      ],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      TimeToLiveSpecification: { AttributeName: 'expiresAtSeconds', Enabled: true },
    });
  });

  test('of keys never expire items, and of wallets only those with a time', () => {
    expect(tableOf('Keys')?.Properties).not.toHaveProperty('TimeToLiveSpecification');
    expect(tableOf('Wallets')?.Properties).toMatchObject({
      TimeToLiveSpecification: { AttributeName: 'expiresAtSeconds', Enabled: true },
    });
  });
});
