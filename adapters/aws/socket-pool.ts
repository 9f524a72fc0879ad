/**
 * Whole HTTP/1.1 exchanges over kept connections, one at a time on each: what the signed calls need and no more.
 * Node's own client spends some 0.2 ms of processor time a request, five times what the exchange takes; three of them
 * are on every request's path, at a small Lambda's share of a processor (docs/decisions/0002).
 * RFC 9112: status line 4, message body length 6.3, chunked coding 7.1, persistence 9.3.
 */
import net, { type Socket } from 'node:net';
import tls from 'node:tls';

export interface PoolOptions {
  readonly protocol: 'http:' | 'https:';
  readonly hostname: string;
  readonly port: number;
  readonly socketsMax: number;
  /** A connection idle for longer is left, so that one the other end has closed is rarely picked. */
  readonly idleMs: number;
  readonly answerBytesMax: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** Why there is no whole answer. Nothing of what was sent or received is in it. */
export type ExchangeFault = 'TimeoutError' | 'NetworkError' | 'ResponseTooLarge';

export class ExchangeError extends Error {
  readonly fault: ExchangeFault;

  constructor(fault: ExchangeFault) {
    super(fault);
    this.fault = fault;
  }
}

export interface SocketPool {
  /**
   * Sends one request and reads its answer.
   * @param request the whole message, head and body
   * @throws ExchangeError
   */
  exchange(request: string, timeoutMs: number): Promise<HttpAnswer>;
}

/** More waiting than that is an outage: the caller's timeouts would end them anyway. */
const WAITING_MAX = 2_048;
const HEAD_BYTES_MAX = 65_536;

export function makeSocketPool(options: PoolOptions): SocketPool {
  const idle: Connection[] = [];
  const waiting: (() => void)[] = [];
  let open = 0;

  function connect(): Connection {
    open += 1;
    const connection = new Connection(openSocket(options), options.answerBytesMax, () => {
      open -= 1;
      const at = idle.indexOf(connection);
      if (at >= 0) idle.splice(at, 1);
      waiting.shift()?.();
    });
    return connection;
  }

  function release(connection: Connection): void {
    if (!connection.isReusable()) return;
    connection.rest(options.idleMs);
    idle.push(connection);
    waiting.shift()?.();
  }

  async function acquire(): Promise<Connection> {
    for (;;) {
      const kept = idle.pop();
      if (kept !== undefined) return kept;
      if (open < options.socketsMax) return connect();
      if (waiting.length >= WAITING_MAX) throw new ExchangeError('NetworkError');
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  }

  return {
    async exchange(request, timeoutMs) {
      const connection = await acquire();
      try {
        return await connection.exchange(request, timeoutMs);
      } finally {
        release(connection);
      }
    },
  };
}

const openSocket = ({ protocol, hostname, port }: PoolOptions): Socket => {
  const socket =
    protocol === 'https:'
      ? tls.connect({ host: hostname, port, servername: hostname })
      : net.connect({ host: hostname, port });
  return socket.setNoDelay(true);
};

interface Pending {
  readonly resolve: (answer: HttpAnswer) => void;
  readonly reject: (error: ExchangeError) => void;
  readonly timer: NodeJS.Timeout;
}

/** One connection: idle, or with one request under way. */
class Connection {
  readonly #socket: Socket;
  readonly #answerBytesMax: number;
  #pending: Pending | undefined;
  #received: Buffer = Buffer.alloc(0);
  #isOpen = true;

  constructor(socket: Socket, answerBytesMax: number, onClose: () => void) {
    this.#socket = socket;
    this.#answerBytesMax = answerBytesMax;
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
    socket.on('end', () => this.#onEnd());
    // `close` follows; the error's words may quote what was sent.
    socket.on('error', () => {});
    socket.on('timeout', () => socket.destroy());
    socket.on('close', () => {
      this.#isOpen = false;
      this.#fail('NetworkError');
      onClose();
    });
  }

  isReusable(): boolean {
    return this.#isOpen && this.#pending === undefined && !this.#socket.destroyed;
  }

  rest(idleMs: number): void {
    this.#socket.setTimeout(idleMs);
    this.#socket.unref();
  }

  exchange(request: string, timeoutMs: number): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail('TimeoutError'), timeoutMs);
      this.#pending = { resolve, reject, timer };
      this.#socket.setTimeout(0);
      this.#socket.ref();
      this.#socket.write(request);
    });
  }

  #read(bytes: Buffer): void {
    if (this.#pending === undefined) {
      this.#socket.destroy(); // Bytes that nobody asked for: the connection is out of step.
      return;
    }
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    if (this.#received.length > this.#answerBytesMax + HEAD_BYTES_MAX) {
      this.#fail('ResponseTooLarge');
      return;
    }
    const answer = parseAnswer(this.#received);
    if (answer !== 'incomplete') this.#settle(answer);
  }

  /** An answer without a length ends with its connection. */
  #onEnd(): void {
    const answer = this.#pending && parseAnswer(this.#received, true);
    if (answer !== undefined && answer !== 'incomplete') this.#settle(answer);
    this.#socket.destroy();
  }

  #settle(answer: ParsedAnswer): void {
    if (answer === 'broken') {
      this.#fail('NetworkError');
      return;
    }
    const pending = this.#take();
    if (!answer.keepsAlive) this.#socket.destroy();
    if (answer.body.length > this.#answerBytesMax) {
      pending?.reject(new ExchangeError('ResponseTooLarge'));
    } else pending?.resolve({ status: answer.status, text: answer.body.toString('utf8') });
  }

  #fail(fault: ExchangeFault): void {
    const pending = this.#take();
    this.#socket.destroy();
    pending?.reject(new ExchangeError(fault));
  }

  #take(): Pending | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    this.#received = Buffer.alloc(0);
    clearTimeout(pending?.timer);
    return pending;
  }
}

