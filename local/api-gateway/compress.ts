/**
 * Compresses the answer of a buffered function for clients that accept gzip, as API Gateway does.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-enable-compression.html
 */
import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { COMPRESSED_BYTES_MIN } from '../../adapters/api-gateway/responses.ts';

const compress = promisify(gzip);

/** Returns the body to send, and the headers that describe its encoding. */
export async function encodeBody(
  body: Buffer,
  { 'accept-encoding': accepted }: Pick<IncomingHttpHeaders, 'accept-encoding'>,
): Promise<{ readonly body: Buffer; readonly headers: Readonly<Record<string, string>> }> {
  if (body.length < COMPRESSED_BYTES_MIN || !acceptsGzip(accepted)) return { body, headers: {} };
  return { body: await compress(body), headers: { 'content-encoding': 'gzip' } };
}

/** True if the header names gzip, with a weight above zero. */
const acceptsGzip = (accepted = ''): boolean =>
  accepted.split(',').some((each) => /^\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(each));
