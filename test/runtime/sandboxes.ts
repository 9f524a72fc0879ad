/**
 * A function as Lambda scales it: a sandbox for each invocation at one time, used again when it is free.
 */
import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import { text as readText } from 'node:stream/consumers';
import type { BufferedFunction, StreamingFunction } from '../../local/api-gateway/lambda.ts';
import { type FunctionCode, Sandbox } from './sandbox.ts';

const SANDBOXES_MAX = 4;

export interface Sandboxes {
  readonly buffered: BufferedFunction;
  readonly streaming: StreamingFunction;
  /** Counts the processes that were started. */
  started(): number;
  /** Kills the processes that serve a request, as a crash does. */
  killBusy(): void;
  close(): void;
}

export function makeSandboxes(code: FunctionCode): Sandboxes {
  const all: Sandbox[] = [];

  function free(): Sandbox {
    const known = all.find((sandbox) => sandbox.isFree);
    if (known !== undefined) return known;
    if (all.filter(({ isDead }) => !isDead).length >= SANDBOXES_MAX) {
      throw new Error('TooManyRequestsException');
    }
    const added = new Sandbox(code);
    all.push(added);
    return added;
  }

  return {
    buffered: {
      async invoke(event) {
        let text = 'null';
        await free().invoke(event, async (answer) => {
          text = await readText(answer);
        });
        return JSON.parse(text);
      },
    },
    streaming: {
      async invoke(event, output) {
        try {
          await free().invoke(event, (answer) => pass(answer, output));
        } catch (error) {
          output.destroy(error instanceof Error ? error : new Error('Runtime.Unknown'));
          throw error;
        }
      },
    },
    started: () => all.length,
    killBusy: () => {
      for (const sandbox of all) if (sandbox.isBusy) sandbox.kill();
    },
    close: () => {
      for (const sandbox of all) sandbox.kill();
    },
  };
}

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
