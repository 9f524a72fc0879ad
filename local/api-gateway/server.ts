/**
 * A small API Gateway REST for this machine, around the same Lambda functions as the stack's: the authorizer before
 * every method but OPTIONS, gateway responses where no function answers, the limits on headers and body, streamed and
 * buffered integrations. A request that passes here passes there.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  CORS_HEADERS,
  GATEWAY_RESPONSES,
  PREFLIGHT_HEADERS,
  toGatewayBody,
} from '../../adapters/api-gateway/responses.ts';
import { listen } from '../listen.ts';
import { type AuthorizerDecision, authorize } from './authorizer.ts';
import { readBody } from './body.ts';
import { encodeBody } from './compress.ts';
import {
  type AuthorizerContext,
  headBytes,
  isBelow,
  type Received,
  readHead,
  toProxyEvent,
} from './events.ts';
import { type BufferedFunction, FunctionTimeout, type StreamingFunction } from './lambda.ts';
import { IntegrationAnswer, readAnswerHead, STALL_MS } from './stream.ts';

/** Request line and headers together. */
const HEAD_BYTES_MAX = 10_240;
/** Node's own limit, above API Gateway's so that ours answers first. */
const PARSED_HEAD_BYTES_MAX = 65_536;
/** Lambda's default concurrency in an account. */
const IN_FLIGHT_MAX = 1_000;
const HEADERS_TIMEOUT_MS = 15_000;
/** For a whole request, its body too. */
const REQUEST_TIMEOUT_MS = 120_000;
const KEEP_ALIVE_MS = 65_000;
/** The decision for open methods, which no authorizer sees. */
const OPEN: AuthorizerDecision = { kind: 'allowed', context: {} };

export interface ApiGatewayOptions {
  readonly authorizer: BufferedFunction;
  /** Serves the routes that call a provider. */
  readonly proxy: StreamingFunction;
  /** Serves all other routes. */
  readonly account: BufferedFunction;
  /** Serves pages, without a credential. @default none: their paths are the account function's */
  readonly pages?: StreamingFunction | undefined;
  /** The first part of every path, as of a custom domain's mapping. @default none */
  readonly basePath?: string | undefined;
  /** Serves sign-in, without a credential. @default none: its paths are the account function's */
  readonly signIn?: BufferedFunction | undefined;
  /** `0` takes any free port. */
  readonly port: number;
  readonly host: string;
  /** Called with each failure between the gateway and a function. @default not called */
  readonly onFault?: (error: unknown) => void;
}

export interface ApiGateway {
  /** `http://127.0.0.1:8787`, without a path. */
  readonly url: string;
  /** Counts the functions that run now, also those whose client has left. */
  inFlight(): number;
  /** Accepts no more requests, waits at most `graceMs` for running functions, then cuts all connections. */
  close(graceMs: number): Promise<void>;
}

/** Starts the server. Rejects with the system's error (`EADDRINUSE`, `EACCES`, …) when it cannot listen. */
export async function startApiGateway(options: ApiGatewayOptions): Promise<ApiGateway> {
  const running = new Set<Promise<void>>();
  const prefix = options.basePath === undefined ? '' : `/${options.basePath}`;
  let closing = false;

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const requestId = randomUUID();
    response.on('error', () => {}); // The client has left; `close` follows.
    if (closing) response.setHeader('connection', 'close');
    if (!isBelow(prefix, request.url)) {
      refuseUnmapped(request, response);
    } else if (request.method === 'OPTIONS') {
      response.writeHead(204, { ...PREFLIGHT_HEADERS, 'x-request-id': requestId }).end();
    } else if (running.size >= IN_FLIGHT_MAX) {
      respond(response, 'THROTTLED', requestId);
    } else {
      const received = { request, requestId, prefix };
      const run = handle(options, received, response).finally(() => running.delete(run));
      running.add(run);
    }
  }

  const server = createServer(
    {
      maxHeaderSize: PARSED_HEAD_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
    },
    onRequest,
  );
  server.on('clientError', (_error, socket) => refuseUnreadable(socket));
  return {
    url: await listen(server, options.port, options.host),
    inFlight: () => running.size,
    async close(graceMs) {
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await settledWithin(running, graceMs);
      server.closeAllConnections();
      await closed;
    },
  };
}

async function settledWithin(running: ReadonlySet<Promise<void>>, graceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, graceMs);
  });
  await Promise.race([Promise.allSettled(running), over]);
  clearTimeout(timer);
}

