import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, expect, test } from 'vitest';
import { callDynamoDb, callSecretsManager } from '../../../adapters/aws/https-call.ts';
import { type AwsService, answering, startAwsService } from '../../support/aws-service.ts';

const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'x', sessionToken: 'a-session' };
const PLACE = { region: 'eu-central-1', credentials: CREDENTIALS };
const COMPARED = ['content-type', 'content-length', 'x-amz-target', 'x-amz-security-token', 'host'];

let service: AwsService;
afterEach(() => service.close());

/** The requests that the service got first and second: body, and the headers that AWS reads. */
const bothRequests = () =>
  service.requests.map(({ headers, ...rest }) => [rest, COMPARED.map((name) => headers[name])]);

test('sends to DynamoDB what its SDK client sends: bytes, not characters, are counted', async () => {
  service = await startAwsService(answering(200, '{}'));
  const client = new DynamoDBClient({ ...PLACE, endpoint: service.url });
  const input = { TableName: 'usage', Item: { pk: { S: 'Zoë 🎓' } } };

  await client.send(new PutItemCommand(input));
  await callDynamoDb({ ...PLACE, dynamodbUrl: service.url }, 10_000)('PutItem', input);

  const [bySdk, byCall] = bothRequests();
  expect(byCall).toEqual(bySdk);
  expect(service.requests[1]?.headers['content-length']).toBe('53');
  expect(service.requests[1]?.headers['transfer-encoding']).toBeUndefined();
});

test('sends to Secrets Manager what its SDK client sends', async () => {
  service = await startAwsService(answering(200, '{"SecretString":"s"}'));
  const client = new SecretsManagerClient({ ...PLACE, endpoint: service.url });

  await client.send(new GetSecretValueCommand({ SecretId: 'a' }));
  const call = callSecretsManager({ ...PLACE, secretsManagerUrl: service.url }, 10_000);
  await call('GetSecretValue', { SecretId: 'a' });

  const [bySdk, byCall] = bothRequests();
  expect(byCall).toEqual(bySdk);
});
