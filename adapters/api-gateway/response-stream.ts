/**
 * Turns an answer's bytes into a stream for the Lambda runtime, with keep-alive comments in long silences.
 * Reads the source to its end even after the stream is destroyed, because the end settles the request.
 */
import { Readable } from 'node:stream';

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html: five minutes; proxies before it have less. */
const KEEP_ALIVE_MS = 15_000;
/** A comment line, which every SSE reader skips. */
const KEEP_ALIVE: Buffer = Buffer.from(': keepalive\n\n');
const HELD_BYTES_MAX = 65_536;

export interface ResponseStreamOptions {
  /** After this many ms from now it no longer waits for a reader that takes nothing. */
  readonly patienceMs: number;
  /** @default 15000 */
  readonly keepAliveMs?: number;
}

/**
 * Makes a stream of server-sent events.
 * @param source never throws; yields whole events, or the pieces of one event in a row
 */
export function toEventStream(
  source: AsyncIterable<Uint8Array>,
  { patienceMs, keepAliveMs = KEEP_ALIVE_MS }: ResponseStreamOptions,
): Readable {
  let proceed: (() => void) | undefined;
  const goOn = (): void => {
    proceed?.();
    proceed = undefined;
  };
  const stream = new Readable({
    highWaterMark: HELD_BYTES_MAX,
    read: goOn,
    destroy(error, callback) {
      goOn();
      callback(error);
    },
  });
  let isPatient = true;
  const patience = setTimeout(() => {
    isPatient = false;
    goOn();
  }, patienceMs).unref();
  let isAtEventEnd = true;
  const keepAlive = setInterval(() => {
    if (isAtEventEnd && stream.readableLength === 0) stream.push(KEEP_ALIVE);
  }, keepAliveMs).unref();

  const pump = async (): Promise<void> => {
    for await (const bytes of source) {
      if (stream.destroyed) continue;
      keepAlive.refresh();
      isAtEventEnd = endsEvent(bytes);
      if (!stream.push(bytes) && isPatient) {
        await new Promise<void>((resolve) => {
          proceed = resolve;
        });
      }
    }
  };
  pump()
    // The source must never throw. If it does, the client must not take its part for a complete answer.
    .catch((error: unknown) => stream.destroy(error as Error))
    .finally(() => {
      clearTimeout(patience);
      clearInterval(keepAlive);
      if (!stream.destroyed) stream.push(null);
    });
  return stream;
}

const LF = 10;
const CR = 13;

/** True if bytes end with a blank line, after which a comment is allowed. */
function endsEvent(bytes: Uint8Array): boolean {
  const last = bytes.at(-1);
  const before = bytes.at(-2);
  if (last === CR) return before === CR;
  return last === LF && (before === LF || (before === CR && bytes.at(-3) === LF));
}
