/**
 * One execution environment of Lambda: a process with AWS's runtime client and a function's bundle, and the Runtime
 * API that it asks for work. It serves one invocation at a time, as Lambda does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { BufferedFunction, StreamingFunction } from '../local/api-gateway/lambda.ts';
import { listen } from '../local/listen.ts';
import type { ProcessorShare } from './share.ts';

const RUNTIME_CLIENT = fileURLToPath(import.meta.resolve('aws-lambda-ric'));
const COMPILED_PART = new URL('./runtime-client.mjs', import.meta.url).href;

export interface FunctionCode {
  readonly name: string;
  /** The folder of the bundle. */
  readonly taskRoot: string;
  /** `index.handler` */
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** The share of a processor that the process is held to. @default it is not held */
  readonly share?: ProcessorShare;
}

/** The time from the start of the process until it asks for work. */
export interface SandboxStart {
  readonly ms: number;
  readonly cpuMs: number;
}

/** A UUID, as Lambda's request ids are. */
const idOf = (count: number): string =>
  `00000000-0000-4000-8000-${String(count).padStart(12, '0')}`;

/** Takes a function's answer and ends with it. Rejects when the answer is an error. */
export type TakeAnswer = (answer: IncomingMessage) => Promise<void>;

interface Invocation {
  readonly id: string;
  readonly event: object;
  readonly take: TakeAnswer;
  readonly settle: (error?: Error) => void;
}

export class Sandbox {
  readonly #code: FunctionCode;
  #server: Server | undefined;
  #process: ChildProcess | undefined;
  /** The runtime client's open question for work. */
  #asking: ServerResponse | undefined;
  #invocation: Invocation | undefined;
  #invocations = 0;
  #isDead = false;
  readonly #started = Promise.withResolvers<SandboxStart>();
  #startedAtMs = 0;
  #cpuMs = 0;

  constructor(code: FunctionCode) {
    this.#code = code;
    this.#started.promise.catch(() => {}); // Not everyone waits for the start.
  }

  /** The processor time of the process when it last asked for work. */
  get cpuMs(): number {
    return this.#cpuMs;
  }

  get isFree(): boolean {
    return !this.#isDead && this.#invocation === undefined;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isBusy(): boolean {
    return this.#invocation !== undefined;
  }

  /** Starts the process, and waits until it asks for work. */
  async start(): Promise<SandboxStart> {
    await this.#start();
    return this.#started.promise;
  }

