import { readFileSync } from 'node:fs';
import { Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { InterfaceVpcEndpoint, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { describe, expect, test } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import { Hallpass } from '../../lib/hallpass.ts';
import { type HallpassProps, readContextProps } from '../../lib/props.ts';
import { findProblems } from '../support/resource-spec.ts';
import { makeApp, makeTemplate } from '../support/stack.ts';

const config = defineConfig({ providers: { openai: {} } });

/** A stack of someone's own with a gateway in it. */
function inOwnStack(settings: (stack: Stack) => Partial<HallpassProps>) {
  const stack = new Stack(makeApp(), 'Own');
  const hallpass = new Hallpass(stack, 'Gateway', { config, ...settings(stack) });
  return { stack, hallpass, template: () => Template.fromStack(stack) };
}

describe('a gateway in a stack of one’s own', () => {
  test('has the outputs that the command line looks for, and shows its parts', () => {
    const { hallpass, template } = inOwnStack(() => ({}));
    const { Outputs } = template().toJSON();
    expect(Object.keys(Outputs)).toContain('SecretPrefix');
    expect(hallpass.alarms).toHaveLength(12);
    expect(hallpass.baseUrl).toContain('/v1');
    expect(hallpass.functions.proxy.node.id).toBe('Proxy');
    expect(hallpass.tables.keys.node.id).toBe('Keys');
  });

  test('keeps its configuration in the template, where the command line reads it', () => {
    const limits = ['user:usd:week=5'];
    const own = defineConfig({ account: 'acct:dev', providers: {}, defaults: { limits } });
    const { Metadata } = inOwnStack(() => ({ config: own }))
      .template()
      .toJSON();
    expect(defineConfig(Metadata.HallpassConfig)).toEqual(own);
  });

  test('lets a role read one key, to sign tokens with it', () => {
    const { stack, hallpass, template } = inOwnStack(() => ({}));
    const role = new Role(stack, 'Role', { assumedBy: new ServicePrincipal('ecs.amazonaws.com') });
    hallpass.grantIssue(role, 'k1');
    const policies = JSON.stringify(template().findResources('AWS::IAM::Policy'));
    expect(policies).toContain('/key/k1-??????');
    expect(policies).toContain('/key/k1/own-*');
    expect(policies).not.toContain('/key/k1*');
  });

  test('does not serve a provider that only this machine reaches', () => {
    const own = defineConfig({ providers: { openai: {}, ollama: { auth: 'none' } } });
    const { Metadata } = inOwnStack(() => ({ config: own }))
      .template()
      .toJSON();
    expect(Object.keys(Metadata.HallpassConfig.providers)).toEqual(['openai']);
    const first = defineConfig({ providers: { ollama: {} }, defaultProvider: 'ollama' });
    expect(() => inOwnStack(() => ({ config: first }))).toThrow(
      '"defaultProvider" must be reachable from AWS, got "ollama", which is on this machine',
    );
  });
});

describe('a prop', () => {
  test('names the stage', () => {
    makeTemplate({ stageName: 'dev' }).hasResourceProperties('AWS::ApiGateway::Stage', {
      StageName: 'dev',
    });
  });

  test('gives the API a host name and a base path', () => {
    const { template } = inOwnStack((stack) => ({
      domain: {
        name: 'llm.example.edu',
        certificate: Certificate.fromCertificateArn(stack, 'Certificate', 'arn:aws:acm:a:1:c/d'),
        basePath: 'ai',
      },
    }));
    template().hasResourceProperties('AWS::ApiGateway::DomainName', {
      DomainName: 'llm.example.edu',
      EndpointConfiguration: { Types: ['REGIONAL'] },
      SecurityPolicy: 'TLS_1_2',
    });
    template().hasResourceProperties('AWS::ApiGateway::BasePathMapping', { BasePath: 'ai' });
    template().hasOutput('BaseUrl', { Value: 'https://llm.example.edu/ai/v1' });
  });

  test('puts a web ACL in front of the stage', () => {
    const webAclArn = 'arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/a/b';
    makeTemplate({ webAclArn }).hasResourceProperties('AWS::WAFv2::WebACLAssociation', {
      WebACLArn: webAclArn,
    });
  });

  test('puts functions into a network, and the API behind an endpoint of it', () => {
    const { template } = inOwnStack((stack) => {
      const vpc = Vpc.fromVpcAttributes(stack, 'Vpc', {
        vpcId: 'vpc-1',
        vpcCidrBlock: '10.0.0.0/16',
        availabilityZones: ['eu-west-1a'],
        privateSubnetIds: ['subnet-1'],
      });
      const privateEndpoint = new InterfaceVpcEndpoint(stack, 'Endpoint', {
        vpc,
        service: { name: 'com.amazonaws.eu-west-1.execute-api', port: 443 },
      });
      return { network: { vpc }, privateEndpoint };
    });
    template().hasResourceProperties('AWS::Lambda::Function', {
      Description: 'Hallpass proxy',
      VpcConfig: Match.objectLike({ SubnetIds: Match.anyValue() }),
    });
    template().hasResourceProperties('AWS::ApiGateway::RestApi', {
      EndpointConfiguration: Match.objectLike({ Types: ['PRIVATE'] }),
      Policy: Match.objectLike({ Statement: [Match.objectLike({ Effect: 'Allow' })] }),
    });
    expect(findProblems(template().toJSON() as never)).toEqual([]);
  });

  test('sets memory and retention of one function, and traces', () => {
    const template = makeTemplate({
      functions: { authorizer: { memoryMiB: 1024, logRetention: RetentionDays.ONE_WEEK } },
      tracing: true,
    });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Description: 'Hallpass authorizer',
      MemorySize: 1024,
      TracingConfig: { Mode: 'Active' },
    });
    template.hasResourceProperties('AWS::Logs::LogGroup', { RetentionInDays: 7 });
    template.hasResourceProperties('AWS::ApiGateway::Stage', { TracingEnabled: true });
  });

  test('throttles each route that calls a provider', () => {
    const throttles = { models: { requestsPerSecondMax: 5, burstMax: 6 } };
    const stages = makeTemplate({ throttles }).findResources('AWS::ApiGateway::Stage');
    const settings: readonly { ThrottlingRateLimit: number; ResourcePath: string }[] =
      Object.values(stages).flatMap(({ Properties }) => Properties.MethodSettings);
    const found = settings.filter(({ ThrottlingRateLimit }) => ThrottlingRateLimit === 5);
    expect(found.map(({ ResourcePath }) => ResourcePath).toSorted()).toEqual([
      '/~1v1beta~1models~1{proxy+}',
      '/~1v1~1chat~1completions',
      '/~1v1~1embeddings',
      '/~1v1~1messages',
      '/~1v1~1messages~1count_tokens',
      '/~1v1~1models~1{proxy+}',
      '/~1v1~1responses',
    ]);
  });

  test('goes on with the tables, secrets and account of an earlier gateway', () => {
    const template = makeTemplate({
      existing: {
        keysTable: 'old-keys',
        walletsTable: 'old-wallets',
        usageTable: 'old-usage',
        secretPrefix: 'hallpass/Old/1234',
        deployment: 'arn:old',
      },
    });
    template.resourceCountIs('AWS::DynamoDB::Table', 0);
    template.hasOutput('KeysTable', { Value: 'old-keys' });
    template.hasOutput('SecretPrefix', { Value: 'hallpass/Old/1234' });
    template.hasOutput('Deployment', { Value: 'arn:old' });
    const policies = JSON.stringify(template.findResources('AWS::IAM::Policy'));
    expect(policies).toContain('secret:hallpass/Old/1234/key/*');
  });

  test('calls AWS at endpoints with FIPS-validated cryptography', () => {
    const environments = Object.values(
      makeTemplate({ fipsEndpoints: true }).findResources('AWS::Lambda::Function'),
    ).map(({ Properties }) => Properties.Environment?.Variables?.AWS_USE_FIPS_ENDPOINT);
    expect(environments.filter((value) => value === 'true')).toHaveLength(4);
  });

  test.each<[object, string]>([
    [{ streamsMax: 0 }, '"streamsMax" must be a whole number from 1 to 10000, got 0'],
    [{ streamsMax: 2.5 }, '"streamsMax" must be a whole number from 1 to 10000, got 2.5'],
    [
      { requestsPerSecondMax: 10_001 },
      '"requestsPerSecondMax" must be a whole number from 1 to 10000, got 10001',
    ],
    [{ burstMax: 5_001 }, '"burstMax" must be a whole number from 1 to 5000, got 5001'],
    [{ tracing: 'false' }, '"tracing" must be true or false, got "false"'],
    [{ dashboard: 0 }, '"dashboard" must be true or false, got 0'],
    [
      { existing: { keyTable: 'old' } },
      '"existing" may hold keysTable, walletsTable, usageTable, signInTable, secretPrefix, deployment, got "keyTable"',
    ],
    [
      { existing: { usageTable: 'a b' } },
      '"existing.usageTable" must be the name of a table, got "a b"',
    ],
    [
      { existing: { secretPrefix: 'hallpass/Old/' } },
      '"existing.secretPrefix" must be the output "SecretPrefix", got "hallpass/Old/"',
    ],
    [{ stageName: 'a b' }, '"stageName" must be 1 to 128 of A-Za-z0-9_-, got "a b"'],
    [{ webAclArn: 'acl' }, '"webAclArn" must be an ARN, got "acl"'],
    [
      { functions: { proxy: { memoryMiB: 127 } } },
      '"functions.proxy.memoryMiB" must be a whole number from 128 to 10240, got 127',
    ],
    [
      { throttles: { pages: { requestsPerSecondMax: 0, burstMax: 1 } } },
      '"throttles.pages.requestsPerSecondMax" must be a whole number from 1 to 10000, got 0',
    ],
  ])('is refused as in %j', (settings, message) => {
    expect(() => makeTemplate(settings as Partial<HallpassProps>)).toThrow(message);
  });

  test('may not hide a route behind the base path', () => {
    const domain = (stack: Stack) => ({
      name: 'a.example.edu',
      certificate: Certificate.fromCertificateArn(stack, 'Certificate', 'arn:aws:acm:a:1:c/d'),
      basePath: 'v1',
    });
    expect(() => inOwnStack((stack) => ({ domain: domain(stack) }))).toThrow(
      '"domain.basePath" must be 1 to 64 of A-Za-z0-9_- and none of v1, v1beta, assets, oauth, device, enrol, managed, me, console, got "v1"',
    );
  });
});

