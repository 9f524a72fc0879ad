/**
 * Lambda functions in this process, called as AWS's runtime calls them: the `awslambda` global, the context, the
 * time limit, the prelude of a streamed answer. What is passed on is not copied: events and chunks go by reference.
 */
import { randomUUID } from 'node:crypto';
import { PassThrough, type Readable, type Writable } from 'node:stream';

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

/** What a handler is told of its invocation: the members of AWS's context that functions use. */
export interface InvocationContext {
  readonly awsRequestId: string;
  readonly functionName: string;
  readonly functionVersion: string;
  readonly invokedFunctionArn: string;
  readonly memoryLimitInMB: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
  readonly callbackWaitsForEmptyEventLoop: boolean;
  getRemainingTimeInMillis(): number;
}

/** Any handler: what it takes is its own matter, as in Lambda. */
type Handler = (...args: never[]) => unknown;
type BufferedHandler = (event: object, context: InvocationContext) => unknown;
type StreamingHandler = (event: object, output: Writable, context: InvocationContext) => unknown;

interface InvokeOptions {
  /** The function's timeout, in ms: from then on its answer counts for nothing. */
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
  setContentType?: (contentType: string) => void;
  _onBeforeFirstWrite?: (write: (chunk: Uint8Array) => void) => void;
}

/**
 * Sets the `awslambda` global, which streaming handlers are made with: call it before they are. As in AWS's runtime
 * (aws-lambda-ric 4, `http-response-stream`) the prelude leaves with the first write, not before.
 */
export function installAwsLambda(): void {
  Object.assign(globalThis, {
    awslambda: {
      streamifyResponse: (handler: object) => Object.assign(handler, { [STREAMING]: 'response' }),
      HttpResponseStream: {
        from(stream: ResponseStream, metadata: object): ResponseStream {
          stream.setContentType?.('application/vnd.awslambda.http-integration-response');
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
export const makeBufferedFunction = (
  handler: Handler,
  options: InvokeOptions,
): BufferedFunction => ({ invoke: (event) => invokeBuffered(handler, event, options) });

/** The same for a handler made by `awslambda.streamifyResponse`. */
export const makeStreamingFunction = (
  handler: Handler,
  options: InvokeOptions,
): StreamingFunction => ({
  invoke: (event, output) => streamInto(output, handler, event, options),
});

/** Calls a buffered handler once. */
export function invokeBuffered(
  handler: Handler,
  event: object,
  { timeoutMs }: InvokeOptions,
): Promise<unknown> {
  const run = handler as BufferedHandler;
  return withinTimeout(timeoutMs, async () => run(event, makeContext(timeoutMs)));
}

/** Calls a streaming handler once; the stream holds the prelude too, and fails when the function does. */
export function invokeStreaming(
  handler: Handler,
  event: object,
  options: InvokeOptions,
): { readonly stream: Readable } {
  const stream = new PassThrough();
  streamInto(stream, handler, event, options).catch(() => {
    // The stream was destroyed with the error: its reader is told.
  });
  return { stream };
}

async function streamInto(
  output: Writable,
  handler: Handler,
  event: object,
  { timeoutMs }: InvokeOptions,
): Promise<void> {
  const run = handler as StreamingHandler;
  prepare(output);
  try {
    await withinTimeout(timeoutMs, async () => run(event, output, makeContext(timeoutMs)));
    if (!output.writableEnded) throw new Error('response stream is not finished');
  } catch (error) {
    output.destroy(error instanceof Error ? error : new Error('function failed'));
    throw error;
  }
}

/** Gives a stream what a response stream has, until its first write; after it, a chunk costs nothing more. */
function prepare(output: ResponseStream): void {
  const { write } = output;
  output.setContentType = () => {};
  const firstWrite = (...args: Parameters<Writable['write']>): boolean => {
    output.write = write;
    output.setContentType = () => {
      throw new Error('Cannot set content-type, too late.');
    };
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
    functionName: 'local',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:local:000000000000:function:local',
    memoryLimitInMB: '512',
    logGroupName: '/aws/lambda/local',
    logStreamName: 'local',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => deadlineAtMs - Date.now(),
  };
}
