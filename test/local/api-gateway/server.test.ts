import { connect } from 'node:net';
import type { APIGatewayProxyEvent, APIGatewayRequestAuthorizerEvent } from 'aws-lambda';
import { afterEach, describe, expect, test } from 'vitest';
import type { ApiGateway } from '../../../local/api-gateway/server.ts';
import { open, send } from '../../support/http-client.ts';
import {
  buffered,
  policy,
  type StubbedFunctions,
  startStubbedGateway,
  streaming,
} from '../../support/stub-functions.ts';

let gateway: ApiGateway;

async function start(functions: StubbedFunctions = {}): Promise<string> {
  gateway = await startStubbedGateway(functions);
  return gateway.url;
}

afterEach(() => gateway.close(100));

const CHAT = '/v1/chat/completions';

const errorBody = (type: string, code: string, message: string) => ({
  type: 'error',
  error: { type, code, message, param: null },
  request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
});

describe('authorizer', () => {
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

  test('is asked for every request again', async () => {
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

  test('is asked even for a request without any credential', async () => {
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
      errorBody('authentication_error', 'token_expired', 'Late.'),
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
  ])('is an outage when it %s', async (_, handler) => {
    const url = await start({ authorizer: buffered(handler, 50) });
    const answer = await send(`${url}${CHAT}`, { method: 'POST', body: '{}' });
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.text)).toEqual(
      errorBody(
        'api_error',
        'service_unavailable',
        'The gateway cannot decide now; nothing was spent.',
      ),
    );
    expect(answer.headers['access-control-allow-origin']).toBe('*');
  });

  test('that throws "Unauthorized" is a plain 401', async () => {
    const url = await start({
      authorizer: buffered(() => Promise.reject(new Error('Unauthorized'))),
    });
    const answer = await send(`${url}/v1/models`);
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.text).error.code).toBe('invalid_api_key');
  });

  const allowing = (...resources: string[]) => ({
    principalId: 'p',
    policyDocument: {
      Version: '2012-10-17',
      Statement: [{ Action: 'execute-api:Invoke', Effect: 'Allow', Resource: resources }],
    },
  });
  const api = 'arn:aws:execute-api:local:000000000000:local/local';

  test.each([
    ['all of the API', [`${api}/*`], 200],
    ['this method and path', [`${api}/GET/v1/models`], 200],
    ['any method of this path', [`${api}/*/v1/models`], 200],
    ['another path', [`${api}/GET/v1/key`], 401],
    ['another API', ['arn:aws:execute-api:local:000000000000:other/local/*'], 401],
    ['another method', [`${api}/POST/*`], 401],
    ['a longer path', [`${api}/GET/v1/models/*`], 401],
    ['a start that overlaps the end', [`${api}/GET/v1/models*models`], 401],
    ['two, one of which covers', [`${api}/POST/*`, `${api}/GET/*`], 200],
  ])('lets a method through only by a policy that covers it: %s', async (_, resources, status) => {
    const url = await start({ authorizer: buffered(() => allowing(...resources)) });
    expect((await send(`${url}/v1/models`)).status).toBe(status);
  });

  test('has its Deny win over its Allow', async () => {
    const both = allowing(`${api}/*`);
    both.policyDocument.Statement.push({
      Action: 'execute-api:Invoke',
      Effect: 'Deny',
      Resource: [`${api}/GET/v1/models`],
    });
    const url = await start({ authorizer: buffered(() => both) });
    expect((await send(`${url}/v1/models`)).status).toBe(401);
    expect((await send(`${url}/v1/key`)).status).toBe(200);
  });

  test('hands its context on as strings, with the principal', async () => {
    const seen: APIGatewayProxyEvent[] = [];
    const url = await start({
      authorizer: buffered(() => policy('Allow', { grant: '{"a":1}', count: 3, yes: true })),
      account: buffered((event: APIGatewayProxyEvent) => {
        seen.push(event);
        return { statusCode: 200, body: '' };
      }),
    });
    await send(`${url}/v1/models`);
    expect(seen[0]?.requestContext.authorizer).toEqual({
      grant: '{"a":1}',
      count: '3',
      yes: 'true',
      principalId: 'tester',
    });
  });
});

