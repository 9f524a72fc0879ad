import { readFileSync } from 'node:fs';
import https from 'node:https';
import tls from 'node:tls';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type AwsCall,
  AwsCallError,
  type SecretsEndpoint,
  type TablesEndpoint,
} from '../../adapters/aws/aws-call.ts';
import {
  type AnswerRequest,
  type AwsService,
  answering,
  startAwsService,
  writing,
} from '../support/aws-service.ts';
import { expectedAuthorization } from '../support/sigv4.ts';

/** Makes an adapter's calls. */
export interface AwsCallsUnderTest {
  dynamodb(endpoint: TablesEndpoint, timeoutMs: number): AwsCall;
  secretsManager(endpoint: SecretsEndpoint, timeoutMs: number): AwsCall;
}

const CREDENTIALS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'canary/of-the/secret-key',
  sessionToken: 'canary-of-the-session',
};
const REGION = 'eu-central-1';
const TIMEOUT_MS = 10_000;
/** The time of calls to a server that does not answer. */
const SHORT_MS = 60;

const GET = { TableName: 'wallets', Key: { pk: { S: 'canary-of-the-input' } } };
const UPDATE = {
  ...GET,
  UpdateExpression: 'SET n = :n',
  ConditionExpression: 'n < :n',
  ExpressionAttributeValues: { ':n': { N: '12345678901234567890123456789012345678' } },
};
const ITEM = { pk: { S: 'a' }, n: { N: '12345678901234567890123456789012345678' } };

