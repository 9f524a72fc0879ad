/**
 * A request's body, up to what Lambda takes.
 */
import type { IncomingMessage } from 'node:http';

/**
 * Lambda's limit on an invocation: the whole event as JSON.
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const EVENT_BYTES_MAX = 6 * 1024 * 1024;
/** From here on it is worth a look at how long the body gets as JSON: at worst six times as long. */
const SAFE_BODY_BYTES = 1024 * 1024;
/** What is read of a body that is too large, so that its sender gets to read the refusal. */
const SENT_BYTES_MAX = 64 * 1024 * 1024;

/** `incomplete`: the client left before its end. */
export type Body = Buffer | 'too large' | 'incomplete';

/**
 * Reads a body. One that is too large is known as soon as it is; what its client still sends is dropped, up to 64 MB.
 * Never rejects.
 */
export function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve) => {
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= EVENT_BYTES_MAX) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      resolve('too large');
      if (bytes > SENT_BYTES_MAX) request.destroy();
    });
    request.on('end', () => {
      const body = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
      resolve(fitsEvent(body) ? body : 'too large');
    });
    request.on('close', () => resolve('incomplete'));
    request.on('error', () => resolve('incomplete'));
  });
}

/** Quotes, line ends and control characters are escaped in the event, and the limit holds for what comes out. */
const fitsEvent = (body: Buffer): boolean =>
  body.length <= SAFE_BODY_BYTES ||
  Buffer.byteLength(JSON.stringify(body.toString('utf8'))) <= EVENT_BYTES_MAX;