  /** Runs one invocation; starts the process when there is none. */
  async invoke(event: object, take: TakeAnswer): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { timeoutMs } = this.#code;
    this.#invocations += 1;
    const timer = setTimeout(() => this.kill(), timeoutMs);
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      this.#invocation = undefined;
      if (error === undefined) resolve();
      else reject(error);
    };
    this.#invocation = { id: idOf(this.#invocations), event, take, settle };
    if (this.#process === undefined) await this.#start();
    this.#handOut();
    await promise;
  }

  /** Ends the process, and waits until it has ended. */
  async end(): Promise<void> {
    const isRunning = this.#process?.exitCode === null && this.#process.signalCode === null;
    const ended = isRunning ? once(this.#process as ChildProcess, 'exit') : undefined;
    this.kill();
    await ended;
  }

  /** Ends the process in the middle of whatever it does. */
  kill(): void {
    this.#isDead = true;
    this.#process?.kill('SIGKILL');
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  async #start(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response));
    server.requestTimeout = 0;
    this.#server = server;
    const { host } = new URL(await listen(server));
    const { name, taskRoot, handler, environment, share } = this.#code;
    this.#startedAtMs = performance.now();
    // The shell moves itself into the share, and becomes the function.
    const { procs, command } = share ?? { procs: '/dev/null', command: [] };
    const shell = ['-c', 'echo $$ > "$0" && exec "$@"', procs, ...command];
    const client = [process.execPath, '--import', COMPILED_PART, RUNTIME_CLIENT];
    this.#process = spawn('/bin/sh', [...shell, ...client], {
      cwd: taskRoot,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        TZ: ':UTC',
        LAMBDA_TASK_ROOT: taskRoot,
        _HANDLER: handler,
        AWS_LAMBDA_RUNTIME_API: host,
        AWS_LAMBDA_FUNCTION_NAME: name,
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
        AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
        AWS_LAMBDA_LOG_STREAM_NAME: 'test',
        AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
        AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
        ...environment,
      },
    });
    this.#process.once('exit', () => {
      this.kill();
      this.#started.reject(new Error(`"${name}" ended before it asked for work`));
      this.#invocation?.settle(new Error('Runtime.ExitError'));
    });
  }

  #handOut(): void {
    const asking = this.#asking;
    if (asking === undefined || this.#invocation === undefined) return;
    this.#asking = undefined;
    const { id, event } = this.#invocation;
    const deadlineAtMs = Date.now() + this.#code.timeoutMs;
    asking.writeHead(200, {
      'content-type': 'application/json',
      'Lambda-Runtime-Aws-Request-Id': id,
      'Lambda-Runtime-Deadline-Ms': String(deadlineAtMs),
      'Lambda-Runtime-Invoked-Function-Arn': `arn:aws:lambda:local:000000000000:function:${this.#code.name}`,
    });
    asking.end(JSON.stringify(event));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.url?.endsWith('/invocation/next')) {
      const ms = performance.now() - this.#startedAtMs;
      this.#cpuMs = Number(request.headers['sandbox-cpu-micros']) / 1_000;
      this.#started.resolve({ ms, cpuMs: this.#cpuMs });
      this.#asking = response;
      this.#handOut();
      return;
    }
    const invocation = this.#invocation;
    const [id, kind] = request.url?.split('/').slice(-2) ?? [];
    if (invocation === undefined || (id !== invocation.id && kind !== 'error')) {
      response.writeHead(400).end();
      return;
    }
    const take = kind === 'response' ? invocation.take : takeError;
    const taken = () => response.writeHead(202).end('{"status":"OK"}');
    take(request).then(
      () => {
        taken();
        invocation.settle();
      },
      (error: unknown) => {
        taken();
        invocation.settle(error instanceof Error ? error : new Error('Runtime.Unknown'));
      },
    );
  }
}

/** Runs an invocation in some sandbox. */
export type Run = (event: object, take: TakeAnswer) => Promise<void>;

/** Makes a function that answers with one JSON value, for the local API Gateway. */
export const bufferedBy = (run: Run): BufferedFunction => ({
  async invoke(event) {
    let json = 'null';
    await run(event, async (answer) => {
      json = await text(answer);
    });
    return JSON.parse(json);
  },
});

/** Makes a function that streams, for the local API Gateway. */
export const streamingBy = (run: Run): StreamingFunction => ({
  async invoke(event, output) {
    try {
      await run(event, (answer) => pass(answer, output));
    } catch (error) {
      output.destroy(error instanceof Error ? error : new Error('Runtime.Unknown'));
      throw error;
    }
  },
});

/** Passes the bytes on as they come. Trailers name an error that the function met on the way. */
function pass(answer: IncomingMessage, output: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    answer.on('data', (chunk: Buffer) => {
      if (output.write(chunk)) return;
      answer.pause();
      output.once('drain', () => answer.resume());
    });
    answer.on('end', () => {
      const type = answer.trailers['lambda-runtime-function-error-type'];
      if (type === undefined) output.end(resolve);
      else reject(new Error(type));
    });
    answer.on('error', reject);
  });
}

async function takeError(request: IncomingMessage): Promise<void> {
  const sent = await text(request);
  const { errorMessage = '' }: { errorMessage?: string } = JSON.parse(sent);
  throw new Error(errorMessage);
}
