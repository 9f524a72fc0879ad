import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { afterEach, describe, expect, test } from 'vitest';
import type { ApiGateway } from '../../../local/api-gateway/server.ts';
import { open, send } from '../../support/http-client.ts';
import {
  buffered,
  CHAT,
  gatewayErrorBody,
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
    ['GET', '/', 'pages'],
    ['HEAD', '/me', ''],
    ['GET', '/me/', 'pages'],
    ['GET', '/console', 'pages'],
    ['GET', '/assets/me-0123456789ab.js', 'pages'],
    ['GET', '/SKILL.md', 'pages'],
    ['GET', '/llms.txt', 'pages'],
    ['POST', '/me', 'account'],
    ['GET', '/me/else', 'account'],
    ['GET', '/assets/', 'account'],
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
      pages: streaming(async (body) => {
        body.write('pages');
        body.end();
      }),
    });
    expect((await send(`${url}${path}`, { method })).text).toBe(name);
  });

  test('reads a page without the authorizer, unless there are no pages', async () => {
    const authorizer = buffered(() => policy('Deny', { code: 'x', message: 'x', type: 'x' }));
    const pages = streaming(async (body) => {
      body.write('open');
      body.end();
    });
    const open = await start({ authorizer, pages });
    expect((await send(`${open}/me`)).text).toBe('open');
    await gateway.close(100);
    const without = await start({ authorizer });
    expect((await send(`${without}/me`)).status).toBe(401);
  });

  test('answers OPTIONS on every path itself, for any header of an SDK', async () => {
    const url = await start({ authorizer: buffered(() => Promise.reject(new Error('asked'))) });
    const answer = await send(`${url}/v1/whatever`, {
      method: 'OPTIONS',
      headers: { origin: 'null', 'access-control-request-method': 'POST' },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET,POST,PATCH,DELETE,OPTIONS',
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
      resource: '/v1/{proxy+}',
      pathParameters: { proxy: 'scoped-jwt' },
      body: '{\uFFFD}',
      isBase64Encoded: false,
    });
    expect(seen[1]).toMatchObject({ body: null, queryStringParameters: null });
  });
});

describe('limits', () => {
  const unreadable = gatewayErrorBody(
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

  test('refuses a head that is too long to parse, and bytes that are not HTTP, in the same words', async () => {
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
  ])('accepts a body that fits an event of 6 MB: %s', async (_, body, status) => {
    const url = await start();
    const answer = await send(`${url}${CHAT}`, { method: 'POST', body });
    expect(answer.status).toBe(status);
    if (status === 413) {
      expect(JSON.parse(answer.text)).toEqual(
        gatewayErrorBody('invalid_request_error', 'request_too_large', 'The request is too large.'),
      );
    }
  });
});

describe('whole answers', () => {
  test('carry status, headers and body of the function', async () => {
    const url = await start({
      account: buffered(() => ({
        statusCode: 404,
        headers: { 'x-request-id': 'mine', 'content-type': 'application/json' },
        body: '{"é":1}',
      })),
    });
    const answer = await send(`${url}/v1/nothing`);
    expect(answer).toMatchObject({
      status: 404,
      text: '{"é":1}',
      headers: { 'x-request-id': 'mine', 'content-length': '8' },
    });
  });

  test.each([
    ['fails', () => Promise.reject(new Error('no')), 500],
    ['answers nothing', () => undefined, 500],
    ['answers no status', () => ({ body: '' }), 500],
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
    expect(await text(response)).toBe('first last');
    await closed;
    expect(gateway.inFlight()).toBe(0);
  });

  test('cuts requests that outlast the grace time', async () => {
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
