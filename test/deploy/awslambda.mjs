/**
 * The global `awslambda` of Lambda's runtime, which the emulator's worker lacks. It collects the stream into one answer.
 * A stream begins with its head as JSON and eight zero bytes. A function with `DIES_AFTER_MS` is killed in the middle.
 */
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';

const SEPARATOR = Buffer.alloc(8);

globalThis.awslambda ??= {
  streamifyResponse: (handler) => async (event, context) => {
    const { DIES_AFTER_MS } = process.env;
    if (DIES_AFTER_MS)
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(DIES_AFTER_MS));
    const out = new PassThrough();
    const collected = buffer(out);
    await handler(event, out, context);
    if (!out.writableEnded) out.end();
    const all = await collected;
    const at = all.indexOf(SEPARATOR);
    const head = JSON.parse(all.subarray(0, at).toString());
    return { ...head, body: all.subarray(at + SEPARATOR.length).toString() };
  },
  HttpResponseStream: {
    from(stream, head) {
      const write = stream.write.bind(stream);
      let hasBegun = false;
      stream.write = (...args) => {
        if (!hasBegun) write(Buffer.concat([Buffer.from(JSON.stringify(head)), SEPARATOR]));
        hasBegun = true;
        return write(...args);
      };
      return stream;
    },
  },
};
