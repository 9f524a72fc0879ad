/**
 * Handlers run in this process answer as they do under AWS's own runtime client: byte for byte, failures too.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type BufferedFunction,
  installAwsLambda,
  makeBufferedFunction,
  makeStreamingFunction,
  type StreamingFunction,
} from '../../local/api-gateway/lambda.ts';
import { makeSandboxes, type Sandboxes } from './sandboxes.ts';

const HANDLERS = `
const from = (output) => awslambda.HttpResponseStream.from(output, { statusCode: 201, headers: { a: 'b' } });
export const streaming = awslambda.streamifyResponse(async ({ kind }, output, context) => {
  const body = from(output);
  if (kind === 'throws') throw new Error('no');
  if (kind === 'nothing') return body.end();
  if (kind === 'no write') return body.end('lost');
  body.write('one');
  if (kind === 'dies') { await new Promise(setImmediate); throw new Error('died'); }
  body.write(Buffer.alloc(200_000, 'x'));
  body.write(context.getRemainingTimeInMillis() > 4_000 ? 'in time' : 'late');
  body.end();
});
export const buffered = async ({ kind }, context) => {
  if (kind === 'throws') throw new RangeError('no');
  return { kind, id: context.awsRequestId.length, left: context.getRemainingTimeInMillis() > 4_000 };
};
`;

let folder: string;
let streaming: { here: StreamingFunction; there: StreamingFunction };
let buffered: { here: BufferedFunction; there: BufferedFunction };
const sandboxes: Sandboxes[] = [];

beforeAll(async () => {
  installAwsLambda();
  folder = await mkdtemp(join(tmpdir(), 'hallpass-runtime-'));
  await writeFile(join(folder, 'index.mjs'), HANDLERS);
  const here = await import(join(folder, 'index.mjs'));
  const run = (handler: string): Sandboxes => {
    const made = makeSandboxes({
      name: handler,
      taskRoot: folder,
      handler: `index.${handler}`,
      environment: {},
      timeoutMs: 60_000,
    });
    sandboxes.push(made);
    return made;
  };
  streaming = {
    here: makeStreamingFunction(here.streaming, { timeoutMs: 60_000 }),
    there: run('streaming').streaming,
  };
  buffered = {
    here: makeBufferedFunction(here.buffered, { timeoutMs: 60_000 }),
    there: run('buffered').buffered,
  };
});

afterAll(async () => {
  for (const each of sandboxes) each.close();
  await rm(folder, { recursive: true });
});

/** All bytes, or `failed` when the stream did. */
async function streamed(run: StreamingFunction, kind: string): Promise<string> {
  const output = new PassThrough();
  const bytes = text(output).catch(() => 'failed');
  await run.invoke({ kind }, output).catch(() => {});
  return bytes;
}

const PRELUDE = `{"statusCode":201,"headers":{"a":"b"}}${'\0'.repeat(8)}`;

test.each([
  ['writes', `${PRELUDE}one${'x'.repeat(200_000)}in time`],
  ['nothing', ''],
  ['no write', 'lost'],
  ['throws', 'failed'],
  ['dies', 'failed'],
])('a streaming handler of the kind "%s" ends in the same way', async (kind, expected) => {
  expect(await streamed(streaming.here, kind)).toBe(expected);
  expect(await streamed(streaming.there, kind)).toBe(expected);
});

test('a buffered handler gives the same answer', async () => {
  const expected = { kind: 'answers', id: 36, left: true };
  expect(await buffered.here.invoke({ kind: 'answers' })).toEqual(expected);
  expect(await buffered.there.invoke({ kind: 'answers' })).toEqual(expected);
});

test('a buffered handler fails in the same way', async () => {
  await expect(buffered.here.invoke({ kind: 'throws' })).rejects.toThrow('no');
  await expect(buffered.there.invoke({ kind: 'throws' })).rejects.toThrow('no');
});

test('a sandbox that dies fails its invocation, and another takes the next one', async () => {
  const [first] = sandboxes;
  const output = new PassThrough();
  output.on('error', () => {});
  const run = streaming.there.invoke({ kind: 'writes' }, output);
  output.once('data', () => first?.killBusy());
  await expect(run).rejects.toThrow();
  expect(await streamed(streaming.there, 'no write')).toBe('lost');
});