/** Holds each adapter to AWS to the same answers and faults, and to errors without secrets. */
export function describeAwsCalls(name: string, adapter: AwsCallsUnderTest): void {
  const services: AwsService[] = [];
  afterEach(async () => {
    for (const service of services.splice(0)) await service.close();
  });

  const serve = async (answer: AnswerRequest): Promise<AwsService> => {
    const service = await startAwsService(answer);
    services.push(service);
    return service;
  };
  const callTo = (url: string, timeoutMs = TIMEOUT_MS): AwsCall =>
    adapter.dynamodb({ dynamodbUrl: url, region: REGION, credentials: CREDENTIALS }, timeoutMs);
  const secretsCallTo = (secretsManagerUrl: string): AwsCall =>
    adapter.secretsManager(
      { secretsManagerUrl, region: REGION, credentials: CREDENTIALS },
      TIMEOUT_MS,
    );

  describe(`a call of AWS ${name}`, () => {
    test('sends the operation and its input, signed, and returns the output', async () => {
      const service = await serve(answering(200, JSON.stringify({ Attributes: ITEM })));

      const output = await callTo(service.url)('UpdateItem', UPDATE);

      expect(output).toEqual({ Attributes: ITEM });
      const [request] = service.requests;
      expect(request).toMatchObject({
        method: 'POST',
        path: '/',
        headers: {
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-target': 'DynamoDB_20120810.UpdateItem',
          'x-amz-security-token': 'canary-of-the-session',
        },
      });
      expect(JSON.parse(request?.body ?? '')).toEqual(UPDATE);
      expect(request && expectedAuthorization(request, CREDENTIALS)).toBe(
        request?.headers.authorization,
      );
      expect(request?.headers.authorization).toContain('/eu-central-1/dynamodb/aws4_request');
    });

    test('speaks the protocol of Secrets Manager to Secrets Manager', async () => {
      const service = await serve(answering(200, '{"SecretString":"Zoë 🎓"}'));

      const output = await secretsCallTo(service.url)('GetSecretValue', { SecretId: 'ключ' });

      expect(output).toEqual({ SecretString: 'Zoë 🎓' });
      const [request] = service.requests;
      expect(request).toMatchObject({
        headers: {
          'content-type': 'application/x-amz-json-1.1',
          'x-amz-target': 'secretsmanager.GetSecretValue',
        },
        body: '{"SecretId":"ключ"}',
      });
      expect(request && expectedAuthorization(request, CREDENTIALS)).toBe(
        request?.headers.authorization,
      );
      expect(request?.headers.authorization).toContain('/eu-central-1/secretsmanager/aws4_request');
    });

    test('uses one connection for calls that follow each other', async () => {
      const service = await serve(answering(200, '{}'));
      const call = callTo(service.url);

      for (let nth = 0; nth < 4; nth += 1) await call('GetItem', GET);

      expect(service.connections()).toBe(1);
    });

    test('opens 256 connections at most and answers more calls at once than that', async () => {
      const service = await serve(answering(200, '{"Item":{"pk":{"S":"a"}}}'));
      const call = callTo(service.url, 60_000);

      const answers = await Promise.all(Array.from({ length: 300 }, () => call('GetItem', GET)));

      expect(answers.every(({ Item }) => Item !== undefined)).toBe(true);
      expect(service.connections()).toBeLessThanOrEqual(256);
    });

    test('hands over the item that a condition failed on', async () => {
      const service = await serve(
        failing(400, 'com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException', {
          message: 'The conditional request failed',
          Item: ITEM,
        }),
      );

      const error = await failureOf(callTo(service.url)('UpdateItem', UPDATE));

      expect(error.name).toBe('ConditionalCheckFailedException');
      expect(error.status).toBe(400);
      expect(error.body.Item).toEqual(ITEM);
      expect(error.message).toBe('UpdateItem: ConditionalCheckFailedException (400)');
      expect(error.cause).toBeUndefined();
    });

    test('hands over the reasons for which a transaction was cancelled', async () => {
      const reasons = [
        { Code: 'ConditionalCheckFailed', Message: 'no', Item: ITEM },
        { Code: 'None' },
      ];
      const service = await serve(
        failing(400, 'com.amazonaws.dynamodb.v20120810#TransactionCanceledException', {
          Message: 'Transaction cancelled',
          CancellationReasons: reasons,
        }),
      );

      const error = await failureOf(
        callTo(service.url)('TransactWriteItems', { TransactItems: [{ Update: UPDATE }] }),
      );

      expect(error.name).toBe('TransactionCanceledException');
      expect(error.body.CancellationReasons).toMatchObject(reasons);
    });

    test.each([
      [400, 'com.amazon.coral.availability#ThrottlingException', 'ThrottlingException'],
      [
        400,
        'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
        'ProvisionedThroughputExceededException',
      ],
      [400, 'com.amazon.coral.service#ExpiredTokenException', 'ExpiredTokenException'],
      [400, 'com.amazon.coral.service#UnrecognizedClientException', 'UnrecognizedClientException'],
      [400, 'com.amazon.coral.service#AccessDeniedException', 'AccessDeniedException'],
      [400, 'ResourceNotFoundException', 'ResourceNotFoundException'],
      [500, 'com.amazonaws.dynamodb.v20120810#InternalServerError', 'InternalServerError'],
      [503, 'com.amazonaws#ServiceUnavailable:http://example.com/', 'ServiceUnavailable'],
    ])(
      'names a %i of the type %s by its last word, after one attempt',
      async (status, type, name) => {
        const service = await serve(failing(status, type, { message: 'no' }));

        for (const [operation, input] of [
          ['UpdateItem', UPDATE],
          ['GetItem', GET],
        ] as const) {
          const error = await failureOf(callTo(service.url)(operation, input));
          expect(error.message).toBe(`${operation}: ${name} (${status})`);
        }
        expect(service.requests).toHaveLength(2);
      },
    );

    test.each([
      ['HTML of a proxy in between', 502, '<html>canary-of-the-answer</html>'],
      ['a 200 that is not JSON', 200, '{"Item":{"pk":{"S":"canary-of-the-answer"'],
      ['JSON that is not an object', 200, '"canary-of-the-answer"'],
      ['a list', 200, '["canary-of-the-answer"]'],
      ['a 200 without a body', 200, ''],
      ['an error without a name', 500, '{"message":"canary-of-the-answer"}'],
    ])('names %s unreadable', async (_what, status, body) => {
      const service = await serve(answering(status, body));

      const error = await failureOf(callTo(service.url)('UpdateItem', UPDATE));

      expect(error.message).toBe(`UpdateItem: UnreadableResponse (${status})`);
      expectNoCanary(error);
      expect(service.requests).toHaveLength(1);
    });

    test.each<[what: string, name: string, answer: AnswerRequest]>([
      ['is no HTTP', 'NetworkError', writing('SSH-2.0-canary-of-the-answer\r\n\r\n')],
      [
        'has chunks without a size',
        'NetworkError',
        writing('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\ncanary-of-the-answer'),
      ],
      [
        'has a head without an end',
        'NetworkError',
        writing(`HTTP/1.1 200 OK\r\nx: ${'canary-of-the-answer'.repeat(5_000)}`),
      ],
      ['is lost with its connection', 'NetworkError', (response) => response.destroy()],
      [
        'breaks off half way',
        'NetworkError',
        (response) => {
          response.writeHead(200, { 'content-length': '100' }).write('{"a":"canary-of-the-answer');
          setImmediate(() => response.destroy());
        },
      ],
      [
        'is larger than 4 MB',
        'ResponseTooLarge',
        answering(200, JSON.stringify({ text: 'canary-of-the-answer'.repeat(220_000) })),
      ],
    ])(
      'reports an answer that %s as %s, and does not repeat the write',
      async (_what, name, answer) => {
        const service = await serve(answer);

        const error = await failureOf(callTo(service.url)('UpdateItem', UPDATE));

        expect(error.message).toBe(`UpdateItem: ${name} (0)`);
        expectNoCanary(error);
        expect(service.requests).toHaveLength(1);
      },
    );

    // guarantee: table-silent-before, table-fails-long
    test.each<[what: string, answer: AnswerRequest]>([
      ['never comes', () => {}],
      [
        'stops half way',
        (response) => response.writeHead(200, { 'content-length': '100' }).write('{"Item":'),
      ],
    ])('ends in time when the answer %s, and is not repeated', async (_what, answer) => {
      const service = await serve(answer);

      const error = await failureOf(callTo(service.url, SHORT_MS)('GetItem', GET));
      expect(error.message).toBe('GetItem: TimeoutError (0)');
      expectNoCanary(error);

      const sooner = await failureOf(callTo(service.url)('UpdateItem', UPDATE, SHORT_MS));
      expect(sooner.message).toBe('UpdateItem: TimeoutError (0)');
      expect(service.requests.length).toBeLessThanOrEqual(2);
    });

    test('never takes more time than it was made with', async () => {
      const service = await serve(() => {});
      const call = callTo(service.url, SHORT_MS);

      const error = await failureOf(call('UpdateItem', UPDATE, 600_000));

      expect(error.name).toBe('TimeoutError');
    });

    test('repeats a read once, on a new connection, when the kept one has gone stale', async () => {
      const service = await serve((response, nth) => {
        if (nth === 1) response.destroy();
        else response.end('{}');
      });
      const call = callTo(service.url);

      await call('GetItem', GET);
      expect(await call('GetItem', GET)).toEqual({});

      expect(service.requests).toHaveLength(3);
      expect(service.connections()).toBe(2);
    });

    test('sends a read twice at most', async () => {
      const service = await serve((response) => response.destroy());

      const error = await failureOf(callTo(service.url)('GetItem', GET));

      expect(error.message).toBe('GetItem: NetworkError (0)');
      expect(service.requests).toHaveLength(2);
    });

    test('reports a NetworkError where nobody listens', async () => {
      const error = await failureOf(callTo('http://127.0.0.1:1')('UpdateItem', UPDATE));

      expect(error.message).toBe('UpdateItem: NetworkError (0)');
      expectNoCanary(error);
    });

    test('refuses credentials that cannot stand in a header, without quoting them', async () => {
      const service = await serve(answering(200, '{}'));
      const credentials = { ...CREDENTIALS, sessionToken: 'canary\r\nx-injected: yes' };
      const endpoint = { dynamodbUrl: service.url, region: REGION, credentials };

      const error = await reasonOf(adapter.dynamodb(endpoint, TIMEOUT_MS)('GetItem', GET));

      expect(error).toBeInstanceOf(TypeError);
      expectNoCanary(error);
      expect(service.requests).toEqual([]);
    });

    test('trusts a server over TLS by its certificate alone', async () => {
      const cert = readFixture('localhost-certificate.pem');
      const options = { cert, key: readFixture('localhost-key.pem') };
      const service = await startAwsService(answering(200, '{}'), (listener) =>
        https.createServer(options, listener),
      );
      services.push(service);
      const url = service.url.replace('http://127.0.0.1', 'https://localhost');
      const error = await failureOf(callTo(url)('UpdateItem', UPDATE));
      expect(error.message).toBe('UpdateItem: NetworkError (0)');

      const authorities = tls.getCACertificates();
      tls.setDefaultCACertificates([cert]);
      try {
        expect(await callTo(url)('UpdateItem', UPDATE)).toEqual({});
      } finally {
        tls.setDefaultCACertificates(authorities);
      }
    });
  });
}

const failing = (status: number, type: string, more: object): AnswerRequest =>
  answering(status, JSON.stringify({ __type: type, ...more }));

const readFixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');

const reasonOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );

async function failureOf(promise: Promise<unknown>): Promise<AwsCallError> {
  const error = await reasonOf(promise);
  if (error instanceof AwsCallError) return error;
  throw new TypeError('expected an AwsCallError', { cause: error });
}

/** Looks at the whole error: message, stack, cause, and hidden properties that libraries add. */
const expectNoCanary = (error: unknown): void =>
  expect(inspect(error, { depth: null, showHidden: true })).not.toContain('canary');
