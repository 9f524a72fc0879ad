import { beforeAll, describe, expect, test } from 'vitest';
import { type CheckedTemplate, findProblems } from '../support/resource-spec.ts';
import { makeTemplate } from '../support/stack.ts';

describe('the template against the resource specification of AWS', () => {
  let template: CheckedTemplate;

  beforeAll(() => {
    template = makeTemplate().toJSON() as CheckedTemplate;
  });

  test('has no unknown property, no missing one, and none of a wrong type', () => {
    expect(findProblems(template)).toEqual([]);
  });
});

describe('the checker', () => {
  const table = {
    Type: 'AWS::DynamoDB::Table',
    Properties: { KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }] },
  };
  const withTable = (changes: object): CheckedTemplate => ({
    Resources: { Wallets: { ...table, Properties: { ...table.Properties, ...changes } } },
  });

  test('finds no problem in a correct table', () => {
    expect(findProblems({ Resources: { Wallets: table } })).toEqual([]);
  });

  test.each<[string, CheckedTemplate, string]>([
    [
      'a property that does not exist',
      withTable({ TimeToLive: {} }),
      'Wallets.TimeToLive: there is no such property',
    ],
    [
      'a property within a property that does not exist',
      withTable({ TimeToLiveSpecification: { Enabled: true, Attribute: 'a' } }),
      'Wallets.TimeToLiveSpecification.Attribute: there is no such property',
    ],
    [
      'a required property that is missing',
      { Resources: { Wallets: { Type: 'AWS::DynamoDB::Table', Properties: {} } } },
      'Wallets.KeySchema: is required',
    ],
    [
      'a text where a truth value belongs',
      withTable({ DeletionProtectionEnabled: 'true' }),
      'Wallets.DeletionProtectionEnabled: must be of type boolean, got "true"',
    ],
    [
      'a value where a list belongs',
      withTable({ AttributeDefinitions: 'pk' }),
      'Wallets.AttributeDefinitions: must be of type array, got "pk"',
    ],
    [
      'a resource type that does not exist',
      { Resources: { Wallets: { Type: 'AWS::DynamoDB::Tabel' } } },
      'Wallets: there is no resource type AWS::DynamoDB::Tabel',
    ],
    [
      'a reference to nothing',
      withTable({ TableName: { Ref: 'Nothing' } }),
      'Ref Nothing: there is no such resource',
    ],
    [
      'an attribute of nothing',
      withTable({ TableName: { 'Fn::GetAtt': ['Nothing', 'Arn'] } }),
      'Fn::GetAtt Nothing: there is no such resource',
    ],
    [
      'a dependency on nothing',
      { Resources: { Wallets: { ...table, DependsOn: 'Nothing' } } },
      'DependsOn Nothing: there is no such resource',
    ],
  ])('finds %s', (_, template, problem) => {
    expect(findProblems(template)).toContain(problem);
  });
});
