import type { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ConfigInput, defineConfig } from '../../core/config.ts';
import { makeTemplate } from '../support/stack.ts';

interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

let template: Template;
/** Logical ids by what they stand for. */
const names = new Map<string, string>();

beforeAll(() => {
  template = makeTemplate();
  for (const id of Object.keys(template.toJSON().Resources)) {
    names.set(id, id.replace(/[0-9A-F]{8}$/, ''));
  }
});

/** An ARN as one can read it: `<TablesWallets.Arn>/index/due`. */
function read(arn: unknown): string {
  if (typeof arn === 'string') return arn;
  const [[how, what] = []] = Object.entries(arn as Record<string, unknown>);
  const list = Array.isArray(what) ? what : [];
  if (how === 'Ref') return `<${names.get(String(what)) ?? what}>`;
  if (how === 'Fn::GetAtt') return `<${names.get(list[0])}.${list[1]}>`;
  if (how === 'Fn::Join') return list[1].map(read).join(list[0]);
  if (how === 'Fn::Select') return `<part of ${read(list[1])}>`;
  if (how === 'Fn::Split') return read(list[1]);
  throw new Error(`unread: ${how}`);
}

/** Everything that a function's role may do, a line each. */
function permissionsOf(name: string): string[] {
  const policies = Object.values(template.findResources('AWS::IAM::Policy')).filter(
    ({ Properties }) => JSON.stringify(Properties.Roles).includes(`Functions${name}Role`),
  );
  const statements = policies.flatMap<Statement>(
    ({ Properties }) => Properties.PolicyDocument.Statement,
  );
  return statements.flatMap(({ Effect, Action, Resource }) =>
    [Action]
      .flat()
      .flatMap((action) =>
        [Resource].flat().map((resource) => `${Effect} ${action} on ${read(resource)}`),
      ),
  );
}

const logs = (name: string): string[] => [
  `Allow logs:CreateLogStream on <Functions${name}Log.Arn>`,
  `Allow logs:PutLogEvents on <Functions${name}Log.Arn>`,
];

/** Statements about alerts in the template of a gateway with these alerts. */
function alertStatements(alerts: ConfigInput['alerts']): string[] {
  const made = makeTemplate({ config: defineConfig({ providers: {}, alerts }) });
  const text = JSON.stringify(made.findResources('AWS::IAM::Policy'));
  return text.match(/"Sid":"(ReadAlertSecret|PublishAlerts)"/g) ?? [];
}

