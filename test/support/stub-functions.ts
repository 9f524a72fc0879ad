/** Lambda functions for tests of the gateway in front of them. */
import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { APIGatewayAuthorizerResult } from 'aws-lambda';
import { expect } from 'vitest';
import {
  type BufferedFunction,
  installAwsLambda,
  makeBufferedFunction,
  makeStreamingFunction,
  type StreamingFunction,
} from '../../local/api-gateway/lambda.ts';
import { type ApiGateway, startApiGateway } from '../../local/api-gateway/server.ts';

/** A machine that is busy ends no function. */
const PATIENT_MS = 60_000;

export const CHAT = '/v1/chat/completions';

/** The body of an error that API Gateway itself answers. */
export const gatewayErrorBody = (type: string, code: string, message: string): object => ({
  type: 'error',
  error: { type, code, message, param: null },
  request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
});

/** An authorizer's result for everything in this API and stage. */
export const policy = (
  effect: 'Allow' | 'Deny',
  context: Record<string, string> = {},
): APIGatewayAuthorizerResult => ({
  principalId: 'tester',
  policyDocument: {
    Version: '2012-10-17',
    Statement: [
      {
        Action: 'execute-api:Invoke',
        Effect: effect,
        Resource: 'arn:aws:execute-api:local:000000000000:local/local/*',
      },
    ],
  },
  context,
});

/** A function that answers by a handler, at most `timeoutMs` later. */
export const buffered = (
  handler: (event: never) => unknown,
  timeoutMs = PATIENT_MS,
): BufferedFunction => makeBufferedFunction(handler, { timeoutMs });

/** A streaming function whose status and headers leave with its first write, as middy makes them. */
export function streaming(
  handler: (body: Writable, event: never) => Promise<void>,
  { timeoutMs = PATIENT_MS, prelude = { statusCode: 200, headers: {} } as object } = {},
): StreamingFunction {
  installAwsLambda();
  const wrapped = awslambda.streamifyResponse(async (event, output) => {
    await handler(awslambda.HttpResponseStream.from(output, { ...prelude }), event as never);
  });
  return makeStreamingFunction(wrapped, { timeoutMs });
}

/** Calls a streaming handler once. The stream holds the prelude too, and fails when the function does. */
export function streamOf(
  handler: Parameters<typeof makeStreamingFunction>[0],
  event: object,
  timeoutMs = PATIENT_MS,
): Readable {
  const stream = new PassThrough();
  // The stream is destroyed with the function's error, so its reader gets it.
  makeStreamingFunction(handler, { timeoutMs })
    .invoke(event, stream)
    .catch(() => {});
  return stream;
}

export interface StubbedFunctions {
  readonly authorizer?: BufferedFunction;
  readonly proxy?: StreamingFunction;
  readonly account?: BufferedFunction;
  readonly pages?: StreamingFunction;
}

/** A gateway whose functions let everything pass and answer `{}`, but for those given. */
export const startStubbedGateway = (functions: StubbedFunctions = {}): Promise<ApiGateway> =>
  startApiGateway({
    authorizer: buffered(() => policy('Allow')),
    proxy: streaming(async (body) => {
      body.write('{}');
      body.end();
    }),
    account: buffered(() => ({ statusCode: 200, headers: {}, body: '{}' })),
    ...functions,
    port: 0,
    host: '127.0.0.1',
  });
