import { afterEach, describe, expect, test } from 'vitest';
import type { ApiGateway } from '../../../local/api-gateway/server.ts';
import { open, send } from '../../support/http-client.ts';
import {
  CHAT,
  gatewayErrorBody,
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

  test('sends the head of a stream before its first byte', async () => {
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
      gatewayErrorBody('api_error', 'internal_error', 'The gateway failed.'),
    );
  });

  test.each([
    ['is no JSON', 'nonsense\0\0\0\0\0\0\0\0body'],
    ['does not end', 'a'.repeat(20_000)],
    ['has a status of its own making', '{"statusCode":999}\0\0\0\0\0\0\0\0body'],
    ['has no status', '{"headers":{}}\0\0\0\0\0\0\0\0body'],
    [
      'has a header that HTTP forbids',
      '{"statusCode":200,"headers":{"a":"x\\ny"}}\0\0\0\0\0\0\0\0body',
    ],
  ])(
    'answers 500 when the prelude %s, and the function still reaches its end',
    async (_, bytes) => {
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
    },
  );

  test('answers 504 when the function writes nothing within its timeout', async () => {
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

  test('lets the function reach its end when the client leaves', async () => {
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
