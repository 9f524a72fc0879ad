/**
 * The seam to AWS: one operation of one service, with its JSON input, answered by its JSON output or an `AwsCallError`.
 * Two adapters implement it, and test/ports/aws-call.contract.ts expects the same answers and faults of both:
 * https-call.ts where a request waits, sdk-call.ts where none does (docs/decisions/0002).
 * No adapter repeats a write: only its caller can tell two attempts apart.
 */
import type { Readable } from 'node:stream';
import type { Environment } from './environment.ts';

/**
 * Calls one operation of the service that the call was made for.
 * @param timeoutMs for the whole call, connect to last byte; the call's own limit holds too
 * @throws AwsCallError for anything but a 200 with a JSON object
 */
export type AwsCall = (
  operation: string,
  input: object,
  timeoutMs?: number,
) => Promise<Record<string, unknown>>;

/** The address of the tables, and the credentials to call them with. */
export type TablesEndpoint = Pick<Environment, 'dynamodbUrl' | 'region' | 'credentials'>;

/** The address of the secrets, and the credentials to call them with. */
export type SecretsEndpoint = Pick<Environment, 'secretsManagerUrl' | 'region' | 'credentials'>;

/** A call that failed. Its message holds names and numbers only, no word of a request or an answer. */
export class AwsCallError extends Error {
  /** HTTP status; 0 when there was no whole answer. */
  readonly status: number;
  /** The fields of the service's answer, such as `Item` or `CancellationReasons`; empty when it is not readable. */
  readonly body: Readonly<Record<string, unknown>>;

  /** @param name AWS's error name, or a `CallFault` */
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

/** Reasons for which there is no answer of the service. */
export type CallFault = 'TimeoutError' | 'NetworkError' | 'ResponseTooLarge' | 'UnreadableResponse';

/** The largest answer is a page of 1 MB of items, whose JSON is at most a few times that. */
export const RESPONSE_BYTES_MAX = 4 * 1024 * 1024;
/** The local gateway serves all requests in one process; a Lambda needs a few at most. */
export const SOCKETS_MAX = 256;

/** Thrown by `readAnswer`. */
export class AnswerTooLarge extends Error {}

/**
 * Reads an answer's bytes.
 * @throws AnswerTooLarge beyond `RESPONSE_BYTES_MAX`; the stream's error, or an `Error` when it ends early
 */
export function readAnswer(answer: Readable): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > RESPONSE_BYTES_MAX) answer.destroy(new AnswerTooLarge());
      else chunks.push(chunk);
    });
    answer.on('end', () => resolve(Buffer.concat(chunks)));
    answer.on('error', reject);
    answer.on('close', () => {
      if (!answer.readableEnded) reject(new Error('the answer ended early'));
    });
  });
}

const READS: ReadonlySet<string> = new Set([
  ...['GetItem', 'BatchGetItem', 'Query', 'GetSecretValue', 'DescribeSecret'],
]);

/** Sends a read once more when the connection broke: it may have gone stale while a Lambda was frozen. */
export async function repeatBrokenRead<Output>(
  operation: string,
  send: () => Promise<Output>,
): Promise<Output> {
  try {
    return await send();
  } catch (error) {
    const isBroken = error instanceof AwsCallError && error.name === 'NetworkError';
    if (!isBroken || !READS.has(operation)) throw error;
    return send();
  }
}
