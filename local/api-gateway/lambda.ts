/**
 * Runs Lambda functions in this process and calls them as AWS's runtime does: the `awslambda` global, the context, the
 * time limit, the prelude of a streamed answer. Events and chunks are passed by reference, not copied.
 */
import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';

/** A function that answers with one JSON value: in this process, or in a sandbox. */
export interface BufferedFunction {
  /** Rejects with the function's own error, or with `FunctionTimeout`. */
  invoke(event: object): Promise<unknown>;
}

/** A function that streams: the prelude (JSON of status and headers), eight NULs, then the body. */
export interface StreamingFunction {
  /**
   * Resolves when the function has ended and `output` with it. When the function fails or runs out of time,
   * `output` is destroyed with the error and the promise rejects.
   */
  invoke(event: object, output: Writable): Promise<void>;
}

/** The members of AWS's context that the functions use. */
export interface InvocationContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

/** Any handler. As in Lambda, nothing checks the event that it expects. */
export type Handler = (...args: never[]) => unknown;
type BufferedHandler = (event: object, context: InvocationContext) => unknown;
type StreamingHandler = (event: object, output: Writable, context: InvocationContext) => unknown;

interface InvokeOptions {
  /** The function's timeout, in ms. A later answer is ignored. */
  readonly timeoutMs: number;
}

/** The function did not end within its timeout. */
export class FunctionTimeout extends Error {
  override readonly name = 'FunctionTimeout';
}

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const PRELUDE_END = Buffer.alloc(8);

/** A response stream before its first write, as AWS's runtime hands it to the handler. */
interface ResponseStream extends Writable {
  _onBeforeFirstWrite?: (write: (chunk: Uint8Array) => void) => void;
}

/**
 * Sets the `awslambda` global. Call it before a streaming handler is made. As in AWS's runtime (aws-lambda-ric 4,
 * `http-response-stream`) the prelude leaves with the first write, not before.
 */
export function installAwsLambda(): void {
  Object.assign(globalThis, {
    awslambda: {
      streamifyResponse: (handler: object) => Object.assign(handler, { [STREAMING]: 'response' }),
      HttpResponseStream: {
        from(stream: ResponseStream, metadata: object): ResponseStream {
          stream._onBeforeFirstWrite = (write) => {
            write(Buffer.concat([Buffer.from(JSON.stringify(metadata)), PRELUDE_END]));
          };
          return stream;
        },
      },
    },
  });
}

/** Makes a handler of this process a function that API Gateway can call. */
export function makeBufferedFunction(
  handler: Handler,
  { timeoutMs }: InvokeOptions,
): BufferedFunction {
  const run = handler as BufferedHandler;
  return {
    invoke: (event) => withinTimeout(timeoutMs, async () => run(event, makeContext(timeoutMs))),
  };
}

/** Does the same with a handler made by `awslambda.streamifyResponse`. */
export function makeStreamingFunction(
  handler: Handler,
  { timeoutMs }: InvokeOptions,
): StreamingFunction {
  const run = handler as StreamingHandler;
  return {
    async invoke(event, output) {
      sendPreludeFirst(output);
      try {
        await withinTimeout(timeoutMs, async () => run(event, output, makeContext(timeoutMs)));
        if (!output.writableEnded) throw new Error('response stream is not finished');
      } catch (error) {
        output.destroy(error instanceof Error ? error : new Error('function failed'));
        throw error;
      }
    },
  };
}

/** Sends the prelude with the first write. Later writes go straight to the stream. */
function sendPreludeFirst(output: ResponseStream): void {
  const { write } = output;
  const firstWrite = (...args: Parameters<Writable['write']>): boolean => {
    output.write = write;
    output._onBeforeFirstWrite?.((chunk) => output.write(chunk));
    return output.write(...args);
  };
  output.write = firstWrite as Writable['write'];
}

async function withinTimeout<T>(timeoutMs: number, run: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new FunctionTimeout(`function timed out after ${timeoutMs} ms`)),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([run(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function makeContext(timeoutMs: number): InvocationContext {
  const deadlineAtMs = Date.now() + timeoutMs;
  return {
    awsRequestId: randomUUID(),
    getRemainingTimeInMillis: () => deadlineAtMs - Date.now(),
  };
}
