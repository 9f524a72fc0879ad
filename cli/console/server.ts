/**
 * The loopback server of `hallpass console`.
 *
 * For each request, in this order:
 * 1. the Host is exactly this server's address, so that no other name leads here (DNS rebinding);
 * 2. an Origin is exactly this server's, and every request that changes something has one;
 * 3. files are for anyone, the session for its code, all else for the session's bearer.
 *
 * Guarantees: it listens on 127.0.0.1 alone, sets no cookie, and no AWS credential leaves the process.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { brotliDecompressSync } from 'node:zlib';
import { PAGE_HEADERS } from '../../adapters/api-gateway/responses.ts';
import { GatewayError, toGatewayError } from '../../core/base/errors.ts';
import { type JsonObject, parseStrictObject } from '../../core/base/json.ts';
import { readBytes } from '../../core/base/read-bytes.ts';
import { endServer, listen } from '../../local/listen.ts';
import files from '../../pages/dist/operator.json' with { type: 'json' };
import type { Session } from './session.ts';

const BODY_BYTES_MAX = 65_536;

/** A request of the page, after all checks. */
export interface ConsoleRequest {
  /** The rest of the path, decoded. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  readonly body: JsonObject;
  readonly idempotencyKey: string | undefined;
}

/** Answers one request of the page. */
export type ConsoleRoute = (request: ConsoleRequest) => Promise<unknown>;

export interface ConsoleServer {
  /** `http://127.0.0.1:P`. */
  readonly origin: string;
  close(): Promise<void>;
}

/**
 * Starts it on a port that the system chooses.
 * @param routes by method and first segment below `/api/`: `GET keys`
 */
export async function startConsoleServer(
  session: Session,
  routes: ReadonlyMap<string, ConsoleRoute>,
): Promise<ConsoleServer> {
  let origin = '';
  const server = createServer((request, response) => {
    answer(request, { origin, session, routes })
      .catch(toErrorAnswer)
      .then(({ status, type, body }) => {
        const headers = { ...PAGE_HEADERS, 'cache-control': 'no-store', 'content-type': type };
        response.writeHead(status, headers).end(body);
      });
  });
  origin = await listen(server);
  return { origin, close: () => endServer(server) };
}

interface Context {
  readonly origin: string;
  readonly session: Session;
  readonly routes: ReadonlyMap<string, ConsoleRoute>;
}

interface Answer {
  readonly status: number;
  /** The type of the content. */
  readonly type: string;
  readonly body: Buffer | string;
}

const toJson = (value: unknown, status = 200): Answer => ({
  status,
  type: 'application/json',
  body: JSON.stringify(value),
});

function toErrorAnswer(thrown: unknown): Answer {
  const { status, code, message } = toGatewayError(thrown);
  return toJson({ error: { code, message } }, status);
}

async function answer(request: IncomingMessage, context: Context): Promise<Answer> {
  const { origin, session, routes } = context;
  const { method = 'GET', headers } = request;
  if (headers.host !== new URL(origin).host) throw forbidden('Host');
  if ((headers.origin ?? (method === 'GET' ? origin : '')) !== origin) throw forbidden('Origin');
  const url = new URL(request.url ?? '/', origin);
  const file = findFile(url.pathname);
  if (method === 'GET' && file !== undefined) {
    const body = brotliDecompressSync(Buffer.from(file.br, 'base64'));
    return { status: 200, type: file.type, body };
  }
  const [, top, first = '', ...segments] = url.pathname.split('/').map(decodeSegment);
  if (top !== 'api') throw new GatewayError('not_found');
  const body = method === 'GET' ? {} : await readBody(request);
  if (`${method} ${first}` === 'POST session') {
    const bearer = session.open(String(body.code));
    if (bearer === undefined) throw new GatewayError('invalid_api_key');
    return toJson({ bearer });
  }
  if (!session.isOpenFor(headers.authorization)) throw new GatewayError('invalid_api_key');
  const route = routes.get(`${method} ${first}`);
  if (route === undefined) throw new GatewayError('not_found');
  const idempotencyKey = headers['idempotency-key']?.toString();
  return toJson(await route({ segments, query: url.searchParams, body, idempotencyKey }));
}

/** @throws invalid_request */
function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new GatewayError('invalid_request', { message: 'the path is not percent-encoded UTF-8' });
  }
}

const forbidden = (header: string): GatewayError =>
  new GatewayError('route_not_allowed', { message: `the ${header} is not this server's` });

const findFile = (path: string) => Object.entries(files).find(([name]) => name === path)?.[1];

/** @throws request_too_large, invalid_request */
async function readBody(request: IncomingMessage): Promise<JsonObject> {
  const tooLarge = () => new GatewayError('request_too_large');
  const body = parseStrictObject((await readBytes(request, BODY_BYTES_MAX, tooLarge)).toString());
  if (body === undefined) throw new GatewayError('invalid_request');
  return body;
}
