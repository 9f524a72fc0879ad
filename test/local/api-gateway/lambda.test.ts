import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import {
  type InvocationContext,
  installAwsLambda,
  makeBufferedFunction,
  makeStreamingFunction,
} from '../../../local/api-gateway/lambda.ts';
import { streamOf } from '../../support/stub-functions.ts';

installAwsLambda();

const options = { timeoutMs: 5_000 };

describe('a buffered handler', () => {
  test('gets the event and a context, and answers its value', async () => {
    const handler = (event: { a: number }, context: InvocationContext) => [
      event.a,
      context.awsRequestId.length,
      context.getRemainingTimeInMillis() <= 5_000,
      context.getRemainingTimeInMillis() > 4_000,
    ];
    const answer = await makeBufferedFunction(handler, options).invoke({ a: 1 });
    expect(answer).toEqual([1, 36, true, true]);
  });

  test('rejects with what the handler throws', async () => {
    const handler = () => {
      throw new RangeError('no');
    };
    await expect(makeBufferedFunction(handler, options).invoke({})).rejects.toThrow(RangeError);
  });

  test('is given up at its timeout', async () => {
    await expect(
      makeBufferedFunction(() => new Promise(() => {}), { timeoutMs: 20 }).invoke({}),
    ).rejects.toMatchObject({ name: 'FunctionTimeout', message: 'function timed out after 20 ms' });
  });
});

describe('a streaming handler', () => {
  const PRELUDE = '{"statusCode":200,"headers":{}}\0\0\0\0\0\0\0\0';
  const metadata = { statusCode: 200, headers: {} };

  test("carries AWS's mark", () => {
    const handler = awslambda.streamifyResponse(async () => {});
    expect(Reflect.get(handler, Symbol.for('aws.lambda.runtime.handler.streaming'))).toBe(
      'response',
    );
  });

  test('sends its prelude and eight NULs with the first write, once', async () => {
    const handler = awslambda.streamifyResponse(async (_event, output) => {
      const body = awslambda.HttpResponseStream.from(output, metadata);
      body.write('a');
      body.write('b');
      body.end('c');
    });
    expect(await text(streamOf(handler, {}))).toBe(`${PRELUDE}abc`);
  });

  test('sends its prelude by an empty write too', async () => {
    const handler = awslambda.streamifyResponse(async (_event, output) => {
      const body = awslambda.HttpResponseStream.from(output, metadata);
      body.write('');
      body.end();
    });
    expect(await text(streamOf(handler, {}))).toBe(PRELUDE);
  });

  test('loses its prelude when it ends without a write, as in AWS', async () => {
    const handler = awslambda.streamifyResponse(async (_event, output) => {
      awslambda.HttpResponseStream.from(output, metadata).end('a');
    });
    expect(await text(streamOf(handler, {}))).toBe('a');
  });

  test('fails its stream when it throws, and when it returns without an end', async () => {
    const throwing = awslambda.streamifyResponse(async (_event, output) => {
      output.write('a');
      throw new Error('died');
    });
    const returning = awslambda.streamifyResponse(async (_event, output) => {
      output.write('a');
    });
    await expect(text(streamOf(throwing, {}))).rejects.toThrow('died');
    await expect(text(streamOf(returning, {}))).rejects.toThrow('response stream is not finished');
  });

  test('has its output destroyed at its timeout', async () => {
    const handler = awslambda.streamifyResponse(() => new Promise(() => {}));
    const output = new PassThrough();
    output.on('error', () => {});
    const run = makeStreamingFunction(handler, { timeoutMs: 20 }).invoke({}, output);
    await expect(run).rejects.toMatchObject({ name: 'FunctionTimeout' });
    expect(output.destroyed).toBe(true);
  });
});
