import type { APIGatewayProxyEvent } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeLog } from '../../adapters/log.ts';
import { makeAccountHandler } from '../../lambdas/account.ts';
import { makeAuthorizerHandler } from '../../lambdas/authorizer.ts';
import {
  authorizerEvent,
  CONTEXT,
  startFunctionSettings,
  type TestFunctions,
  unreachable,
} from '../support/function-settings.ts';
import { KEY } from '../support/memory-keys.ts';
import { startAtNoon } from '../support/noon.ts';
import { mint } from '../support/tokens.ts';

startAtNoon();

let functions: TestFunctions;
beforeAll(async () => {
  functions = await startFunctionSettings();
});
afterAll(() => functions.close());

interface Sent {
  readonly credential?: string;
  readonly body?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly isDown?: boolean;
}

/** Sends a request through the authorizer to the function, as API Gateway does. */
async function send(route: string, { credential = KEY, body, query, isDown }: Sent = {}) {
  const lines: string[] = [];
  const log = makeLog((line) => lines.push(line));
  const [httpMethod, path] = route.split(' ');
  const multiValueHeaders = { Authorization: [`Bearer ${credential}`] };
  const authorize = makeAuthorizerHandler(functions.settings, log);
  const { context } = await authorize(authorizerEvent(multiValueHeaders), CONTEXT);
  const answer = makeAccountHandler(
    isDown ? unreachable(functions.settings) : functions.settings,
    log,
  );
  const event = {
    httpMethod,
    path,
    multiValueHeaders,
    queryStringParameters: query ?? null,
    body: body ?? null,
    isBase64Encoded: false,
    requestContext: { authorizer: { principalId: 'x', ...context } },
  };
  const result = await answer(event as unknown as APIGatewayProxyEvent, CONTEXT);
  return { ...result, body: JSON.parse(result.body), lines };
}

const token = (claims: Record<string, unknown> = {}) =>
  mint({ claims: { exp: Math.floor(Date.now() / 1000) + 3600, ...claims } });

describe('the account function', () => {
  test('lists models, with CORS headers and a request id', async () => {
    const { statusCode, headers, body } = await send('GET /v1/models');
    expect(statusCode).toBe(200);
    expect(body.data).toMatchObject([{ id: 'demo/echo', object: 'model', owned_by: 'demo' }]);
    expect(headers).toMatchObject({ 'access-control-allow-origin': '*' });
    expect(headers?.['x-request-id']).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  });

  test('describes the calling token', async () => {
    const credential = token({ spending_limit: 2, jti: 'j1' });
    const { statusCode, body } = await send('GET /v1/key', { credential });
    expect(statusCode).toBe(200);
    expect(body.data).toMatchObject({ label: 'j1', limit: 2, limit_remaining: 2, usage: 0 });
  });

  test('issues a token that the authorizer accepts, and describes it', async () => {
    const issued = await send('POST /v1/scoped-jwt', {
      body: '{"spending_limit":0.5,"models":["demo/*"],"user":"ada","jti":"j2"}',
    });
    expect(issued.statusCode).toBe(200);
    const jwtoken: string = issued.body.token;
    const own = await send('GET /v1/key', { credential: jwtoken });
    expect(own.body.data).toMatchObject({
      label: 'j2',
      limit: 0.5,
      user: 'ada',
      models: ['demo/*'],
    });
    const described = await send('GET /v1/scoped-jwt', { query: { jwtoken } });
    expect(described.body).toEqual({
      expires_at: issued.body.expires_at,
      models: ['demo/*'],
      spending_limit: 0.5,
      spent: 0,
      reserved: 0,
      remaining: 0.5,
      revoked: false,
      user: 'ada',
    });
  });

  test('answers 404 in the dialect of the caller, and logs no path', async () => {
    const { statusCode, body, lines } = await send('POST /v1/messages/CANARY');
    expect({ statusCode, body }).toMatchObject({
      statusCode: 404,
      body: { type: 'error', error: { type: 'not_found_error' } },
    });
    expect(lines.join()).not.toContain('CANARY');
    expect(lines).toHaveLength(1);
  });

  test('answers the refusals that the authorizer passed on', async () => {
    const authorize = makeAuthorizerHandler(
      functions.settings,
      makeLog(() => {}),
    );
    const two = { 'x-api-key': [KEY], origin: ['https://a.example', 'https://b.example'] };
    const { context } = await authorize(authorizerEvent(two), CONTEXT);
    const event = {
      httpMethod: 'GET',
      path: '/v1/key',
      body: null,
      requestContext: { authorizer: context },
    };
    const answer = makeAccountHandler(
      functions.settings,
      makeLog(() => {}),
    );
    const result = await answer(event as unknown as APIGatewayProxyEvent, CONTEXT);
    expect(result.statusCode).toBe(400);
    expect(JSON.parse(result.body).error).toEqual({
      message: 'the header "origin" was sent twice',
      type: 'invalid_request_error',
      param: null,
      code: 'invalid_request',
    });
  });

  test('answers 503 when the wallets are down, and quotes neither key nor token', async () => {
    const credential = token({ spending_limit: 2 });
    const { statusCode, body, lines } = await send('GET /v1/key', { credential, isDown: true });
    expect(statusCode).toBe(503);
    expect(body.error).toMatchObject({ code: 'service_unavailable', type: 'api_error' });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'error',
      code: 'service_unavailable',
    });
    for (const part of credential.split('.')) expect(lines.join()).not.toContain(part);
  });

  test('answers 503 without a grant or refusal of the authorizer', async () => {
    const answer = makeAccountHandler(
      functions.settings,
      makeLog(() => {}),
    );
    const event = { httpMethod: 'GET', path: '/v1/models', body: null, requestContext: {} };
    const result = await answer(event as unknown as APIGatewayProxyEvent, CONTEXT);
    expect(result.statusCode).toBe(503);
  });
});
