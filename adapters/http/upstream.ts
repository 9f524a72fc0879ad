/**
 * Calls providers by `node:http` and `node:https` with keep-alive. Global `fetch` costs a quarter of a millisecond more
 * CPU a request, and 300 ms more on its first use at a small Lambda's share.
 * A failure before the provider can have accepted the request is `transient`; after any other it may have billed.
 */
import type { ClientRequest, Agent as HttpAgent, IncomingMessage, RequestOptions } from 'node:http';
import type { Agent as HttpsAgent } from 'node:https';
import { GatewayError } from '../../core/base/errors.ts';
import type { Clock } from '../../core/base/ports.ts';
import type { Upstream, UpstreamRequest } from '../../core/providers/ports.ts';
import { http, loadHttps } from '../system.ts';

export interface UpstreamOptions {
  /** Name look-up, TCP and TLS together, in ms. @default 10000 */
  readonly connectTimeoutMs?: number;
  /** Between two reads of the answer, in ms. @default 300000 */
  readonly idleTimeoutMs?: number;
  /**
   * The time that an idle connection is kept, in ms. A request on a connection whose other end has closed is lost, and
   * nobody knows whether the provider got it.
   * @default 50000 with TLS: providers and their balancers keep theirs for a minute or more. 4000 without TLS, which
   *   means a server of one's own: Node's and Python's keep theirs for five seconds
   */
  readonly freeMs?: number;
  /** After the last event, the final bytes may still be under way. With them the connection can be kept. @default 250 */
  readonly endGraceMs?: number;
}

const SOCKETS_MAX = 256;
const FREE_SOCKETS_MAX = 32;
const TLS_FREE_MS = 50_000;
const PLAIN_FREE_MS = 4_000;
const TRIES_MAX = 2;

type Timeouts = Required<Omit<UpstreamOptions, 'freeMs'>>;
interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

/** Makes the way to all providers. Connections are kept between requests; each request ends by its own deadline. */
export function makeUpstream(clock: Clock, { freeMs, ...options }: UpstreamOptions = {}): Upstream {
  const timeouts: Timeouts = {
    connectTimeoutMs: 10_000,
    idleTimeoutMs: 300_000,
    endGraceMs: 250,
    ...options,
  };
  const sockets = { keepAlive: true, maxSockets: SOCKETS_MAX, maxFreeSockets: FREE_SOCKETS_MAX };
  let tlsAgent: HttpsAgent | undefined;
  // An agent's `timeout` ends only connections that no request is using.
  const agents = {
    http: new http.Agent({ ...sockets, timeout: freeMs ?? PLAIN_FREE_MS }),
    get https() {
      tlsAgent ??= new (loadHttps().Agent)({ ...sockets, timeout: freeMs ?? TLS_FREE_MS });
      return tlsAgent;
    },
  };
  return {
    async send(request) {
      for (let attempt = 1; ; attempt++) {
        const started = startRequest(request, agents, timeouts, clock);
        try {
          const response = await started.response;
          return {
            status: response.statusCode ?? 0,
            headers: readHeaders(response),
            body: readBody(response, started, timeouts),
          };
        } catch (error) {
          if (attempt === TRIES_MAX || !started.wasNotSent()) throw error;
        }
      }
    },
  };
}

interface StartedRequest {
  readonly response: Promise<IncomingMessage>;
  /** True if a kept connection turned out closed before the request was written: it may be sent again. */
  wasNotSent(): boolean;
  /** The reason for which we ended it, if we did. */
  endedBy(): GatewayError | undefined;
  stop(): void;
  end(reason: GatewayError): void;
}

