/** Lambda functions for tests of what stands in front of them. */
import type { Writable } from 'node:stream';
import type { APIGatewayAuthorizerResult } from 'aws-lambda';
import {
  type BufferedFunction,
  installAwsLambda,
  makeBufferedFunction,
  makeStreamingFunction,
  type StreamingFunction,
} from '../../local/api-gateway/lambda.ts';
import { type ApiGateway, startApiGateway } from '../../local/api-gateway/server.ts';

/** An authorizer's result for everything in this API and stage. */
export const policy = (
  effect: 'Allow' | 'Deny',
  context: Record<string, string | number | boolean> = {},
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
export const buffered = (handler: (event: never) => unknown, timeoutMs = 5_000): BufferedFunction =>
  makeBufferedFunction(handler, { timeoutMs });

/** A streaming function whose status and headers leave with its first write, as middy makes them. */
export function streaming(
  handler: (body: Writable, event: never) => Promise<void>,
  { timeoutMs = 5_000, prelude = { statusCode: 200, headers: {} } as object } = {},
): StreamingFunction {
  installAwsLambda();
  const wrapped = awslambda.streamifyResponse(async (event, output) => {
    await handler(awslambda.HttpResponseStream.from(output, { ...prelude }), event as never);
  });
  return makeStreamingFunction(wrapped, { timeoutMs });
}

export interface StubbedFunctions {
  readonly authorizer?: BufferedFunction;
  readonly proxy?: StreamingFunction;
  readonly account?: BufferedFunction;
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
