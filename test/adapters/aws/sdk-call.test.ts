import { inspect } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { AwsCallError } from '../../../adapters/aws/aws-call.ts';
import { callDynamoDbBySdk } from '../../../adapters/aws/sdk-call.ts';
import { type AwsService, answering, startAwsService } from '../../support/aws-service.ts';

const GET = { TableName: 'wallets', Key: { pk: { S: 'a' } } };

let service: AwsService;
afterEach(() => service.close());

async function callWith(
  credentials: () => Promise<never> | Promise<Credentials>,
  timeoutMs: number,
) {
  service = await startAwsService(answering(200, '{}'));
  const endpoint = { dynamodbUrl: service.url, region: 'eu-west-1', credentials };
  return callDynamoDbBySdk(endpoint, timeoutMs);
}

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly expiration?: Date;
}

test('signs with new credentials once the old ones have expired', async () => {
  let fetched = 0;
  const call = await callWith(async () => {
    fetched += 1;
    const expiration = new Date(Date.now() + (fetched === 1 ? 0 : 3_600_000));
    return { accessKeyId: `AKID${fetched}`, secretAccessKey: 'x', expiration };
  }, 10_000);

  for (let nth = 0; nth < 3; nth += 1) await call('GetItem', GET);

  const signers = service.requests.map(({ headers }) =>
    String(headers.authorization).slice(28, 33),
  );
  expect(signers.at(-1)).toBe('AKID2');
  expect(fetched).toBe(2);
});

test('names credentials that cannot be renewed, and sends nothing', async () => {
  const call = await callWith(async () => {
    throw Object.assign(new Error('canary'), { name: 'CredentialsProviderError' });
  }, 10_000);

  const error = await call('GetItem', GET).catch((reason: unknown) => reason);

  expect(error).toBeInstanceOf(AwsCallError);
  expect(String(error)).toBe('CredentialsProviderError: GetItem: CredentialsProviderError (0)');
  expect(inspect(error, { depth: null, showHidden: true })).not.toContain('canary');
  expect(service.requests).toEqual([]);
});

test('does not wait for credentials beyond its own time', async () => {
  const call = await callWith(() => new Promise<never>(() => {}), 50);
  await expect(call('GetItem', GET)).rejects.toThrow('GetItem: TimeoutError (0)');
});

test('refuses an operation that it does not know', async () => {
  const call = await callWith(async () => ({ accessKeyId: 'a', secretAccessKey: 'x' }), 10_000);
  await expect(call('DropEverything', {})).rejects.toThrow(
    '"DropEverything" is not among the SDK\'s commands',
  );
});
