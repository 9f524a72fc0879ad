/**
 * A bare signed call to AWS: the JSON protocol, Signature Version 4, keep-alive, one timeout, no retries.
 * The SDK's clients do the same in 325 kB, tens of milliseconds of start and half a millisecond a call (docs/decisions/0002).
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
 */
import http from 'node:http';
import https from 'node:https';
import type { AwsCredentials } from './environment.ts';
import { makeSigner } from './signature.ts';

/**
 * Calls one operation of one service.
 * @throws AwsCallError for anything but a 200
 */
export type AwsCall = (operation: string, input: object) => Promise<Record<string, unknown>>;

export interface AwsCallOptions {
  readonly url: string;
  readonly service: 'dynamodb' | 'secretsmanager';
  /** What stands before the operation in `X-Amz-Target`: `DynamoDB_20120810`, `secretsmanager`. */
  readonly targetPrefix: string;
  readonly region: string;
  readonly credentials: AwsCredentials;
  /** For the whole call, connect to last byte. */
  readonly timeoutMs: number;
}

/** A call that failed. Its message holds names and numbers only, never a word of a request or an answer. */
export class AwsCallError extends Error {
  /** HTTP status; 0 when there was no whole answer. */
  readonly status: number;
  /** The parsed answer: `Item`, `CancellationReasons` and the like; empty when it was not JSON. */
  readonly body: Readonly<Record<string, unknown>>;

  /** @param name AWS's error name, or `TimeoutError`, `NetworkError`, `ResponseTooLarge`, `UnreadableResponse` */
  constructor(
    name: string,
    operation: string,
    status: number,
    body: Readonly<Record<string, unknown>> = {},
  ) {
    super(`${operation}: ${name} (${status})`);
    this.name = name;
    this.status = status;
    this.body = body;
  }
}

/** The largest answer asked for is a page of 1 MB of items; their JSON is at most a few times that. */
export const RESPONSE_BYTES_MAX = 4 * 1024 * 1024;
/** Locally one process serves every request at once; a Lambda never needs more than a few. */
const SOCKETS_MAX = 256;
/** A connection idle for longer is left, so that one the other end has closed is rarely picked. */
const IDLE_SOCKET_MS = 20_000;
const JSON_VERSIONS = { dynamodb: '1.0', secretsmanager: '1.1' } as const;

/** Makes the call. Its connections live as long as it does. */
export function makeAwsCall(options: AwsCallOptions): AwsCall {
  const { service, targetPrefix, timeoutMs } = options;
  const { protocol, hostname, port, host } = new URL(options.url);
  const transport = protocol === 'https:' ? https : http;
  const agent = new transport.Agent({
    keepAlive: true,
    maxSockets: SOCKETS_MAX,
    timeout: IDLE_SOCKET_MS,
  });
  const target = { method: 'POST', hostname, port, path: '/', agent };
  const contentType = `application/x-amz-json-${JSON_VERSIONS[service]}`;
  const sign = makeSigner(options);

  async function once(operation: string, body: string): Promise<Record<string, unknown>> {
    const signed = sign({
      host,
      contentType,
      target: `${targetPrefix}.${operation}`,
      body,
      atMs: Date.now(),
    });
    const headers = { ...signed, 'content-length': Buffer.byteLength(body) };
    const { status, text } = await exchange(
      () => transport.request({ ...target, headers }),
      operation,
      body,
      timeoutMs,
    );
    return parseAnswer(operation, status, text);
  }

  return async (operation, input) => {
    const body = JSON.stringify(input);
    try {
      return await once(operation, body);
    } catch (error) {
      if (!READS.has(operation) || !isBroken(error)) throw error;
      return once(operation, body);
    }
  };
}

/**
 * Reads are sent once more when the connection broke, as one does that went stale while the environment was frozen.
 * Writes never are: whoever repeats a write must be able to tell its attempts apart.
 */
const READS: ReadonlySet<string> = new Set(['GetItem', 'BatchGetItem', 'Query', 'GetSecretValue']);
const isBroken = (error: unknown): boolean =>
  error instanceof AwsCallError && error.name === 'NetworkError';

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Sends and reads to the end. An error's own words are dropped: a socket's or a parser's may quote what was sent. */
function exchange(
  open: () => http.ClientRequest,
  operation: string,
  body: string,
  timeoutMs: number,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = open();
    const fail = (name: string): void => {
      clearTimeout(timer);
      reject(new AwsCallError(name, operation, 0));
      request.destroy();
    };
    const timer = setTimeout(() => fail('TimeoutError'), timeoutMs);
    request.on('error', () => fail('NetworkError'));
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > RESPONSE_BYTES_MAX) fail('ResponseTooLarge');
        else chunks.push(chunk);
      });
      response.on('error', () => fail('NetworkError'));
      response.on('aborted', () => fail('NetworkError'));
      response.on('end', () => {
        clearTimeout(timer);
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks, bytes).toString('utf8'),
        });
      });
    });
    request.end(body);
  });
}

function parseAnswer(operation: string, status: number, text: string): Record<string, unknown> {
  const body = parseObject(text);
  if (status === 200 && body !== undefined) return body;
  throw new AwsCallError(nameOf(body), operation, status, body);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined; // What is not JSON did not come from the service; the caller names it.
  }
}

/** `com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException` is named by what stands after the `#`. */
function nameOf(body: Record<string, unknown> | undefined): string {
  const name = /(?:^|#)(\w+)$/.exec(String(body?.__type ?? ''))?.[1];
  return name ?? 'UnreadableResponse';
}