describe('routes', () => {
  test.each([
    ['POST', CHAT, 'proxy'],
    ['GET', CHAT, 'proxy'],
    ['POST', '/v1/messages', 'proxy'],
    ['POST', '/v1/messages/count_tokens', 'proxy'],
    ['POST', '/v1/messages/batches', 'account'],
    ['POST', '/v1/models/gemini-2.5-flash:generateContent', 'proxy'],
    ['POST', '/v1beta/models/google/m:streamGenerateContent?alt=sse', 'proxy'],
    ['GET', '/v1/models/google/m', 'account'],
    ['POST', '/v1/models/', 'account'],
    ['GET', '/', 'account'],
    ['GET', '/v1/models', 'account'],
    ['DELETE', '/v1/scoped-jwt', 'account'],
    ['POST', `${CHAT}/`, 'account'],
    ['POST', '/prod/v1/chat/completions', 'account'],
    ['PATCH', '/anything/at/all', 'account'],
  ])('sends %s %s to the function "%s"', async (method, path, name) => {
    const url = await start({
      proxy: streaming(async (body) => {
        body.write('proxy');
        body.end();
      }),
      account: buffered(() => ({ statusCode: 200, body: 'account' })),
    });
    expect((await send(`${url}${path}`, { method })).text).toBe(name);
  });

  test('answers OPTIONS anywhere by itself, for any header an SDK sends', async () => {
    const url = await start({ authorizer: buffered(() => Promise.reject(new Error('asked'))) });
    const answer = await send(`${url}/v1/whatever`, {
      method: 'OPTIONS',
      headers: { origin: 'null', 'access-control-request-method': 'POST' },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET,POST,DELETE,OPTIONS',
      'access-control-max-age': '7200',
    });
    expect(answer.headers['access-control-allow-headers']).toContain('authorization');
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('gives a function the whole request, its body as text', async () => {
    const seen: APIGatewayProxyEvent[] = [];
    const url = await start({
      account: buffered((event: APIGatewayProxyEvent) => {
        seen.push(event);
        return { statusCode: 200, body: '' };
      }),
    });
    await send(`${url}/v1/scoped-jwt`, { method: 'POST', body: Buffer.from([0x7b, 0xff, 0x7d]) });
    await send(`${url}/v1/models`);
    expect(seen[0]).toMatchObject({
      resource: '/{proxy+}',
      pathParameters: { proxy: 'v1/scoped-jwt' },
      body: '{\uFFFD}',
      isBase64Encoded: false,
    });
    expect(seen[1]).toMatchObject({ body: null, queryStringParameters: null });
  });
});

describe('limits', () => {
  const unreadable = errorBody(
    'invalid_request_error',
    'invalid_request',
    'The request cannot be read.',
  );

  test('refuses a head over 10,240 bytes before any function runs', async () => {
    let asked = 0;
    const url = await start({
      authorizer: buffered(() => {
        asked += 1;
        return policy('Allow');
      }),
    });
    const answer = await send(`${url}/v1/models`, { headers: { 'x-a': 'a'.repeat(11_000) } });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toEqual(unreadable);
    expect(asked).toBe(0);
    const fits = await send(`${url}/v1/models`, { headers: { 'x-a': 'a'.repeat(10_000) } });
    expect(fits.status).toBe(200);
  });

  test('refuses a head over what it parses, and what is not HTTP, in the same words', async () => {
    const url = await start();
    const answer = await send(`${url}/v1/models`, { headers: { 'x-a': 'a'.repeat(70_000) } });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toEqual(unreadable);
    const raw = await sendRaw(url, 'no http at all\r\n\r\n');
    expect(raw).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(raw).toContain('access-control-allow-origin: *\r\n');
    expect(JSON.parse(raw.slice(raw.indexOf('\r\n\r\n') + 4))).toEqual(unreadable);
  });

  const MEGABYTE = 1024 * 1024;

  test.each([
    ['of 5.9 MB', Buffer.alloc(5.9 * MEGABYTE, 'a'), 200],
    ['of 6 MB and a byte', Buffer.alloc(6 * MEGABYTE + 1, 'a'), 413],
    ['of 40 MB', Buffer.alloc(40 * MEGABYTE, 'a'), 413],
    ['of 4 MB that are 8 MB in the event', Buffer.alloc(4 * MEGABYTE, '"'), 413],
  ])('takes what fits an event of 6 MB: a body %s', async (_, body, status) => {
    const url = await start();
    const answer = await send(`${url}${CHAT}`, { method: 'POST', body });
    expect(answer.status).toBe(status);
    if (status === 413) {
      expect(JSON.parse(answer.text)).toEqual(
        errorBody('invalid_request_error', 'request_too_large', 'The request is too large.'),
      );
    }
  });
});

describe('streams', () => {
  test('lets each chunk leave when the function writes it', async () => {
    const next: (() => void)[] = [];
    const url = await start({
      proxy: streaming(
        async (body) => {
          for (const text of ['one', 'two']) {
            body.write(text);
            await new Promise<void>((resolve) => next.push(resolve));
          }
          body.end();
        },
        { prelude: { statusCode: 201, headers: { 'X-Thing': 'a', connection: 'upgrade' } } },
      ),
    });
    const { response } = await open(`${url}${CHAT}`, { method: 'POST', body: '{}' });
    expect(response.statusCode).toBe(201);
    expect(response.headers).toMatchObject({ 'x-thing': 'a' });
    expect(response.headers.connection).not.toBe('upgrade');
    const chunks: string[] = [];
    for await (const chunk of response) {
      chunks.push(String(chunk));
      next.shift()?.();
    }
    expect(chunks).toEqual(['one', 'two']);
  });

  test('sends the head of a stream that is silent at first', async () => {
    let end = () => {};
    const url = await start({
      proxy: streaming(async (body) => {
        body.write('');
        await new Promise<void>((resolve) => {
          end = resolve;
        });
        body.end();
      }),
    });
    const { response } = await open(`${url}${CHAT}`, { method: 'POST', body: '{}' });
    expect(response.statusCode).toBe(200);
    end();
    response.resume();
  });

  test.each([
    ['ends without a prelude', async () => {}],
    [
      'fails before it',
      async () => {
        throw new Error('secret reason');
      },
    ],
  ])('answers 500 when the function %s', async (_, handler) => {
    const url = await start({ proxy: streaming(handler) });
    const answer = await send(`${url}${CHAT}`, { method: 'POST', body: '{}' });
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.text)).toEqual(
      errorBody('api_error', 'internal_error', 'The gateway failed.'),
    );
  });

  test.each([
    ['is no JSON', 'nonsense\0\0\0\0\0\0\0\0body'],
    ['does not end', 'a'.repeat(20_000)],
    ['has a status of its own making', '{"statusCode":999}\0\0\0\0\0\0\0\0body'],
    ['has a header that HTTP forbids', '{"headers":{"a":"x\\ny"}}\0\0\0\0\0\0\0\0body'],
  ])('answers 500 when the prelude %s, and the function comes to its end', async (_, bytes) => {
    let ended = false;
    const url = await start({
      proxy: {
        async invoke(_event, output) {
          output.write(bytes);
          await new Promise<void>((resolve) => {
            output.end(resolve);
          });
          ended = true;
        },
      },
    });
    expect((await send(`${url}${CHAT}`, { method: 'POST', body: '{}' })).status).toBe(500);
    expect(ended).toBe(true);
  });

  test('answers 504 when the function says nothing within its time', async () => {
    const url = await start({
      proxy: streaming(() => new Promise(() => {}), { timeoutMs: 50 }),
    });
    const answer = await send(`${url}${CHAT}`, { method: 'POST', body: '{}' });
    expect(answer.status).toBe(504);
    expect(JSON.parse(answer.text).error.code).toBe('upstream_timeout');
  });

  test('cuts the connection when the function dies after the first chunk', async () => {
    const url = await start({
      proxy: streaming(async (body) => {
        body.write('half');
        await new Promise((resolve) => setImmediate(resolve));
        throw new Error('died');
      }),
    });
    await expect(send(`${url}${CHAT}`, { method: 'POST', body: '{}' })).rejects.toThrow('aborted');
  });

  test('lets the function come to its end when the client leaves', async () => {
    const { promise: left, resolve: leave } = Promise.withResolvers<void>();
    const { promise: done, resolve: finish } = Promise.withResolvers<number>();
    const url = await start({
      proxy: streaming(async (body) => {
        body.write('first');
        await left;
        let written = 0;
        for (; written < 200; written += 1) {
          const isFree = body.write(Buffer.alloc(65_536));
          if (!isFree) await new Promise((resolve) => body.once('drain', resolve));
        }
        body.end();
        finish(written);
      }),
    });
    const { response } = await open(`${url}${CHAT}`, { method: 'POST', body: '{}' });
    response.once('data', () => response.destroy());
    await new Promise((resolve) => response.once('close', resolve));
    leave();
    expect(await done).toBe(200);
  });

  test('holds the function back while the client does not read', async () => {
    let written = 0;
    const url = await start({
      proxy: streaming(async (body) => {
        for (; written < 1_000; written += 1) {
          const isFree = body.write(Buffer.alloc(65_536));
          if (!isFree) await new Promise((resolve) => body.once('drain', resolve));
        }
        body.end();
      }),
    });
    const { response } = await open(`${url}${CHAT}`, { method: 'POST', body: '{}' });
    for (let turn = 0; turn < 5_000; turn += 1) await new Promise(setImmediate);
    expect(written).toBeLessThan(500);
    let bytes = 0;
    for await (const chunk of response) bytes += chunk.length;
    expect(bytes).toBe(65_536_000);
  });
});

