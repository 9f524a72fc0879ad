import type { APIGatewayProxyEvent } from 'aws-lambda';
import { describe, expect, test } from 'vitest';
import {
  readGrant,
  readHeaders,
  readHttpRequest,
  readPath,
  toAuthorizerResult,
  toErrorResult,
  toJsonResult,
} from '../../../adapters/api-gateway/events.ts';
import type { Grant } from '../../../core/access/grant.ts';
import { encodeGrant, encodeRefusal } from '../../../core/access/grant-codec.ts';
import { GatewayError } from '../../../core/base/errors.ts';
import { asKeyId, asRequestId } from '../../../core/base/ids.ts';

const ARN = 'arn:aws:execute-api:eu-central-1:000000000000:api1/prod/POST/v1/chat/completions';
const GRANT: Grant = {
  account: 'acct_test',
  keyId: asKeyId('K1'),
  keyName: 'course',
  keyKind: 'server',
  credential: 'key',
  former: false,
  limits: [],
  maxTokenLifetimeSeconds: 604_800,
};
const event = (fields: object): APIGatewayProxyEvent => ({
  ...({
    httpMethod: 'POST',
    path: '/v1/chat/completions',
    headers: {},
    multiValueHeaders: {},
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    body: null,
    isBase64Encoded: false,
    pathParameters: null,
    stageVariables: null,
    resource: '/{proxy+}',
    requestContext: {},
  } as unknown as APIGatewayProxyEvent),
  ...fields,
});

describe('readHeaders', () => {
  test('joins all spellings of a name, and keeps each value', () => {
    const multiValueHeaders = { 'X-Api-Key': ['a', 'b'], 'x-api-key': ['c'], Accept: undefined };
    const headers = readHeaders({ headers: { 'x-api-key': 'c' }, multiValueHeaders });
    expect([...headers]).toEqual([
      ['x-api-key', ['a', 'b', 'c']],
      ['accept', []],
    ]);
  });

  test('takes an event without headers', () => {
    expect(readHeaders({ multiValueHeaders: null }).size).toBe(0);
  });

  test('are those of the plain form where there is no other, as is documented for authorizers', () => {
    const headers = readHeaders({ headers: { Authorization: 'Bearer a', Host: undefined } });
    expect([...headers]).toEqual([
      ['authorization', ['Bearer a']],
      ['host', []],
    ]);
  });
});

describe('the path', () => {
  test.each([
    ['/v1/key', '/{proxy+}', '/v1/key'],
    ['/v1/chat/completions', '/v1/chat/completions', '/v1/chat/completions'],
    ['/ai/v1/chat/completions', '/v1/chat/completions', '/v1/chat/completions'],
    ['/ai/v1/models/m:generateContent', '/v1/models/{proxy+}', '/v1/models/m:generateContent'],
    ['/ai/v1/models/a/v1/models/b', '/v1/models/{proxy+}', '/v1/models/a/v1/models/b'],
    ['/v1/models/x/v1/models/b', '/v1/models/{proxy+}', '/v1/models/x/v1/models/b'],
    ['/ai/v1/key', '/v1/{proxy+}', '/v1/key'],
    ['/v1-x/v1', '/v1', '/v1'],
    ['/ai/me', '/me', '/me'],
    ['/me-too/me', '/me', '/me'],
    ['/ai/me/', '/me', '/me/'],
    ['/ai', '/', '/'],
    ['/ai/', '/', '/'],
    ['/', '/', '/'],
  ])(
    '%s at the resource %s is %s: the base path of a domain is not of it',
    (path, resource, route) => {
      expect(readPath({ path, resource })).toBe(route);
    },
  );
});

describe('readHttpRequest', () => {
  test('reads method, path, query, headers and body', () => {
    const request = readHttpRequest(
      event({
        multiValueHeaders: { 'Content-Type': ['application/json'] },
        headers: { ignored: 'yes' },
        queryStringParameters: { jwtoken: 'a', gone: undefined },
        body: '{"a":"ä"}',
      }),
    );
    expect(request).toEqual({
      method: 'POST',
      path: '/v1/chat/completions',
      query: { jwtoken: 'a' },
      headers: new Map([['content-type', ['application/json']]]),
      body: '{"a":"ä"}',
    });
  });

  test('decodes a body that came as base64', () => {
    const body = Buffer.from('{"a":"ä"}').toString('base64');
    expect(readHttpRequest(event({ body, isBase64Encoded: true })).body).toBe('{"a":"ä"}');
  });

  test('refuses a body that is not UTF-8', () => {
    expect(() => readHttpRequest(event({ body: '/w==', isBase64Encoded: true }))).toThrow(
      expect.objectContaining({ code: 'invalid_request', message: 'the body must be UTF-8' }),
    );
  });

  test('tells no body from an empty one', () => {
    expect(readHttpRequest(event({})).body).toBeUndefined();
    expect(readHttpRequest(event({ body: '' })).body).toBe('');
  });
});

