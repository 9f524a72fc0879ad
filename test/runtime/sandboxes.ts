/**
 * A function as Lambda scales it: a sandbox for each invocation at one time, used again when it is free.
 */

import { bufferedBy, type FunctionCode, Sandbox, streamingBy } from '../../bench/sandbox.ts';
import type { BufferedFunction, StreamingFunction } from '../../local/api-gateway/lambda.ts';

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
    buffered: bufferedBy((event, take) => free().invoke(event, take)),
    streaming: streamingBy((event, take) => free().invoke(event, take)),
    started: () => all.length,
    killBusy: () => {
      for (const sandbox of all) if (sandbox.isBusy) sandbox.kill();
    },
    close: () => {
      for (const sandbox of all) sandbox.kill();
    },
  };
}
