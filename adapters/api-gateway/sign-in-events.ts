/**
 * Turns API Gateway's events into sign-in's requests, and its answers into results. Only JSON has CORS headers; nothing
 * but metadata may be stored.
 */
import type { APIGatewayProxyEvent, APIGatewayProxyResult } from 'aws-lambda';
import type { RequestId } from '../../core/base/ids.ts';
import type { SignInAnswer } from '../../core/sign-in/answer.ts';
import type { SignInRequest } from '../../core/sign-in/form.ts';
import { SIGN_IN_PAGE_POLICY } from '../../core/sign-in/page.ts';
import { readHeaders, readPath } from './events.ts';
import { CORS_HEADERS, PAGE_HEADERS } from './responses.ts';

/** Reads a request. Bytes that are not UTF-8 become U+FFFD, which fits no parameter. */
export function readSignInRequest(event: APIGatewayProxyEvent): SignInRequest {
  const { httpMethod, body, isBase64Encoded, requestContext } = event;
  const query = new URLSearchParams();
  for (const [name, values = []] of Object.entries(event.multiValueQueryStringParameters ?? {})) {
    for (const value of values) query.append(name, value);
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
export const toSignInResult = (
  answer: SignInAnswer,
  requestId: RequestId,
): APIGatewayProxyResult => ({
  statusCode: answer.status,
  headers: { 'cache-control': 'no-store', 'x-request-id': requestId, ...headersOf(answer) },
  body: bodyOf(answer),
});

function headersOf(answer: SignInAnswer): Record<string, string> {
  if (answer.kind === 'json') {
    return {
      ...CORS_HEADERS,
      'content-type': 'application/json',
      ...(answer.cache === 'public' && { 'cache-control': 'public, max-age=300' }),
      ...(answer.status === 503 && { 'retry-after': '1' }),
    };
  }
  const shared = {
    ...PAGE_HEADERS,
    ...(answer.cookie !== undefined && { 'set-cookie': answer.cookie }),
  };
  if (answer.kind === 'redirect') return { ...shared, location: answer.location };
  return {
    ...shared,
    'content-security-policy': SIGN_IN_PAGE_POLICY,
    'content-type': 'text/html; charset=utf-8',
  };
}

function bodyOf(answer: SignInAnswer): string {
  if (answer.kind === 'json') return JSON.stringify(answer.body);
  return answer.kind === 'page' ? answer.html : '';
}