/** Serves one request, from its head to the function's end. Never rejects. */
async function handle(
  options: ApiGatewayOptions,
  received: Received,
  response: ServerResponse,
): Promise<void> {
  const { request, requestId } = received;
  const refuse = (type: string, context?: AuthorizerContext) =>
    respond(response, type, requestId, context);
  try {
    if (headBytes(request) > HEAD_BYTES_MAX || !request.url?.startsWith('/')) {
      return refuse('DEFAULT_4XX');
    }
    const head = readHead(received);
    const reading = readBody(request);
    const pages = head.integration === 'pages' ? options.pages : undefined;
    const signIn = head.integration === 'signIn' ? options.signIn : undefined;
    const decision = pages || signIn ? OPEN : await authorize(options.authorizer, head);
    if (decision.kind === 'refused') return refuse(decision.response, decision.context);
    const body = await reading;
    if (body === 'too large') return refuse('REQUEST_TOO_LARGE');
    if (body === 'incomplete') return;
    const event = toProxyEvent(head, decision.context, body);
    const streaming = head.integration === 'proxy' ? options.proxy : pages;
    const exchange = { request, response, refuse };
    if (streaming === undefined) await invokeBuffered(signIn ?? options.account, event, exchange);
    else await invokeStreamed(streaming, event, exchange);
  } catch (error) {
    options.onFault?.(error);
    if (!response.headersSent) refuse(responseTo(error));
  } finally {
    await untilReceived(response);
  }
}

/** Waits until the client has the answer, or takes nothing for so long that it counts as gone. */
function untilReceived(response: ServerResponse): Promise<void> | undefined {
  if (response.writableFinished || response.destroyed) return undefined;
  response.setTimeout(STALL_MS, () => response.destroy());
  return new Promise((resolve) => response.once('close', resolve));
}

const responseTo = (error: unknown): string =>
  error instanceof FunctionTimeout ? 'INTEGRATION_TIMEOUT' : 'DEFAULT_5XX';

type Refuse = (type: string) => void;

/** Answers as the function writes, and ends with the function, even when the client has left. */
async function invokeStreamed(
  to: StreamingFunction,
  event: object,
  { response, refuse }: Exchange,
): Promise<void> {
  await to.invoke(event, new IntegrationAnswer(response, (error) => refuse(responseTo(error))));
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly refuse: Refuse;
}

async function invokeBuffered(
  to: BufferedFunction,
  event: object,
  { request, response, refuse }: Exchange,
): Promise<void> {
  const answer = await to.invoke(event);
  const head = readAnswerHead(answer);
  const whole = head === undefined ? undefined : readAnswerBody(answer);
  if (head === undefined || whole === undefined) return refuse('DEFAULT_5XX');
  const { body, headers } = await encodeBody(whole, request.headers);
  const length = { 'content-length': body.length };
  response.writeHead(head.status, { ...head.headers, ...headers, ...length }).end(body);
}

function readAnswerBody(answer: unknown): Buffer | undefined {
  const { body } = answer as Record<string, unknown>;
  return typeof body === 'string' ? Buffer.from(body) : undefined;
}

const RESPONSES = new Map(GATEWAY_RESPONSES.map((response) => [response.type, response]));
const FALLBACK = 'DEFAULT_5XX';

/** Sends a gateway response. Fills in the body's `$context.authorizer.…` as API Gateway does: unescaped, or empty. */
function respond(
  response: ServerResponse,
  type: string,
  requestId: string,
  context: AuthorizerContext = {},
): void {
  const { status, headers, body } = toGatewayResponse(type, requestId, context);
  response.writeHead(status, headers).end(body);
}

function toGatewayResponse(type: string, requestId: string, context: AuthorizerContext) {
  const row = RESPONSES.get(type) ?? RESPONSES.get(FALLBACK);
  if (row === undefined) throw new TypeError(`no gateway response "${type}"`);
  const fill = (text: string): string =>
    text.replace(/\$context\.authorizer\.(\w+)/g, (_, name: string) => context[name] ?? '');
  const { type: errorType, code, message } = row.error;
  const error = { type: fill(errorType), code: fill(code), message: fill(message) };
  const body = Buffer.from(toGatewayBody(error, requestId));
  const headers: Record<string, string> = {
    ...CORS_HEADERS,
    ...row.headers,
    'content-type': 'application/json',
    'content-length': String(body.length),
    'x-request-id': requestId,
  };
  return { status: row.status, headers, body };
}

/** Answers a path that no API is mapped to, as API Gateway answers for a domain: without CORS, and without our body. */
function refuseUnmapped(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.writeHead(403, { 'content-type': 'application/json' }).end('{"message":"Forbidden"}');
}

/** Refuses bytes that are not HTTP, and heads over Node's own limit: they never become a request. */
function refuseUnreadable(socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = toGatewayResponse('DEFAULT_4XX', randomUUID(), {});
  const lines = Object.entries({ ...headers, connection: 'close' }).map((pair) => pair.join(': '));
  socket.end(`HTTP/1.1 ${status} Bad Request\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
}
