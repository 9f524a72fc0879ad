/**
 * Turns API Gateway's events into sign-in's requests, and its answers into results. Only JSON has CORS headers; nothing
 * but metadata may be stored.
 */
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import type { RequestId } from '../../core/base/ids.ts';
import type { SignInAnswer } from '../../core/sign-in/answer.ts';
import type { SignInRequest } from '../../core/sign-in/form.ts';
import { readHeaders, readPath } from './events.ts';
import { CORS_HEADERS } from './responses.ts';

/** Reads a request. Bytes that are not UTF-8 become U+FFFD, which fits no parameter. */
export function readSignInRequest(event: APIGatewayProxyEvent): SignInRequest {
  const { httpMethod, body, isBase64Encoded, requestContext } = event;
  const query = new Map<string, readonly string[]>();
  for (const [name, values] of Object.entries(event.multiValueQueryStringParameters ?? {})) {
    query.set(name, values ?? []);
  }
  return {
    method: httpMethod,
    path: readPath(event),
    query,
    headers: readHeaders(event),
    body:
      body === null ? undefined : isBase64Encoded ? Buffer.from(body, 'base64').toString() : body,
    sourceIp: requestContext.identity.sourceIp,
  };
}

/** Makes the result of an answer. */
export function toSignInResult(answer: SignInAnswer, requestId: RequestId): APIGatewayProxyResult {
  const { status, body, cache } = answer;
  return {
    statusCode: status,
    headers: {
      ...CORS_HEADERS,
      'content-type': 'application/json',
      'cache-control': cache === 'public' ? 'public, max-age=300' : 'no-store',
      'x-request-id': requestId,
      ...(status === 503 && { 'retry-after': '1' }),
    },
    body: JSON.stringify(body),
  };
}