function startRequest(
  { url, headers, body, deadlineAtMs }: UpstreamRequest,
  agents: Agents,
  { connectTimeoutMs }: Timeouts,
  clock: Clock,
): StartedRequest {
  const isTls = url.startsWith('https:');
  const options: RequestOptions = {
    method: 'POST',
    agent: isTls ? agents.https : agents.http,
    headers: {
      ...headers,
      'user-agent': 'hallpass',
      'accept-encoding': 'identity',
      'content-length': Buffer.byteLength(body),
    },
  };
  const request = (isTls ? loadHttps() : http).request(url, options);
  let reason: GatewayError | undefined;
  let failure: NodeJS.ErrnoException | undefined;
  const end = (error: GatewayError): void => {
    reason ??= error;
    request.destroy();
  };
  const timeLeftMs = Math.max(0, deadlineAtMs - clock.nowMs());
  const deadline = setTimeout(() => end(timedOut('the deadline')), timeLeftMs);
  const connection = watchConnection(request, connectTimeoutMs, end);
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', (error: NodeJS.ErrnoException) => {
      failure ??= error;
      // After a reset while reading, the provider may have the request. After a failed write it does not.
      const isUntaken = !connection.isMade() || error.syscall === 'write';
      reject(reason ?? toUpstreamError(error, isUntaken));
    });
  }).finally(() => connection.stopWaiting());
  request.once('close', () => clearTimeout(deadline));
  request.end(body);
  return {
    response,
    wasNotSent: () => request.reusedSocket && failure?.syscall === 'write' && reason === undefined,
    endedBy: () => reason,
    stop: () => clearTimeout(deadline),
    end,
  };
}

interface ConnectionWatch {
  /** True once TCP, and TLS where it is used, are established. */
  isMade(): boolean;
  stopWaiting(): void;
}

/** Gives up a connection that is not made in time. The provider has then seen nothing. */
function watchConnection(
  request: ClientRequest,
  connectTimeoutMs: number,
  end: (error: GatewayError) => void,
): ConnectionWatch {
  let isMade = false;
  const giveUp = (): void =>
    end(new GatewayError('upstream_timeout', { detail: 'no connection', transient: true }));
  const timer = setTimeout(giveUp, connectTimeoutMs);
  const made = (): void => {
    isMade = true;
    clearTimeout(timer);
  };
  request.once('socket', (socket) => {
    if (socket.connecting) socket.once('encrypted' in socket ? 'secureConnect' : 'connect', made);
    else made();
  });
  return { isMade: () => isMade, stopWaiting: () => clearTimeout(timer) };
}

const timedOut = (what: string): GatewayError =>
  new GatewayError('upstream_timeout', { detail: `the provider did not answer in time: ${what}` });

const toUpstreamError = (cause: Error, transient: boolean): GatewayError =>
  new GatewayError('upstream_error', { cause, transient });

/** Only these are used; no other header of a provider goes on. */
const READ_HEADERS = ['content-type', 'retry-after', 'x-amzn-errortype'] as const;

function readHeaders({ headers }: IncomingMessage): Record<string, string> {
  const read: Record<string, string> = {};
  for (const name of READ_HEADERS) {
    const value = headers[name];
    if (typeof value === 'string') read[name] = value;
  }
  return read;
}

/** Yields the bytes as they come. If the reader leaves early, the connection is kept if the end is near, else ended. */
async function* readBody(
  response: IncomingMessage,
  started: StartedRequest,
  { idleTimeoutMs, endGraceMs }: Timeouts,
): AsyncGenerator<Uint8Array, void, undefined> {
  const idle = setTimeout(() => started.end(timedOut('silence')), idleTimeoutMs);
  try {
    for await (const read of response.iterator({ destroyOnReturn: false })) {
      idle.refresh();
      yield read;
    }
    if (!response.complete) throw new Error('the connection was closed early');
  } catch (error) {
    throw started.endedBy() ?? toUpstreamError(error as Error, false);
  } finally {
    clearTimeout(idle);
    leave(response, started, endGraceMs);
  }
}

function leave(response: IncomingMessage, started: StartedRequest, endGraceMs: number): void {
  // Nobody reads this answer any more, so its errors no longer matter.
  response.on('error', () => {});
  if (response.readableEnded || response.destroyed) {
    started.stop();
    return;
  }
  const grace = setTimeout(() => response.destroy(), endGraceMs);
  response.once('close', () => clearTimeout(grace));
  response.resume();
}
