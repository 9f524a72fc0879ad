import { readFileSync } from 'node:fs';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import {
  ExchangeError,
  makeSocketPool,
  type SocketPool,
} from '../../../adapters/aws/socket-pool.ts';

const REQUEST = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}';
const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}';

const servers: net.Server[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) {
    await new Promise((resolve) => server.close(resolve));
  }
});

interface Wire {
  readonly pool: SocketPool;
  connections(): number;
  /** What arrived, a text a connection. */
  readonly received: string[];
}

/** A pool before a server that answers each request as it is told, by the bytes it writes. */
async function connect(
  answer: (socket: Socket, nth: number) => void,
  options: { socketsMax?: number; idleMs?: number } = {},
): Promise<Wire> {
  let connections = 0;
  let requests = 0;
  const received: string[] = [];
  const server = net.createServer((socket) => {
    sockets.add(socket);
    const at = connections++;
    received[at] = '';
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      received[at] += bytes.toString();
      if (received[at]?.endsWith('{}')) answer(socket, requests++);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const pool = makeSocketPool({
    protocol: 'http:',
    hostname: '127.0.0.1',
    port,
    socketsMax: options.socketsMax ?? 4,
    idleMs: options.idleMs ?? 5_000,
    answerBytesMax: 100,
  });
  return { pool, connections: () => connections, received };
}

const writing =
  (...pieces: readonly string[]) =>
  (socket: Socket): void => {
    const [first = '', ...rest] = pieces;
    socket.write(first);
    if (rest.length > 0) setImmediate(() => writing(...rest)(socket));
  };

const send = ({ pool }: Wire, timeoutMs = 2_000) => pool.exchange(REQUEST, timeoutMs);
const faultOf = async (wire: Wire, timeoutMs?: number): Promise<string> => {
  const error: unknown = await send(wire, timeoutMs).catch((reason: unknown) => reason);
  return error instanceof ExchangeError ? error.fault : 'none';
};

describe('an answer', () => {
  test.each([
    ['with a length', [ANSWER], '{}'],
    ['cut anywhere', [...ANSWER], '{}'],
    ['with names in another case', ['HTTP/1.1 200 \r\nContent-LENGTH:2\r\n\r\n{}'], '{}'],
    [
      'in chunks, cut between and within them',
      [
        'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\na',
        'bc\r',
        '\n2;x=y\r\nde\r\n0\r\n',
        '\r\n',
      ],
      'abcde',
    ],
    ['with nothing in it', ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'], ''],
  ])('%s is read whole, and its connection kept', async (_what, pieces, text) => {
    const wire = await connect(writing(...pieces));

    expect(await send(wire)).toEqual({ status: 200, text });
    expect(await send(wire)).toEqual({ status: 200, text });
    expect(wire.connections()).toBe(1);
  });

  test('without a length ends with its connection', async () => {
    const wire = await connect((socket) => socket.end('HTTP/1.1 400 Bad\r\n\r\nall of it'));

    expect(await send(wire)).toEqual({ status: 400, text: 'all of it' });
    expect(await send(wire)).toEqual({ status: 400, text: 'all of it' });
    expect(wire.connections()).toBe(2);
  });

  test.each([
    ['that says it closes', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}'],
    ['that goes on after its end', `${ANSWER}HTTP/1.1 200 OK`],
  ])('%s is read, and its connection is not used again', async (_what, text) => {
    const wire = await connect(writing(text));

    expect(await send(wire)).toEqual({ status: 200, text: '{}' });
    expect(await send(wire)).toEqual({ status: 200, text: '{}' });
    expect(wire.connections()).toBe(2);
  });

  test.each([
    ['is no HTTP', 'SSH-2.0-x\r\n\r\n', 'NetworkError'],
    ['is of another version', 'HTTP/2 200\r\n\r\n', 'NetworkError'],
    [
      'has chunks without a size',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      'NetworkError',
    ],
    [
      'has a head without an end',
      `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`,
      'ResponseTooLarge',
    ],
    [
      'is too large',
      `HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n${'x'.repeat(101)}`,
      'ResponseTooLarge',
    ],
    [
      'is announced but does not come',
      'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf',
      'TimeoutError',
    ],
  ])('that %s is a fault of its own', async (_what, text, fault) => {
    const wire = await connect(writing(text));

    expect(await faultOf(wire, fault === 'TimeoutError' ? 50 : 2_000)).toBe(fault);
  });

  test('that breaks off half way is a network error', async () => {
    const wire = await connect((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf', () =>
        socket.resetAndDestroy(),
      );
    });

    expect(await faultOf(wire)).toBe('NetworkError');
  });
});

describe('the pool', () => {
  test('never has two requests on one connection, nor more connections than it may', async () => {
    const wire = await connect((socket) => setImmediate(() => socket.write(ANSWER)), {
      socketsMax: 3,
    });

    const answers = await Promise.all(Array.from({ length: 60 }, () => send(wire)));

    expect(answers.every(({ text }) => text === '{}')).toBe(true);
    expect(wire.connections()).toBe(3);
    expect(wire.received.every((text) => text.split('POST').length > 2)).toBe(true);
  });

  test('goes on after a connection broke under a request', async () => {
    const wire = await connect(
      (socket, nth) => {
        if (nth === 0) socket.destroy();
        else socket.write(ANSWER);
      },
      { socketsMax: 1 },
    );

    expect(await faultOf(wire)).toBe('NetworkError');
    expect(await send(wire)).toEqual({ status: 200, text: '{}' });
  });

  test('does not use a connection that the other end closed while it was idle', async () => {
    const wire = await connect((socket) => {
      socket.write(ANSWER, () => socket.end());
    });

    await send(wire);
    await expect.poll(() => [...sockets].every((socket) => socket.destroyed)).toBe(true);

    expect(await send(wire)).toEqual({ status: 200, text: '{}' });
    expect(wire.connections()).toBe(2);
  });

  test('leaves a connection that was idle for too long', async () => {
    const wire = await connect(writing(ANSWER), { idleMs: 20 });

    await send(wire);
    await expect.poll(() => [...sockets].every((socket) => socket.destroyed)).toBe(true);

    expect(await send(wire)).toEqual({ status: 200, text: '{}' });
  });

  test('says so when nobody listens', async () => {
    const pool = makeSocketPool({
      protocol: 'http:',
      hostname: '127.0.0.1',
      port: 1,
      socketsMax: 1,
      idleMs: 1_000,
      answerBytesMax: 100,
    });

    await expect(pool.exchange(REQUEST, 2_000)).rejects.toMatchObject({ fault: 'NetworkError' });
  });
});

describe('over TLS', () => {
  const read = (name: string): string =>
    readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), 'utf8');
  const certificate = read('localhost-certificate.pem');

  async function connectSecurely(): Promise<SocketPool> {
    const options = { cert: certificate, key: read('localhost-key.pem') };
    const server = tls.createServer(options, (socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('data', () => socket.write(ANSWER));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    return makeSocketPool({
      protocol: 'https:',
      hostname: 'localhost',
      port,
      socketsMax: 1,
      idleMs: 1_000,
      answerBytesMax: 100,
    });
  }

  test('a server is believed by its certificate alone', async () => {
    const pool = await connectSecurely();
    await expect(pool.exchange(REQUEST, 2_000)).rejects.toMatchObject({ fault: 'NetworkError' });

    const authorities = tls.getCACertificates();
    tls.setDefaultCACertificates([certificate]);
    try {
      expect(await pool.exchange(REQUEST, 2_000)).toEqual({ status: 200, text: '{}' });
    } finally {
      tls.setDefaultCACertificates(authorities);
    }
  });
});
