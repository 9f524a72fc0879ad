import type { APIGatewayProxyEvent, APIGatewayRequestAuthorizerEvent } from 'aws-lambda';
import { afterEach, describe, expect, test } from 'vitest';
import type { ApiGateway } from '../../../local/api-gateway/server.ts';
import { send } from '../../support/http-client.ts';
import {
  buffered,
  CHAT,
  gatewayErrorBody,
  policy,
  type StubbedFunctions,
  startStubbedGateway,
} from '../../support/stub-functions.ts';

let gateway: ApiGateway;

async function start(functions: StubbedFunctions = {}): Promise<string> {
  gateway = await startStubbedGateway(functions);
  return gateway.url;
}

afterEach(() => gateway.close(100));

describe('the authorizer', () => {
  test('sees the request line, every header as it was sent, and never the body', async () => {
    const seen: APIGatewayRequestAuthorizerEvent[] = [];
    const url = await start({
      authorizer: buffered((event: APIGatewayRequestAuthorizerEvent) => {
        seen.push(event);
        return policy('Allow');
      }),
    });
    await send(`${url}${CHAT}?a=1&a=2&b=%20`, {
      method: 'POST',
      headers: ['x-api-key', 'one', 'x-api-key', 'two', 'Api-Key', 'three'],
      body: 'secret',
    });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      type: 'REQUEST',
      methodArn: 'arn:aws:execute-api:local:000000000000:local/local/POST/v1/chat/completions',
      path: CHAT,
      httpMethod: 'POST',
      multiValueHeaders: { 'x-api-key': ['one', 'two'], 'Api-Key': ['three'] },
      queryStringParameters: { a: '2', b: ' ' },
      multiValueQueryStringParameters: { a: ['1', '2'], b: [' '] },
      requestContext: { stage: 'local', identity: { sourceIp: '127.0.0.1' } },
    });
    expect(JSON.stringify(seen[0])).not.toContain('secret');
  });

  test('runs again for every request', async () => {
    let asked = 0;
    const url = await start({
      authorizer: buffered(() => {
        asked += 1;
        return policy('Allow');
      }),
    });
    await send(`${url}/v1/models`, { headers: { authorization: 'Bearer a' } });
    await send(`${url}/v1/models`, { headers: { authorization: 'Bearer a' } });
    expect(asked).toBe(2);
  });

  test('runs even for a request without a credential', async () => {
    const url = await start({
      authorizer: buffered(() =>
        policy('Deny', { type: 'authentication_error', code: 'c', message: 'm' }),
      ),
    });
    expect((await send(`${url}/`)).status).toBe(401);
  });

  test('denies with its code, type and message in one body for all SDKs', async () => {
    const url = await start({
      authorizer: buffered(() =>
        policy('Deny', { type: 'authentication_error', code: 'token_expired', message: 'Late.' }),
      ),
    });
    const answer = await send(`${url}${CHAT}`, { method: 'POST', body: '{}' });
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.text)).toEqual(
      gatewayErrorBody('authentication_error', 'token_expired', 'Late.'),
    );
    expect(answer.headers).toMatchObject({
      'www-authenticate': 'Bearer',
      'access-control-allow-origin': '*',
      'x-request-id': JSON.parse(answer.text).request_id,
      'content-type': 'application/json',
    });
  });

  test.each([
    ['throws', () => Promise.reject(new Error('table is down'))],
    ['does not answer in time', () => new Promise(() => {})],
    ['answers nothing', () => undefined],
    ['answers no policy', () => ({ principalId: 'p' })],
    ['gives a context with an object in it', () => ({ ...policy('Allow'), context: { a: {} } })],
    ['gives a context with a number in it', () => ({ ...policy('Allow'), context: { a: 1 } })],
  ])('is an outage when it %s', async (_, handler) => {
    const url = await start({ authorizer: buffered(handler, 50) });
    const answer = await send(`${url}${CHAT}`, { method: 'POST', body: '{}' });
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toEqual(
      gatewayErrorBody(
        'api_error',
        'service_unavailable',
        'The gateway cannot decide now; nothing was spent.',
      ),
    );
    expect(answer.headers['access-control-allow-origin']).toBe('*');
  });

  const deny = policy('Deny', { type: 't', code: 'c', message: 'm' });
  const [statement] = deny.policyDocument.Statement;
  const withStatements = (...Statement: object[]) => ({
    ...policy('Allow'),
    policyDocument: { Version: '2012-10-17', Statement },
  });
  const api = 'arn:aws:execute-api:local:000000000000:local/local';

  test.each([
    [
      'names one path',
      withStatements({ ...statement, Effect: 'Allow', Resource: `${api}/GET/v1/models` }),
    ],
    ['names another API', withStatements({ ...statement, Resource: `${api.slice(0, -1)}x/*` })],
    ['names another action', withStatements({ ...statement, Action: '*' })],
    ['has no statement', withStatements()],
    ['has two statements', withStatements({ ...statement, Effect: 'Allow' }, { ...statement })],
    ['has a condition', withStatements({ ...statement, Effect: 'Allow', Condition: {} })],
  ])('is an outage when its policy %s: our authorizer gives no such policy', async (_, result) => {
    const url = await start({ authorizer: buffered(() => result) });
    expect((await send(`${url}/v1/models`)).status).toBe(503);
  });

  test('passes its context on to the function, with the principal', async () => {
    const seen: APIGatewayProxyEvent[] = [];
    const url = await start({
      authorizer: buffered(() => policy('Allow', { grant: '{"a":1}' })),
      account: buffered((event: APIGatewayProxyEvent) => {
        seen.push(event);
        return { statusCode: 200, body: '' };
      }),
    });
    await send(`${url}/v1/models`);
    expect(seen[0]?.requestContext.authorizer).toEqual({
      grant: '{"a":1}',
      principalId: 'tester',
    });
  });
});