describe('whole answers', () => {
  test('pass status, headers and body of the function', async () => {
    const url = await start({
      account: buffered(() => ({
        statusCode: 404,
        headers: { 'x-request-id': 'mine', 'content-type': 'application/json' },
        multiValueHeaders: { 'x-two': ['a', 'b'] },
        body: '{"é":1}',
      })),
    });
    const answer = await send(`${url}/v1/nothing`);
    expect(answer).toMatchObject({
      status: 404,
      text: '{"é":1}',
      headers: { 'x-request-id': 'mine', 'x-two': 'a, b', 'content-length': '8' },
    });
  });

  test.each([
    ['fails', () => Promise.reject(new Error('no')), 500],
    ['answers nothing', () => undefined, 500],
    ['answers a body that is no text', () => ({ statusCode: 200, body: {} }), 500],
    ['does not answer in time', () => new Promise(() => {}), 504],
  ])('are refused when the function %s', async (_, handler, status) => {
    const url = await start({ account: buffered(handler, 50) });
    expect((await send(`${url}/v1/models`)).status).toBe(status);
  });
});

describe('close', () => {
  test('lets a stream in flight end, and takes no new request', async () => {
    let end = () => {};
    const url = await start({
      proxy: streaming(async (body) => {
        body.write('first ');
        await new Promise<void>((resolve) => {
          end = resolve;
        });
        body.end('last');
      }),
    });
    const { response } = await open(`${url}${CHAT}`, { method: 'POST', body: '{}' });
    expect(gateway.inFlight()).toBe(1);
    const closed = gateway.close(5_000);
    await expect(send(`${url}/v1/models`)).rejects.toThrow('ECONNREFUSED');
    end();
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('first last');
    await closed;
    expect(gateway.inFlight()).toBe(0);
  });

  test('cuts what is not done when the time is over', async () => {
    const url = await start({
      proxy: streaming(async (body) => {
        body.write('first');
        await new Promise(() => {});
      }),
    });
    const { response } = await open(`${url}${CHAT}`, { method: 'POST', body: '{}' });
    await gateway.close(20);
    await expect(response.toArray()).rejects.toThrow('aborted');
  });
});

/** Bytes as they are, and all that comes back. */
function sendRaw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => resolve(Buffer.concat(chunks).toString()));
    socket.on('error', reject);
  });
}
