/**
 * Reads bytes from outside, up to a bound.
 */

/** @param tooMany makes the error for more than `bytesMax` */
export async function readBytes(
  stream: AsyncIterable<Uint8Array>,
  bytesMax: number,
  tooMany: () => Error,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooMany();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