type ParsedAnswer =
  | 'broken'
  | { readonly status: number; readonly body: Buffer; readonly keepsAlive: boolean };

const HEAD_END = '\r\n\r\n';

/** @param hasEnded the connection is at its end, which ends a body without a length */
function parseAnswer(bytes: Buffer, hasEnded = false): ParsedAnswer | 'incomplete' {
  const headBytes = bytes.indexOf(HEAD_END);
  if (headBytes < 0) return bytes.length > HEAD_BYTES_MAX ? 'broken' : 'incomplete';
  const head = bytes.toString('latin1', 0, headBytes);
  const status = Number(/^HTTP\/1\.1 ([2-5]\d\d)(?: |$|\r)/.exec(head)?.[1]);
  if (Number.isNaN(status)) return 'broken';
  const body = bytes.subarray(headBytes + HEAD_END.length);
  const isClosing = /\r\nconnection: *close/i.test(head);
  if (/\r\ntransfer-encoding:/i.test(head)) {
    const decoded = decodeChunks(body);
    return typeof decoded === 'string'
      ? decoded
      : { status, body: decoded, keepsAlive: !isClosing };
  }
  const length = /\r\ncontent-length: *(\d+) *(?:\r|$)/i.exec(head)?.[1];
  if (length === undefined) return hasEnded ? { status, body, keepsAlive: false } : 'incomplete';
  if (body.length < Number(length)) return 'incomplete';
  // More than was announced is an answer to nothing: the connection is not used again.
  const keepsAlive = !isClosing && body.length === Number(length);
  return { status, body: body.subarray(0, Number(length)), keepsAlive };
}

/** RFC 9112, 7.1, without trailers of use: they are passed over. */
function decodeChunks(bytes: Buffer): Buffer | 'incomplete' | 'broken' {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return 'incomplete';
    const digits = /^[\da-f]{1,8}(?=;|$)/i.exec(bytes.toString('latin1', at, lineEnd))?.[0];
    if (digits === undefined) return 'broken';
    const size = Number.parseInt(digits, 16);
    const start = lineEnd + 2;
    if (size === 0)
      return bytes.indexOf(HEAD_END, lineEnd) < 0 ? 'incomplete' : Buffer.concat(chunks);
    if (bytes.length < start + size + 2) return 'incomplete';
    chunks.push(bytes.subarray(start, start + size));
    at = start + size + 2;
  }
}