describe('what each function may do, and nothing else', () => {
  // guarantee: least-privilege
  test('one function reads the secret of alerts or publishes them, and only if there are any', () => {
    const topicArn = 'arn:aws:sns:us-east-1:123456789012:alerts';

    expect(alertStatements({})).toEqual([]);
    expect(alertStatements({ topicArn })).toEqual(['"Sid":"PublishAlerts"']);
    expect(alertStatements({ webhook: 'https://example.com/hook' })).toEqual([
      '"Sid":"ReadAlertSecret"',
    ]);
  });

  // guarantee: least-privilege
  test('the authorizer reads keys and the secrets of keys, and writes nothing', () => {
    expect(permissionsOf('Authorizer')).toEqual([
      ...logs('Authorizer'),
      'Allow dynamodb:GetItem on <TablesKeys.Arn>',
      'Allow secretsmanager:GetSecretValue on arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:hallpass/Hallpass/<part of <part of <AWS::StackId>>>/key/*',
    ]);
  });

  // guarantee: least-privilege
  test('the proxy holds, settles, finds slices, writes usage and reads the secrets of providers, not of keys', () => {
    expect(permissionsOf('Proxy')).toEqual([
      ...logs('Proxy'),
      'Allow dynamodb:GetItem on <TablesWallets.Arn>',
      'Allow dynamodb:UpdateItem on <TablesWallets.Arn>',
      'Allow dynamodb:PutItem on <TablesUsage.Arn>',
      'Allow dynamodb:Query on <TablesWallets.Arn>/index/slices',
      'Allow dynamodb:BatchGetItem on <TablesWallets.Arn>',
      'Allow secretsmanager:GetSecretValue on arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:hallpass/Hallpass/<part of <part of <AWS::StackId>>>/provider/openai-??????',
      'Allow secretsmanager:GetSecretValue on arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:hallpass/Hallpass/<part of <part of <AWS::StackId>>>/provider/groq-team-??????',
    ]);
  });

  // guarantee: least-privilege
  test('the account function reads wallets and usage, and writes marks, records of people, the list of their changes and counts of requests', () => {
    expect(permissionsOf('Account')).toEqual([
      ...logs('Account'),
      'Allow dynamodb:GetItem on <TablesWallets.Arn>',
      'Allow dynamodb:UpdateItem on <TablesWallets.Arn>',
      'Allow dynamodb:GetItem on <TablesKeys.Arn>',
      'Allow dynamodb:UpdateItem on <TablesKeys.Arn>',
      'Allow dynamodb:Query on <TablesWallets.Arn>/index/byKey',
      'Allow dynamodb:PutItem on <TablesUsage.Arn>',
      'Allow dynamodb:Query on <TablesUsage.Arn>',
      'Allow dynamodb:Query on <TablesWallets.Arn>/index/slices',
      'Allow dynamodb:BatchGetItem on <TablesWallets.Arn>',
      'Allow secretsmanager:DescribeSecret on arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:hallpass/Hallpass/<part of <part of <AWS::StackId>>>/provider/openai-??????',
      'Allow secretsmanager:DescribeSecret on arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:hallpass/Hallpass/<part of <part of <AWS::StackId>>>/provider/groq-team-??????',
    ]);
  });

  test('the account function writes only the revoked list in the keys table, and no rollup in the usage table', () => {
    const statements = Object.values(template.findResources('AWS::IAM::Policy')).flatMap(
      ({ Properties }) => Properties.PolicyDocument.Statement,
    );
    expect(statements.filter(({ Condition }) => Condition !== undefined)).toMatchObject([
      {
        Sid: 'RevokeInRecords',
        Condition: {
          'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['name#*'] },
          'ForAllValues:StringEquals': { 'dynamodb:Attributes': ['pk', 'id', 'revoked'] },
          StringEqualsIfExists: {
            'dynamodb:Select': 'SPECIFIC_ATTRIBUTES',
            'dynamodb:ReturnValues': ['NONE', 'UPDATED_OLD', 'UPDATED_NEW'],
          },
        },
      },
      {
        Sid: 'WriteRows',
        Condition: {
          'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['*#????-??-??', '*#people'] },
        },
      },
    ]);
  });

  // guarantee: least-privilege
  test('the sweep finds wallets and days by their indexes, settles, rolls up, deletes secrets of keys and reads none', () => {
    expect(permissionsOf('Sweep')).toEqual([
      ...logs('Sweep'),
      'Allow dynamodb:Query on <TablesWallets.Arn>/index/due',
      'Allow dynamodb:GetItem on <TablesWallets.Arn>',
      'Allow dynamodb:UpdateItem on <TablesWallets.Arn>',
      'Allow dynamodb:PutItem on <TablesUsage.Arn>',
      'Allow dynamodb:Query on <TablesUsage.Arn>/index/open',
      'Allow dynamodb:Query on <TablesUsage.Arn>',
      'Allow dynamodb:UpdateItem on <TablesUsage.Arn>',
      'Allow dynamodb:GetItem on <TablesKeys.Arn>',
      'Allow secretsmanager:DeleteSecret on arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:hallpass/Hallpass/<part of <part of <AWS::StackId>>>/key/*',
    ]);
  });

  // guarantee: least-privilege
  test('the pages function, which is open to anyone, may write its log and nothing else', () => {
    expect(permissionsOf('Pages')).toEqual(logs('Pages'));
  });

  test('the proxy calls models of Bedrock with its role, in the configured regions', () => {
    const config = defineConfig({
      providers: {
        bedrock: { region: 'us-east-1', auth: 'aws-role' },
        again: { like: 'bedrock', region: 'us-east-1', auth: 'aws-role' },
        europe: { like: 'bedrock', region: 'eu-central-1', auth: 'aws-role' },
        'bedrock-mantle': { region: 'us-west-2', auth: 'aws-role' },
        'by-key': { like: 'bedrock', region: 'ap-south-1' },
      },
    });
    const policies = makeTemplate({ config }).findResources('AWS::IAM::Policy');
    const asking = Object.entries(policies).filter(([, policy]) =>
      JSON.stringify(policy).includes('bedrock'),
    );
    expect(asking.map(([id]) => id)).toEqual([expect.stringMatching(/^FunctionsProxyRole/)]);
    const statements = asking
      .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement)
      .filter(({ Sid }) => Sid?.startsWith('Ask'))
      .map(({ Sid, Action, Resource, Condition }) => ({
        sid: Sid,
        actions: [Action].flat(),
        resources: [Resource].flat().map(read),
        condition: Condition?.StringLike['bedrock:InferenceProfileArn'].map(read),
      }));
    const invoke = ['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream'];
    const profiles = [
      'arn:<AWS::Partition>:bedrock:us-east-1:<AWS::AccountId>:inference-profile/*',
      'arn:<AWS::Partition>:bedrock:eu-central-1:<AWS::AccountId>:inference-profile/*',
    ];
    expect(statements).toEqual([
      {
        sid: 'AskModels',
        actions: invoke,
        resources: [
          'arn:<AWS::Partition>:bedrock:us-east-1::foundation-model/*',
          'arn:<AWS::Partition>:bedrock:eu-central-1::foundation-model/*',
          ...profiles,
        ],
        condition: undefined,
      },
      {
        sid: 'AskModelsThroughProfiles',
        actions: invoke,
        resources: ['arn:<AWS::Partition>:bedrock:*::foundation-model/*'],
        condition: profiles,
      },
      {
        sid: 'AskMantle',
        actions: ['bedrock-mantle:CreateInference'],
        resources: [
          'arn:<AWS::Partition>:bedrock-mantle:us-west-2:<AWS::AccountId>:project/default',
        ],
        condition: undefined,
      },
    ]);
  });

  test('no function may call Bedrock unless the configuration calls it with the role', () => {
    const config = defineConfig({ providers: { bedrock: { region: 'us-east-1' } } });
    for (const made of [makeTemplate({ config }), template]) {
      expect(JSON.stringify(made.findResources('AWS::IAM::Policy'))).not.toContain('bedrock:');
    }
  });

  test('a proxy without a provider that needs a key reads no secret', () => {
    const config = defineConfig({ providers: { ollama: { auth: 'none' } } });
    const policies = makeTemplate({ config }).findResources('AWS::IAM::Policy');
    expect(JSON.stringify(policies)).not.toContain('ReadProviderSecrets');
  });
});

