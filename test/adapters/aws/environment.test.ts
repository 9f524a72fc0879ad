import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { describe, expect, test } from 'vitest';
import {
  accountOfDeployment,
  awsUrl,
  findAwsCredentials,
  readEnvironment,
} from '../../../adapters/aws/environment.ts';

const VARIABLES = {
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'id',
  AWS_SECRET_ACCESS_KEY: 'secret',
  HALLPASS_KEYS_TABLE: 'Keys',
  HALLPASS_WALLETS_TABLE: 'Wallets',
  HALLPASS_USAGE_TABLE: 'Usage',
  HALLPASS_SECRET_PREFIX: 'hallpass/one',
  HALLPASS_DEPLOYMENT: 'arn:aws:cloudformation:eu-central-1:123456789012:stack/Hallpass/1',
};

describe('readEnvironment', () => {
  test('reads names and finds the services of the region', () => {
    expect(readEnvironment(VARIABLES)).toMatchObject({
      keysTable: 'Keys',
      region: 'eu-central-1',
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
      dynamodbUrl: 'https://dynamodb.eu-central-1.amazonaws.com',
      secretsManagerUrl: 'https://secretsmanager.eu-central-1.amazonaws.com',
      providerUrls: {},
    });
  });

  test('reads the session token of temporary credentials', () => {
    const { credentials } = readEnvironment({ ...VARIABLES, AWS_SESSION_TOKEN: 'session' });
    expect(credentials).toEqual({
      accessKeyId: 'id',
      secretAccessKey: 'secret',
      sessionToken: 'session',
    });
  });

  test.each(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'])('requires %s', (name) => {
    expect(() => readEnvironment({ ...VARIABLES, [name]: '' })).toThrow(
      `environment variable "${name}" is not set`,
    );
    expect(findAwsCredentials({ ...VARIABLES, [name]: '' })).toBeUndefined();
  });

  test('names the missing variable', () => {
    expect(() => readEnvironment({ ...VARIABLES, HALLPASS_USAGE_TABLE: '' })).toThrow(
      'environment variable "HALLPASS_USAGE_TABLE" is not set',
    );
  });

  test('reads other base URLs of providers', () => {
    const HALLPASS_PROVIDER_URLS = '{"openai":"http://127.0.0.1:9/v1"}';
    expect(readEnvironment({ ...VARIABLES, HALLPASS_PROVIDER_URLS }).providerUrls).toEqual({
      openai: 'http://127.0.0.1:9/v1',
    });
  });
});

describe('accountOfDeployment', () => {
  test('does not reveal the AWS account, and differs by deployment', () => {
    const account = accountOfDeployment(VARIABLES.HALLPASS_DEPLOYMENT);
    expect(account).toMatch(/^acct_[A-Za-z0-9]{16}$/);
    expect(account).not.toContain('123456789012');
    expect(accountOfDeployment('another')).not.toBe(account);
  });
});

describe('awsUrl', () => {
  test.each([
    ['eu-central-1', {}, 'https://dynamodb.eu-central-1.amazonaws.com'],
    ['us-gov-west-1', {}, 'https://dynamodb.us-gov-west-1.amazonaws.com'],
    ['cn-north-1', {}, 'https://dynamodb.cn-north-1.amazonaws.com.cn'],
    ['eusc-de-east-1', {}, 'https://dynamodb.eusc-de-east-1.amazonaws.eu'],
    [
      'us-east-1',
      { AWS_USE_FIPS_ENDPOINT: 'true' },
      'https://dynamodb-fips.us-east-1.amazonaws.com',
    ],
    ['us-east-1', { AWS_ENDPOINT_URL: 'http://127.0.0.1:4566' }, 'http://127.0.0.1:4566'],
    [
      'us-east-1',
      { AWS_ENDPOINT_URL: 'http://127.0.0.1:4566', AWS_ENDPOINT_URL_DYNAMODB: 'http://10.0.0.1' },
      'http://10.0.0.1',
    ],
  ])('in %s with %j is %s', (region, variables, url) => {
    expect(awsUrl('dynamodb', region, variables)).toBe(url);
  });

  const REGIONS = ['us-east-1', 'us-gov-west-1', 'us-gov-east-1', 'cn-north-1', 'eusc-de-east-1'];

  test.each(REGIONS)('in %s is what AWS’s SDK chooses, with FIPS and without', (region) => {
    for (const useFips of [false, true]) {
      const variables = useFips ? { AWS_USE_FIPS_ENDPOINT: 'true' } : {};
      const ask = { Region: region, UseFIPS: useFips, UseDualStack: false };
      for (const [service, client] of [
        ['dynamodb', new DynamoDBClient({ region })],
        ['secretsmanager', new SecretsManagerClient({ region })],
      ] as const) {
        const { url } = client.config.endpointProvider(ask);
        expect(`${awsUrl(service, region, variables)}/`).toBe(url.href);
      }
    }
  });

  test.each([
    ['sts', 'https://sts.us-gov-west-1.amazonaws.com'],
    ['sns', 'https://sns.us-gov-west-1.amazonaws.com'],
  ] as const)('of %s in GovCloud has no FIPS host of its own', (service, url) => {
    const variables = { AWS_USE_FIPS_ENDPOINT: 'true' };
    expect(awsUrl(service, 'us-gov-west-1', variables)).toBe(url);
  });
});
