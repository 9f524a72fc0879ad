/** A service on loopback in the place of AWS: it records each request and answers as a test tells it to. */
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { listen } from '../../local/listen.ts';

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface AwsService {
  readonly url: string;
  /** Every request so far, in the order of arrival. */
  readonly requests: readonly RecordedRequest[];
  /** Connections so far, open or closed. */
  connections(): number;
  close(): Promise<void>;
}

/** Answers the nth request, from 0 on. */
export type AnswerRequest = (response: ServerResponse, nth: number, socket: Socket) => void;

export async function startAwsService(
  answer: AnswerRequest,
  start: (listener: RequestListener) => Server = createServer,
): Promise<AwsService> {
  const requests: RecordedRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = start(async (request, response) => {
    const { method = '', url: path = '', headers, socket } = request;
    const body = await text(request);
    requests.push({ method, path, headers, body });
    answer(response, requests.length - 1, socket);
  });
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket.on('error', () => {}));
  });
  return {
    url: await listen(server),
    requests,
    connections: () => connections,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Answers every request with this status and body. */
export const answering =
  (status: number, body: string): AnswerRequest =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(body);
  };

/** Writes bytes to the connection as they are, in the place of an answer. */
export const writing =
  (bytes: string): AnswerRequest =>
  (_response, _nth, socket) => {
    socket.write(bytes);
  };