test('a host name of one’s own and a private endpoint are not for one API', () => {
  const both = (stack: Stack) => ({
    domain: {
      name: 'A.example.edu',
      certificate: Certificate.fromCertificateArn(stack, 'Certificate', 'arn:aws:acm:a:1:c/d'),
    },
    privateEndpoint: InterfaceVpcEndpoint.fromInterfaceVpcEndpointAttributes(stack, 'Endpoint', {
      vpcEndpointId: 'vpce-1',
      port: 443,
    }),
  });
  expect(() => inOwnStack(both)).toThrow('"domain.name" must be a lower-case host name');
  expect(() =>
    inOwnStack((stack) => {
      const { domain, privateEndpoint } = both(stack);
      return { domain: { ...domain, name: 'a.example.edu' }, privateEndpoint };
    }),
  ).toThrow('"domain" and "privateEndpoint" must not both be set');
});

test('each setting is on the page of deployment', () => {
  const [, source = ''] =
    /interface HallpassProps \{([\s\S]*?)\n\}/.exec(readFileSync('lib/props.ts', 'utf8')) ?? [];
  const names = [...source.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name = '']) => name);
  const rows = readFileSync('docs/deploy.md', 'utf8').match(/^\| `.*?` \|/gm) ?? [];
  const shown = rows.flatMap((row) => [...row.matchAll(/`(\w+)`/g)].map(([, name = '']) => name));
  expect(shown.toSorted()).toEqual(names.toSorted());
});

