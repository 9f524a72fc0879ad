import { createHash, createHmac } from 'node:crypto';
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, expect, test } from 'vitest';
import { type AwsCall, AwsCallError, makeAwsCall } from '../../../adapters/aws/aws-call.ts';

const CREDENTIALS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: 'a-session-token',
};

interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const servers: Server[] = [];
const recorded: Recorded[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  recorded.length = 0;
});

/** A service on loopback that records what it gets before it answers. */
async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    recorded.push({
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body,
    });
    answer(request, response);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answering =
  (status: number, body: string): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(body);
  };

const makeCall = (url: string, service: 'dynamodb' | 'secretsmanager' = 'dynamodb'): AwsCall =>
  makeAwsCall({
    url,
    service,
    targetPrefix: service === 'dynamodb' ? 'DynamoDB_20120810' : 'secretsmanager',
    region: 'eu-central-1',
    credentials: CREDENTIALS,
    timeoutMs: 5_000,
  });

async function failureOf(promise: Promise<unknown>): Promise<AwsCallError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof AwsCallError)) throw new TypeError('expected an AwsCallError');
  return error;
}

const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();
const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * What AWS works out for a request (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html),
 * written from that page alone.
 */
function expectedAuthorization({ method, path, headers, body }: Recorded): string {
  const authorization = String(headers.authorization);
  const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1] ?? '';
  const scope = /Credential=[^/]+\/([^,]+)/.exec(authorization)?.[1] ?? '';
  const canonicalHeaders = names
    .split(';')
    .map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const canonical = [method, path, '', canonicalHeaders.join(''), names, hash(body)].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hash(canonical)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${CREDENTIALS.secretAccessKey}`);
  const signature = hmac(key, toSign).toString('hex');
  return `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/${scope}, SignedHeaders=${names}, Signature=${signature}`;
}

test('signs as the SDK client for DynamoDB signs, and says what the JSON protocol asks for', async () => {
  const url = await serve(answering(200, '{"TableNames":[]}'));
  const client = new DynamoDBClient({
    endpoint: url,
    region: 'eu-central-1',
    credentials: CREDENTIALS,
  });

  await client.send(new ListTablesCommand({ Limit: 7 }));
  await makeCall(url)('ListTables', { Limit: 7 });

  const [bySdk, byCall] = recorded;
  if (bySdk === undefined || byCall === undefined) throw new Error('two requests were expected');
  expect(bySdk.headers.authorization).toBe(expectedAuthorization(bySdk));
  expect(byCall.headers.authorization).toBe(expectedAuthorization(byCall));
  expect(byCall.headers.authorization).toContain('/eu-central-1/dynamodb/aws4_request');
  expect(byCall.headers.authorization).toContain(
    'SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target,',
  );
  expect(byCall.body).toBe(bySdk.body);
  for (const name of ['content-type', 'content-length', 'x-amz-target', 'x-amz-security-token']) {
    expect(byCall.headers[name], name).toBe(bySdk.headers[name]);
  }
  expect(byCall.headers['transfer-encoding']).toBeUndefined();
});

test('speaks JSON 1.1 to Secrets Manager, as its SDK client does', async () => {
  const url = await serve(answering(200, '{"SecretString":"s"}'));
  const client = new SecretsManagerClient({
    endpoint: url,
    region: 'eu-central-1',
    credentials: CREDENTIALS,
  });

  await client.send(new GetSecretValueCommand({ SecretId: 'a' }));
  await makeCall(url, 'secretsmanager')('GetSecretValue', { SecretId: 'a' });

  const [bySdk, byCall] = recorded;
  if (bySdk === undefined || byCall === undefined) throw new Error('two requests were expected');
  expect(byCall.headers.authorization).toBe(expectedAuthorization(byCall));
  expect(byCall.headers['content-type']).toBe('application/x-amz-json-1.1');
  expect(byCall.headers['x-amz-target']).toBe(bySdk.headers['x-amz-target']);
});

test('counts bytes, not characters, in the length it sends', async () => {
  const url = await serve(answering(200, '{}'));

  await makeCall(url)('PutItem', { name: 'Zoë 🎓' });

  expect(recorded[0]?.body).toBe('{"name":"Zoë 🎓"}');
  expect(recorded[0]?.headers['content-length']).toBe('20');
});

test('uses one connection for calls that follow each other', async () => {
  const url = await serve(answering(200, '{}'));
  let connections = 0;
  servers[0]?.on('connection', () => {
    connections += 1;
  });
  const call = makeCall(url);

  await call('ListTables', {});
  await call('ListTables', {});
  await call('ListTables', {});

  expect(connections).toBe(1);
});

test('names an error by what stands after the "#" and hands over the body', async () => {
  const body =
    '{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed","Item":{"pk":{"S":"secret-canary"}}}';
  const url = await serve(answering(400, body));

  const error = await failureOf(makeCall(url)('UpdateItem', { value: 'request-canary' }));

  expect(error.name).toBe('ConditionalCheckFailedException');
  expect(error.status).toBe(400);
  expect(error.body.Item).toEqual({ pk: { S: 'secret-canary' } });
  expect(error.message).toBe('UpdateItem: ConditionalCheckFailedException (400)');
  expect(error.cause).toBeUndefined();
});

test.each([
  ['a bare name', 400, '{"__type":"ResourceNotFoundException"}', 'ResourceNotFoundException'],
  ['HTML of a proxy in between', 502, '<html>bad gateway</html>', 'UnreadableResponse'],
  ['a 200 that is not JSON', 200, '{"Item":', 'UnreadableResponse'],
  ['JSON that is not an object', 200, '7', 'UnreadableResponse'],
  ['no name', 500, '{}', 'UnreadableResponse'],
])('names an answer with %s', async (_what, status, body, name) => {
  const url = await serve(answering(status, body));

  const error = await failureOf(makeCall(url)('GetItem', {}));

  expect(error.name).toBe(name);
  expect(error.status).toBe(status);
});

test('names an answer that does not come in time', async () => {
  const url = await serve(() => undefined);

  const error = await failureOf(makeShortCall(url)('GetItem', {}));

  expect(error.message).toBe('GetItem: TimeoutError (0)');
});

// guarantee: table-fails-long
test('gives a call less time when it is told to', async () => {
  const url = await serve(() => undefined);
  const startedAtMs = performance.now();

  const error = await failureOf(makeCall(url)('UpdateItem', {}, 20));

  expect(error.name).toBe('TimeoutError');
  expect(performance.now() - startedAtMs).toBeLessThan(2_500);
});

test('names an answer whose body stops half way and does not come in time', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{"Item":');
  });

  const error = await failureOf(makeShortCall(url)('GetItem', {}));

  expect(error.name).toBe('TimeoutError');
});

test('names an answer that is cut off', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{"Item":');
    setImmediate(() => response.destroy());
  });

  const error = await failureOf(makeCall(url)('GetItem', {}));

  expect(error.name).toBe('NetworkError');
});

test.each([
  ['a read, once more', 'GetItem', 2],
  ['a write, never: its attempts must be told apart', 'UpdateItem', 1],
])('sends %s when the connection breaks', async (_what, operation, times) => {
  const url = await serve((_request, response) => {
    response.destroy();
  });

  const error = await failureOf(makeCall(url)(operation, {}));

  expect(error.name).toBe('NetworkError');
  expect(recorded).toHaveLength(times);
});

test('stops reading an answer that is larger than any of AWS', async () => {
  const url = await serve(answering(200, JSON.stringify({ text: 'x'.repeat(4 * 1024 * 1024) })));

  const error = await failureOf(makeCall(url)('Query', {}));

  expect(error.name).toBe('ResponseTooLarge');
});

const makeShortCall = (url: string): AwsCall =>
  makeAwsCall({
    url,
    service: 'dynamodb',
    targetPrefix: 'DynamoDB_20120810',
    region: 'eu-central-1',
    credentials: CREDENTIALS,
    timeoutMs: 50,
  });
