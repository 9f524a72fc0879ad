/**
 * Reads a request's body, up to the size that Lambda takes.
 */
import type { IncomingMessage } from 'node:http';

/**
 * Lambda's limit on an invocation: the whole event as JSON.
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export const EVENT_BYTES_MAX = 6 * 1024 * 1024;
/** A longer body may be too long as JSON, which takes up to six times the bytes. */
const SAFE_BODY_BYTES = 1024 * 1024;
/** A body that is too large is read this far, so that its sender can read the refusal. */
const SENT_BYTES_MAX = 64 * 1024 * 1024;

/** `incomplete`: the client left before the body's end. */
export type ReceivedBody = Buffer | 'too large' | 'incomplete';

/** Reads a body. Answers `too large` at once; the rest is dropped, up to 64 MB. Never rejects. */
export function readBody(request: IncomingMessage): Promise<ReceivedBody> {
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

/** The limit holds for the event, in which quotes, line ends and control characters are escaped. */
const fitsEvent = (body: Buffer): boolean =>
  body.length <= SAFE_BODY_BYTES ||
  Buffer.byteLength(JSON.stringify(body.toString('utf8'))) <= EVENT_BYTES_MAX;