describe('the context', () => {
  test('may hold settings of text, number and yes, as an object or as JSON', () => {
    expect(readContextProps({ stageName: 'dev', streamsMax: 10 })).toEqual({
      stageName: 'dev',
      streamsMax: 10,
    });
    expect(readContextProps('{"setLogRole":true}')).toEqual({ setLogRole: true });
    expect(readContextProps(undefined)).toEqual({});
    expect(() => readContextProps({ alarmTopic: 'x' })).toThrow('got "alarmTopic"');
  });
});

describe('upgrades', () => {
  // guarantee: upgrades
  test('cdk.json sets every flag that the library recommends', () => {
    const path = 'node_modules/aws-cdk-lib/recommended-feature-flags.json';
    const flags = JSON.parse(readFileSync(path, 'utf8'));
    expect(JSON.parse(readFileSync('cdk.json', 'utf8')).context).toMatchObject(flags);
  });

  // guarantee: upgrades
  test('a changed authorizer makes a new deployment of the API, without any flag', () => {
    const deploymentOf = (id: string): string | undefined => {
      const stack = new Stack(makeApp(), 'Own');
      new Hallpass(stack, id, { config });
      return Object.keys(Template.fromStack(stack).findResources('AWS::ApiGateway::Deployment'))
        .at(0)
        ?.slice(-32);
    };
    expect(deploymentOf('First')).not.toBe(deploymentOf('Second'));
  });
});
