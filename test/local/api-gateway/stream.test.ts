import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { IntegrationAnswer } from '../../../local/api-gateway/stream.ts';
import { listen } from '../../../local/listen.ts';
import { open, send } from '../../support/http-client.ts';

let server: Server;

afterEach(() => server.close().closeAllConnections());

const PRELUDE = `{"statusCode":200,"headers":{"x-a":"b"}}${'\0'.repeat(8)}`;

/** A server whose every answer is written by `write`; what comes of it is the promise. */
async function serve<T>(
  write: (answer: IntegrationAnswer) => Promise<T>,
  stallMs?: number,
): Promise<{ url: string; written: Promise<T> }> {
  const { promise: written, resolve } = Promise.withResolvers<T>();
  server = createServer((_, response) => {
    const refuse = (error?: Error) => response.writeHead(500).end(error?.message);
    resolve(write(new IntegrationAnswer(response, refuse, stallMs)));
  });
  return { url: `${await listen(server)}/`, written };
}

test('reads a prelude that is cut anywhere', async () => {
  const bytes = Buffer.from(`${PRELUDE}body`);
  for (let size = 1; size <= bytes.length; size += 1) {
    const { url } = await serve(async (answer) => {
      for (let at = 0; at < bytes.length; at += size) answer.write(bytes.subarray(at, at + size));
      answer.end();
    });
    const { status, headers, text } = await send(url);
    expect([size, status, headers['x-a'], text]).toEqual([size, 200, 'b', 'body']);
    server.close().closeAllConnections();
  }
});

test('passes NULs of the body on', async () => {
  const { url } = await serve(async (answer) => {
    answer.write(`${PRELUDE}\0\0\0\0\0\0\0\0`);
    answer.end('\0');
  });
  expect((await send(url)).text).toBe('\0'.repeat(9));
});

test('cuts a client that reads nothing for a while, and lets the function go on', async () => {
  const { url, written } = await serve(async (answer) => {
    answer.write(PRELUDE);
    let count = 0;
    for (; count < 1_000; count += 1) {
      const isFree = answer.write(Buffer.alloc(65_536));
      if (!isFree) await new Promise((resolve) => answer.once('drain', resolve));
    }
    answer.end();
    return count;
  }, 30);
  const { response } = await open(url);
  expect(await written).toBe(1_000);
  await expect(response.toArray()).rejects.toThrow('aborted');
});

test('lets the function reach its end when the client left before its start', async () => {
  const { promise: finished, resolve } = Promise.withResolvers<boolean>();
  server = createServer(async (_, response) => {
    response.destroy();
    await once(response, 'close');
    const answer = new IntegrationAnswer(response, () => {});
    answer.write(PRELUDE);
    for (let count = 0; count < 10; count += 1) answer.write(Buffer.alloc(65_536));
    answer.end(() => resolve(true));
  });
  await expect(send(`${await listen(server)}/`)).rejects.toThrow();
  expect(await finished).toBe(true);
});

test('answers with the error of a function that failed before its prelude', async () => {
  const { url } = await serve(async (answer) => {
    answer.write('{"status');
    answer.destroy(new Error('why'));
  });
  expect(await send(url)).toMatchObject({ status: 500, text: 'why' });
});
