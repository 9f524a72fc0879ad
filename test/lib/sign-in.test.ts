import type { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, test } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import { bundledCode } from '../../lib/bundle.ts';
import { moduleOf, pathOf } from '../../lib/paths.ts';
import { bundleIn, makeApp, makeTemplate } from '../support/stack.ts';

const config = defineConfig({
  providers: {},
  signIn: { publicUrl: 'https://llm.example.edu', key: 'staff' },
});

/** The methods that anyone may call, beside those of pages and OPTIONS. */
const OPEN = [
  'GET /.well-known/oauth-authorization-server',
  'GET /.well-known/opencode',
  'POST /oauth/token',
  'POST /oauth/revoke',
  'GET /oauth/authorize',
  'POST /oauth/authorize',
  'POST /oauth/device_authorization',
  'GET /device',
  'POST /device',
  'GET /enrol',
  'POST /enrol',
  'GET /oauth/login',
  'GET /oauth/callback',
];

let template: Template;

const resourcesOf = (type: string) => Object.entries(template.findResources(type));

beforeAll(() => {
  template = makeTemplate({ config });
});

describe('a stack with sign-in', () => {
  // guarantee: no-open-method
  test('opens the methods of sign-in by name, and leaves their other methods behind the authorizer', () => {
    const resources = template.findResources('AWS::ApiGateway::Resource');
    const routeOf = (id: string): string => {
      const resource = resources[id]?.Properties;
      return resource ? `${routeOf(resource.ParentId.Ref)}/${resource.PathPart}` : '';
    };
    const methods = resourcesOf('AWS::ApiGateway::Method').map(([, { Properties }]) => ({
      name: `${Properties.HttpMethod} ${routeOf(Properties.ResourceId.Ref)}`,
      type: Properties.AuthorizationType,
      uri: JSON.stringify(Properties.Integration.Uri ?? ''),
    }));
    const open = methods.filter(({ uri }) => uri.includes('FunctionsSignIn'));
    expect(open.map(({ name }) => name).sort()).toEqual([...OPEN].sort());
    expect(new Set(open.map(({ type }) => type))).toEqual(new Set(['NONE']));
    for (const name of OPEN) {
      const path = name.split(' ')[1];
      expect(methods.find((each) => each.name === `ANY ${path}`)).toMatchObject({ type: 'CUSTOM' });
    }
  });

  // guarantee: sign-in-throttled
  test('throttles each of these methods by itself, below the rest', () => {
    const [[, stage] = []] = resourcesOf('AWS::ApiGateway::Stage');
    const settings: Record<string, unknown>[] = stage?.Properties.MethodSettings;
    for (const name of OPEN) {
      const [method = '', path = ''] = name.split(' ');
      const ResourcePath = `/${path.replaceAll('/', '~1')}`;
      const setting = settings.find(
        (each) => each.HttpMethod === method && each.ResourcePath === ResourcePath,
      );
      expect(setting).toMatchObject({ ThrottlingRateLimit: 20, ThrottlingBurstLimit: 40 });
    }
  });

  // guarantee: least-privilege
  test('lets sign-in read records of keys, people and one secret of its own, and write marks of tokens and its own table', () => {
    const policy = resourcesOf('AWS::IAM::Policy').find(([id]) =>
      id.startsWith('FunctionsSignInRole'),
    );
    const statements = policy?.[1].Properties.PolicyDocument.Statement.filter(
      ({ Sid }: { Sid?: string }) => Sid !== undefined,
    );
    expect(statements).toMatchObject([
      {
        Sid: 'ReadKeyRecords',
        Action: 'dynamodb:GetItem',
        Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['name#*'] } },
      },
      { Sid: 'ReadPeople', Action: 'dynamodb:GetItem' },
      {
        Sid: 'RevokeInWallets',
        Action: 'dynamodb:UpdateItem',
        Condition: {
          'ForAllValues:StringLike': { 'dynamodb:Attributes': ['pk', 'x:*', 'revoked:*'] },
        },
      },
      {
        Sid: 'GiveLimits',
        Action: 'dynamodb:UpdateItem',
        Condition: {
          'ForAllValues:StringLike': {
            'dynamodb:Attributes': [
              ...['pk', 'rev', 'own', 'credit', 'blocked', 'of', 'movedTo'],
              ...['name', 'source', 'i:*'],
            ],
          },
        },
      },
      { Sid: 'KeepGrants', Action: ['dynamodb:GetItem', 'dynamodb:UpdateItem'] },
      { Sid: 'ReadSignInSecret', Action: 'secretsmanager:GetSecretValue' },
    ]);
    expect(JSON.stringify(statements[5].Resource)).toMatch(/\/sign-in-\?{6}"/);
  });

  // guarantee: room-for-the-authorizer
  test('runs at most 20 requests of sign-in at once, unless nothing is reserved', () => {
    const reservedIn = (from: Template): unknown =>
      Object.entries(from.findResources('AWS::Lambda::Function')).find(([id]) =>
        id.startsWith('FunctionsSignIn'),
      )?.[1].Properties.ReservedConcurrentExecutions;
    expect(reservedIn(template)).toBe(20);
    expect(reservedIn(makeTemplate({ config, streamsMax: 'unreserved' }))).toBeUndefined();
  });

  test('has a table of its own, whose items expire, that outlives the stack', () => {
    template.resourceCountIs('AWS::DynamoDB::Table', 4);
    const [, table] =
      resourcesOf('AWS::DynamoDB::Table').find(([id]) => id.startsWith('TablesSignIn')) ?? [];
    expect(table).toMatchObject({
      DeletionPolicy: 'Retain',
      Properties: {
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        TimeToLiveSpecification: { AttributeName: 'expiresAtSeconds', Enabled: true },
      },
    });
    expect(template.findOutputs('SignInTable')).toHaveProperty('SignInTable');
  });

  test('tells the pages function whether people may sign in, and nothing else', () => {
    const provider = { issuer: 'https://id.example.edu', clientId: 'hallpass' };
    for (const [more, Variables] of [
      [provider, { HALLPASS_LOGIN: 'yes' }],
      [{}, undefined],
    ] as const) {
      const signIn = { publicUrl: 'https://llm.example.edu', key: 'staff', ...more };
      const made = makeTemplate({ config: defineConfig({ providers: {}, signIn }) });
      const [pages] = Object.values(
        made.findResources('AWS::Lambda::Function', {
          Properties: { Description: 'Hallpass pages' },
        }),
      );
      expect(pages?.Properties.Environment?.Variables).toEqual(Variables);
    }
  });

  test('needs the public URL, by https: nothing is built from the Host header', () => {
    for (const publicUrl of [undefined, 'http://127.0.0.1:8787']) {
      const signIn = { key: 'staff', ...(publicUrl && { publicUrl }) };
      const make = () => makeTemplate({ config: defineConfig({ providers: {}, signIn }) });
      expect(make).toThrow('"signIn.publicUrl" must be the https URL');
    }
  });
});

test('a stack without sign-in has neither its function nor its table nor its routes', () => {
  const text = JSON.stringify(makeTemplate().toJSON());
  expect(text).not.toMatch(/SignIn|oauth/);
});

test('the bundle of sign-in is at most 200 kB, without the AWS SDK and node:http', () => {
  const code = bundledCode(moduleOf('lambdas/entry/sign-in'), pathOf('hallpass.config.ts'));
  const text = bundleIn(makeApp({ bundles: true }), code);
  expect(text.length).toBeLessThanOrEqual(200_000);
  expect(text.length).toBeGreaterThan(50_000);
  expect(text).not.toContain('aws-sdk');
  expect(text).not.toMatch(/from\s*"(node:)?http"/);
});
