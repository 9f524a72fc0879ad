import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { beforeAll, describe, expect, test } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import { Hallpass } from '../../lib/hallpass.ts';
import { makeApp } from '../support/stack.ts';

interface Statement {
  readonly Sid?: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

let template: Template;
let keyId: string;

beforeAll(() => {
  const stack = new Stack(makeApp(), 'Own');
  const config = defineConfig({ providers: { openai: {} } });
  new Hallpass(stack, 'Gateway', { config, encryptionKey: new Key(stack, 'Key') });
  template = Template.fromStack(stack);
  keyId = Object.keys(template.findResources('AWS::KMS::Key')).at(0) ?? '';
});

const arn = () => ({ 'Fn::GetAtt': [keyId, 'Arn'] });

/** The statements of a function's role about the key. */
const keyStatementsOf = (name: string): readonly Statement[] =>
  Object.values(template.findResources('AWS::IAM::Policy'))
    .filter(({ Properties }) => JSON.stringify(Properties.Roles).includes(`Functions${name}Role`))
    .flatMap(({ Properties }): Statement[] => Properties.PolicyDocument.Statement)
    .filter((statement) => JSON.stringify(statement.Action).includes('kms:'));

const VIA_SERVICES = {
  StringLike: { 'kms:ViaService': ['dynamodb.*', 'secretsmanager.*', 'lambda.*'] },
};
const TO_READ = ['kms:Decrypt', 'kms:DescribeKey'];
const TO_WRITE = [
  'kms:Encrypt',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
];

// guarantee: least-privilege
describe('with a key of one’s own', () => {
  test.each([
    ['Authorizer', TO_READ],
    ['Proxy', [...TO_READ, ...TO_WRITE]],
    ['Account', [...TO_READ, ...TO_WRITE]],
    ['Sweep', [...TO_READ, ...TO_WRITE]],
  ])('the %s may do with it through AWS’s services %j', (name, actions) => {
    expect(keyStatementsOf(name)).toEqual([
      expect.objectContaining({ Action: actions, Resource: arn(), Condition: VIA_SERVICES }),
    ]);
  });

  test('the pages may do nothing with it, and their settings are not encrypted with it', () => {
    expect(keyStatementsOf('Pages')).toEqual([]);
    const encrypted = Object.values(template.findResources('AWS::Lambda::Function'))
      .filter(({ Properties }) => Properties.KmsKeyArn !== undefined)
      .map(({ Properties }) => Properties.Description);
    expect(encrypted.toSorted()).toEqual([
      'Hallpass account',
      'Hallpass authorizer',
      'Hallpass proxy',
      'Hallpass sweep',
    ]);
  });

  test('CloudWatch Logs may encrypt with it, and every log group and table does', () => {
    const [key] = Object.values(template.findResources('AWS::KMS::Key'));
    const statements: readonly Statement[] = key?.Properties.KeyPolicy.Statement;
    const logs = statements.filter(({ Principal }) => JSON.stringify(Principal).includes('logs.'));
    expect(logs.map(({ Action }) => Action)).toEqual([
      expect.arrayContaining(['kms:Decrypt', 'kms:Encrypt']),
    ]);
    for (const { Properties } of Object.values(template.findResources('AWS::Logs::LogGroup'))) {
      expect(Properties.KmsKeyId).toEqual(arn());
    }
    for (const { Properties } of Object.values(template.findResources('AWS::DynamoDB::Table'))) {
      expect(Properties.SSESpecification).toMatchObject({ SSEType: 'KMS', KMSMasterKeyId: arn() });
    }
  });

  test('its ARN is an output, by which the command line encrypts the secrets that it makes', () => {
    template.hasOutput('EncryptionKey', { Value: arn() });
  });
});
