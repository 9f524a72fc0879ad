/**
 * Sends a streamed integration's answer to the client, as API Gateway does: metadata as JSON, eight NULs, then bytes
 * that pass unchanged. When a client leaves, the rest of the function's bytes is accepted and dropped, so that the
 * function reaches its end and settles.
 */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Writable } from 'node:stream';

/** Status and headers do not fit into more (API Gateway's limit on response headers is 10,240 bytes). */
const PRELUDE_BYTES_MAX = 16_384;
const PRELUDE_END = Buffer.alloc(8);
/** Bytes that may wait for a slow client, beyond the socket's own buffers. */
const WAITING_BYTES_MAX = 65_536;
/** A client that takes nothing for this long while bytes wait for it counts as gone. */
export const STALL_MS = 60_000;
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * The stream that a function writes to. When there is no usable prelude, it calls `refuse` to answer the client, with
 * the function's error if there was one.
 */
export class IntegrationAnswer extends Writable {
  readonly #client: ServerResponse;
  readonly #refuse: (error?: Error) => void;
  readonly #stallMs: number;
  /** Bytes before the prelude's end; undefined once the prelude is read. */
  #head: Buffer | undefined = NOTHING;
  /** Read, and not sent yet: an answer that is complete by the end of this turn leaves in one piece. */
  #prelude: Prelude | undefined;
  #first: Buffer = NOTHING;
  #discarding = false;
  #proceed: (() => void) | undefined;
  #stall: NodeJS.Timeout | undefined;

  constructor(client: ServerResponse, refuse: (error?: Error) => void, stallMs: number = STALL_MS) {
    super({ highWaterMark: WAITING_BYTES_MAX });
    this.#client = client;
    this.#refuse = refuse;
    this.#stallMs = stallMs;
    if (client.destroyed) this.#discard();
    client.once('close', () => this.#discard());
    client.on('drain', () => this.#goOn());
    // A write to a connection that has just closed; `close` follows.
    client.on('error', () => this.#discard());
    // `_destroy` has answered the client; the function's caller gets the error.
    this.on('error', () => {});
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const bytes = this.#head === undefined ? chunk : this.#readPrelude(chunk);
    if (this.#prelude !== undefined && this.#first.length === 0) {
      this.#first = bytes;
      done();
      return;
    }
    this.#sendHead();
    if (this.#discarding || bytes.length === 0 || this.#client.write(bytes)) {
      done();
      return;
    }
    this.#proceed = done;
    this.#stall = setTimeout(() => this.#client.destroy(), this.#stallMs);
  }

  override _final(done: () => void): void {
    if (!this.#discarding) {
      if (this.#head !== undefined) this.#refuse();
      else if (this.#sendHead(true)) this.#client.end();
    }
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#prelude = undefined;
    // Cuts the connection: a truncated answer must not look like a complete one.
    if (error !== null && !this.#discarding) {
      if (this.#client.headersSent) this.#client.destroy();
      else this.#refuse(error);
    }
    clearTimeout(this.#stall);
    done(error);
  }

  /** @returns the first bytes of the body, once the prelude is complete */
  #readPrelude(chunk: Buffer): Buffer {
    const head = this.#head?.length ? Buffer.concat([this.#head, chunk]) : chunk;
    const end = head.indexOf(PRELUDE_END);
    this.#head = head;
    if (end === -1 && head.length <= PRELUDE_BYTES_MAX) return NOTHING;
    this.#head = undefined;
    if (this.#discarding) return NOTHING;
    const prelude = end === -1 ? undefined : parsePrelude(head.subarray(0, end));
    if (prelude === undefined) {
      this.#refuse();
      this.#discard();
      return NOTHING;
    }
    this.#prelude = prelude;
    setImmediate(() => {
      if (this.#sendHead() && !this.#client.writableEnded) this.#client.flushHeaders();
    });
    return head.subarray(end + PRELUDE_END.length);
  }

  /**
   * Sends the head and the first bytes, once. A stream's head leaves at the turn's end, even without a body.
   * @param isComplete true when nothing follows: the answer then has a length
   * @returns whether the client can take more
   */
  #sendHead(isComplete = false): boolean {
    const prelude = this.#prelude;
    this.#prelude = undefined;
    if (prelude !== undefined && !this.#discarding) {
      const length = isComplete ? { 'content-length': this.#first.length } : {};
      try {
        this.#client.writeHead(prelude.status, { ...prelude.headers, ...length });
        if (this.#first.length > 0) this.#client.write(this.#first);
      } catch {
        // A header that HTTP forbids. Nothing has been sent.
        this.#refuse();
        this.#discard();
      }
      this.#first = NOTHING;
    }
    return !this.#discarding && !this.#client.destroyed;
  }

  #discard(): void {
    this.#discarding = true;
    this.#goOn();
  }

  #goOn(): void {
    clearTimeout(this.#stall);
    const proceed = this.#proceed;
    this.#proceed = undefined;
    proceed?.();
  }
}

interface Prelude {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
}

/** This server does the framing itself. */
const DROPPED_HEADERS: ReadonlySet<string> = new Set(['connection', 'transfer-encoding']);

function parsePrelude(bytes: Buffer): Prelude | undefined {
  try {
    return readAnswerHead(JSON.parse(bytes.toString()));
  } catch {
    return undefined;
  }
}

/** Reads status and headers of a function's answer, streamed or not; undefined when they have another form. */
export function readAnswerHead(answer: unknown): Prelude | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { statusCode, headers } = answer as Record<string, unknown>;
  const status = Number(statusCode);
  if (!Number.isInteger(status) || status < 200 || status > 599) return undefined;
  const all: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (!DROPPED_HEADERS.has(name.toLowerCase())) all[name.toLowerCase()] = String(value);
  }
  return { status, headers: all };
}