describe('readGrant', () => {
  const read = (authorizer: unknown) => readGrant(event({ requestContext: { authorizer } }));
  const grant = encodeGrant(GRANT);
  const refusal = encodeRefusal(new GatewayError('invalid_request', { message: 'm' }));

  test('reads the grant', () => {
    expect(read({ principalId: 'K1', grant })).toEqual(GRANT);
  });

  test('throws the refusal', () => {
    expect(() => read({ refusal })).toThrow(
      expect.objectContaining({ code: 'invalid_request', message: 'm' }),
    );
  });

  test.each([
    ['nothing', undefined],
    ['neither', { principalId: 'K1' }],
    ['both', { grant, refusal }],
    ['an empty grant', { grant: '' }],
    ['an empty grant and a refusal', { grant: '', refusal }],
    ['a grant that is no text', { grant: GRANT }],
    ['a denial', { code: 'invalid_api_key' }],
  ])('is an outage with %s', (_, authorizer) => {
    expect(() => read(authorizer)).toThrow(
      expect.objectContaining({ code: 'service_unavailable' }),
    );
  });
});

describe('toAuthorizerResult', () => {
  const statement = (effect: string) => [
    {
      Action: 'execute-api:Invoke',
      Effect: effect,
      Resource: 'arn:aws:execute-api:eu-central-1:000000000000:api1/prod/*',
    },
  ];

  test('allows this API and stage only, with the grant as one string', () => {
    expect(toAuthorizerResult({ kind: 'grant', grant: GRANT }, ARN)).toEqual({
      principalId: 'K1',
      policyDocument: { Version: '2012-10-17', Statement: statement('Allow') },
      context: { grant: encodeGrant(GRANT) },
    });
  });

  test('lets a refusal through to the function', () => {
    const error = new GatewayError('domain_not_allowed', { detail: 'private' });
    expect(toAuthorizerResult({ kind: 'refusal', error }, ARN)).toEqual({
      principalId: 'refused',
      policyDocument: { Version: '2012-10-17', Statement: statement('Allow') },
      context: { refusal: '{"code":"domain_not_allowed"}' },
    });
  });

  test.each([
    'The request carries two different credentials.',
    'One of the headers for a credential was sent twice.',
  ])('denies with the message that %s', (message) => {
    const error = new GatewayError('invalid_api_key', { message });
    const { context } = toAuthorizerResult({ kind: 'denied', error }, ARN);
    expect(context).toEqual({ type: 'authentication_error', code: 'invalid_api_key', message });
  });

  test('denies with constants, whatever text the error has', () => {
    const error = new GatewayError('token_expired', { message: '"CANARY', detail: 'CANARY' });
    expect(toAuthorizerResult({ kind: 'denied', error }, ARN)).toEqual({
      principalId: 'denied',
      policyDocument: { Version: '2012-10-17', Statement: statement('Deny') },
      context: {
        type: 'authentication_error',
        code: 'token_expired',
        message: 'The token has expired.',
      },
    });
  });
});

describe('answers', () => {
  const requestId = asRequestId('R1');

  test('carry CORS headers and the request id', () => {
    const { statusCode, headers, body } = toJsonResult(200, { a: 1 }, requestId);
    expect({ statusCode, body }).toEqual({ statusCode: 200, body: '{"a":1}' });
    expect(headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-expose-headers': expect.stringContaining('x-request-id'),
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-request-id': 'R1',
    });
  });

  test.each([
    [
      '/v1/key',
      '{"error":{"message":"There is no such route.","type":"invalid_request_error","param":null,"code":"not_found"}}',
    ],
    [
      '/v1/messages',
      '{"type":"error","error":{"type":"not_found_error","message":"There is no such route.","code":"not_found"}}',
    ],
    [
      '/v1beta/models/m:generateContent',
      '{"error":{"code":404,"message":"There is no such route.","status":"NOT_FOUND","reason":"not_found"}}',
    ],
  ])('are errors in the dialect of %s', (path, body) => {
    const result = toErrorResult(new GatewayError('not_found'), path, requestId);
    expect(result).toMatchObject({
      statusCode: 404,
      body,
      headers: { 'access-control-allow-origin': '*', 'x-request-id': 'R1' },
    });
  });

  test('say when to try again, or to log in', () => {
    const slow = new GatewayError('rate_limit_exceeded', { retryAfterSeconds: 7 });
    expect(toErrorResult(slow, '/v1/key', requestId).headers['retry-after']).toBe('7');
    const unknown = new GatewayError('token_revoked');
    expect(toErrorResult(unknown, '/v1/key', requestId).headers['www-authenticate']).toBe('Bearer');
  });
});
