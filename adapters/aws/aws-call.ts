/**
 * A bare signed call to AWS: the JSON protocol, Signature Version 4, keep-alive, one timeout, no retries.
 * The SDK's clients do the same in 325 kB, tens of milliseconds of start and half a millisecond a call (docs/decisions/0002).
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
 */
import type { AwsCredentials, Environment } from './environment.ts';
import { makeSigner } from './signature.ts';
import { ExchangeError, makeSocketPool } from './socket-pool.ts';

/**
 * Calls one operation of one service.
 * @param timeoutMs less time than the call has otherwise
 * @throws AwsCallError for anything but a 200
 */
export type AwsCall = (
  operation: string,
  input: object,
  timeoutMs?: number,
) => Promise<Record<string, unknown>>;

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

/** The call to the tables of an environment. */
export const callDynamoDb = (
  { dynamodbUrl: url, region, credentials }: Environment,
  timeoutMs: number,
): AwsCall =>
  makeAwsCall({
    url,
    service: 'dynamodb',
    targetPrefix: 'DynamoDB_20120810',
    region,
    credentials,
    timeoutMs,
  });

/** The call to the secrets of an environment. */
export const callSecretsManager = (
  { secretsManagerUrl: url, region, credentials }: Environment,
  timeoutMs: number,
): AwsCall =>
  makeAwsCall({
    url,
    service: 'secretsmanager',
    targetPrefix: 'secretsmanager',
    region,
    credentials,
    timeoutMs,
  });

/** Makes the call. Its connections live as long as it does. */
export function makeAwsCall(options: AwsCallOptions): AwsCall {
  const { service, targetPrefix } = options;
  const { protocol, hostname, port, host } = new URL(options.url);
  const isPlain = protocol === 'http:';
  const pool = makeSocketPool({
    protocol: isPlain ? 'http:' : 'https:',
    // URL keeps the brackets of an IPv6 address; a socket does not take them.
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (isPlain ? 80 : 443) : Number(port),
    socketsMax: SOCKETS_MAX,
    idleMs: IDLE_SOCKET_MS,
    answerBytesMax: RESPONSE_BYTES_MAX,
  });
  const contentType = `application/x-amz-json-${JSON_VERSIONS[service]}`;
  const sign = makeSigner(options);

  async function once(
    operation: string,
    body: string,
    timeoutMs: number,
  ): Promise<Record<string, unknown>> {
    const target = `${targetPrefix}.${operation}`;
    const headers = sign({ host, contentType, target, body, atMs: Date.now() });
    const request = toRequest(headers, body);
    try {
      const { status, text } = await pool.exchange(request, timeoutMs);
      return parseAnswer(operation, status, text);
    } catch (error) {
      if (error instanceof ExchangeError) throw new AwsCallError(error.fault, operation, 0);
      throw error;
    }
  }

  return async (operation, input, withinMs = options.timeoutMs) => {
    const body = JSON.stringify(input);
    const timeoutMs = Math.min(withinMs, options.timeoutMs);
    try {
      return await once(operation, body, timeoutMs);
    } catch (error) {
      if (!READS.has(operation) || !isBroken(error)) throw error;
      return once(operation, body, timeoutMs);
    }
  };
}

/** @throws TypeError for a header value that could end its line: a session token comes from the environment */
function toRequest(headers: Readonly<Record<string, string>>, body: string): string {
  let head = 'POST / HTTP/1.1\r\n';
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[\x20-\x7e]*$/.test(value)) throw new TypeError(`the header "${name}" cannot be sent`);
    head += `${name}: ${value}\r\n`;
  }
  return `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/**
 * Reads are sent once more when the connection broke, as one does that went stale while the environment was frozen.
 * Writes never are: whoever repeats a write must be able to tell its attempts apart.
 */
const READS: ReadonlySet<string> = new Set(['GetItem', 'BatchGetItem', 'Query', 'GetSecretValue']);
const isBroken = (error: unknown): boolean =>
  error instanceof AwsCallError && error.name === 'NetworkError';

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