describe('roles', () => {
  // guarantee: least-privilege
  test('there is no policy on all resources', () => {
    for (const { Properties } of Object.values(template.findResources('AWS::IAM::Policy'))) {
      for (const { Action, Resource } of Properties.PolicyDocument.Statement as Statement[]) {
        expect([Resource].flat()).not.toContain('*');
        expect([Action].flat().filter((action) => action.includes('*'))).toEqual([]);
      }
    }
  });

  test('the role of a function has no policy but its own', () => {
    const roles = Object.entries(template.findResources('AWS::IAM::Role')).filter(([id]) =>
      id.startsWith('Functions'),
    );
    expect(roles).toHaveLength(5);
    for (const [, { Properties }] of roles) {
      expect(Properties).not.toHaveProperty('ManagedPolicyArns');
      expect(Properties).not.toHaveProperty('Policies');
    }
  });
});

describe('who may call the functions', () => {
  test('API Gateway for this API and stage, its authorizer, and the schedule', () => {
    const callers = Object.values(template.findResources('AWS::Lambda::Permission')).map(
      ({ Properties: { FunctionName, Principal, SourceArn } }) =>
        `${read(FunctionName)} by ${Principal} from ${read(SourceArn).replace(/^arn:.*<AWS::AccountId>:/, '')}`,
    );
    const stage = '<ApiRestApi>/<ApiRestApiDeploymentStageprod>';
    const byApi = 'by apigateway.amazonaws.com from';
    expect(callers.sort()).toEqual(
      [
        `<FunctionsAuthorizer.Arn> ${byApi} <ApiRestApi>/authorizers/<ApiAuthorizer>`,
        `<FunctionsAccount.Arn> ${byApi} ${stage}/*/*`,
        `<FunctionsPages.Arn> ${byApi} ${stage}/*/*`,
        `<FunctionsProxy.Arn> ${byApi} ${stage}/*/*`,
        '<FunctionsSweep.Arn> by events.amazonaws.com from <SweepSchedule.Arn>',
      ].sort(),
    );
  });
});
