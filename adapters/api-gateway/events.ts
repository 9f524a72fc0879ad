/**
 * Turns API Gateway's events into our requests, and our answers into its results (REST API, Lambda proxy format 1.0).
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
 */
import type { Readable } from 'node:stream';
import type {
  APIGatewayAuthorizerResult,
  APIGatewayProxyEvent,
  APIGatewayProxyResult,
  Context,
} from 'aws-lambda';
import type { Authorization } from '../../core/access/authorization.ts';
import { CREDENTIAL_MESSAGES } from '../../core/access/credential.ts';
import type { Grant } from '../../core/access/grant.ts';
import {
  decodeGrant,
  decodeRefusal,
  encodeGrant,
  encodeRefusal,
} from '../../core/access/grant-codec.ts';
import { familyOfPath, toErrorBody, toErrorHeaders } from '../../core/base/error-body.ts';
import { ERRORS, GatewayError, invalidRequest } from '../../core/base/errors.ts';
import type { Headers, HttpRequest } from '../../core/base/http.ts';
import { asRequestId, type RequestId } from '../../core/base/ids.ts';
import { CORS_HEADERS } from './responses.ts';

/** The headers of an event. Only `headers` is documented for an authorizer's. */
export interface SentHeaders {
  readonly headers?: Readonly<Record<string, string | undefined>> | null;
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[] | undefined>> | null;
}

/**
 * Reads the headers of an event, by lower-case name. `headers` keeps just the last of a header that was sent twice, so
 * it is read only where there is no `multiValueHeaders`. Two spellings of one name are one header.
 */
export function readHeaders({ headers: single, multiValueHeaders }: SentHeaders): Headers {
  const headers = new Map<string, string[]>();
  for (const [name, values] of Object.entries(multiValueHeaders ?? single ?? {})) {
    const key = name.toLowerCase();
    const others = headers.get(key);
    const sent = [values ?? []].flat(2);
    headers.set(key, others === undefined ? sent : [...others, ...sent]);
  }
  return headers;
}

/**
 * Returns Lambda's id of this call, under which its own log lines and the access log have it. A client cannot choose
 * it, so it can name a hold; API Gateway's `requestId` is one that a client may choose.
 */
export const readRequestId = ({ awsRequestId }: Context): RequestId => asRequestId(awsRequestId);

/**
 * Reads the path without the base path of a custom domain, with which `path` may begin. The resource says where the
 * route begins. A base path is one word, and never the first of a route (`BASE_PATH`).
 */
export function readPath({
  path,
  resource,
}: Pick<APIGatewayProxyEvent, 'path' | 'resource'>): string {
  if (resource === '/') return '/';
  const [route = '', below] = resource?.split('{proxy+}') ?? [];
  const isOfRoute = (text: string): boolean =>
    below === undefined ? text === route || text === `${route}/` : text.startsWith(route);
  if (route === '' || isOfRoute(path)) return path;
  const start = path.indexOf('/', 1);
  const rest = start > 0 ? path.slice(start) : '';
  return isOfRoute(rest) ? rest : path;
}

/** Reads the parameters of a query. */
export function readQuery({
  queryStringParameters,
}: {
  readonly queryStringParameters?: Readonly<Record<string, string | undefined>> | null;
}): HttpRequest['query'] {
  const query: Record<string, string> = {};
  for (const [name, value] of Object.entries(queryStringParameters ?? {})) {
    if (value !== undefined) query[name] = value;
  }
  return query;
}

/**
 * Reads the request of a function's event.
 * @throws invalid_request for a body that is not UTF-8
 */
export function readHttpRequest(event: APIGatewayProxyEvent): HttpRequest {
  return {
    method: event.httpMethod,
    path: readPath(event),
    query: readQuery(event),
    headers: readHeaders(event),
    body: readBody(event),
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function readBody({ body, isBase64Encoded }: APIGatewayProxyEvent): string | undefined {
  if (body === null || body === undefined) return undefined;
  if (!isBase64Encoded) return body;
  try {
    return utf8.decode(Buffer.from(body, 'base64'));
  } catch {
    throw invalidRequest('the body must be UTF-8');
  }
}

/**
 * Reads the grant that the authorizer passed on.
 * @throws the refusal that it passed on; service_unavailable unless there is exactly one of grant and refusal
 */
export function readGrant(event: APIGatewayProxyEvent): Grant {
  const { grant, refusal } = event.requestContext.authorizer ?? {};
  if (typeof grant === 'string' && refusal === undefined) return decodeGrant(grant);
  if (typeof refusal === 'string' && grant === undefined) throw decodeRefusal(refusal);
  throw new GatewayError('service_unavailable', {
    detail: 'the authorizer passed on neither or both of a grant and a refusal',
  });
}

/**
 * Makes the authorizer's result. Context values are strings. A grant and a refusal both let the request through to the
 * function, which answers in the route's dialect. A denial is answered by API Gateway itself (ACCESS_DENIED, 401),
 * whose template does not escape: only constants go there, those of the table of errors and `CREDENTIAL_MESSAGES`.
 * @param methodArn `arn:aws:execute-api:<region>:<account>:<api>/<stage>/<method>/<path>`
 */
export function toAuthorizerResult(
  authorization: Authorization,
  methodArn: string,
): APIGatewayAuthorizerResult {
  switch (authorization.kind) {
    case 'grant':
      return toPolicy('Allow', methodArn, authorization.grant.keyId, {
        grant: encodeGrant(authorization.grant),
      });
    case 'refusal':
      return toPolicy('Allow', methodArn, 'refused', {
        refusal: encodeRefusal(authorization.error),
      });
    case 'denied': {
      const { types, code, message: own } = authorization.error;
      const message = CREDENTIAL_MESSAGES.includes(own) ? own : ERRORS[code].message;
      return toPolicy('Deny', methodArn, 'denied', { type: types.openai, code, message });
    }
  }
}

/** Makes a policy about this API and stage only. */
const toPolicy = (
  effect: 'Allow' | 'Deny',
  methodArn: string,
  principalId: string,
  context: Record<string, string>,
): APIGatewayAuthorizerResult => ({
  principalId,
  policyDocument: {
    Version: '2012-10-17',
    Statement: [
      {
        Action: 'execute-api:Invoke',
        Effect: effect,
        Resource: `${methodArn.split('/').slice(0, 2).join('/')}/*`,
      },
    ],
  },
  context,
});

/** Status and headers of an answer, buffered or streamed. */
export interface AnswerHead {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
}

/** A streamed answer. A text is written at once, without a pipeline. */
export interface StreamedResult extends AnswerHead {
  readonly body: Readable | string;
}

/** Returns the headers that every answer of a function has. */
export const answerHeaders = (requestId: RequestId): Record<string, string> => ({
  ...CORS_HEADERS,
  'content-type': 'application/json',
  'cache-control': 'no-store',
  'x-request-id': requestId,
});

/** Makes a buffered JSON answer, or one without a body. */
export const toJsonResult = (
  statusCode: number,
  body: Readonly<Record<string, unknown>> | undefined,
  requestId: RequestId,
): APIGatewayProxyResult & AnswerHead => ({
  statusCode,
  headers: answerHeaders(requestId),
  body: body === undefined ? '' : JSON.stringify(body),
});

/** Makes an error's answer, in the dialect of the path. */
export function toErrorResult(
  error: GatewayError,
  path: string,
  requestId: RequestId,
): APIGatewayProxyResult & AnswerHead {
  const result = toJsonResult(error.status, toErrorBody(familyOfPath(path), error), requestId);
  return { ...result, headers: { ...result.headers, ...toErrorHeaders(error) } };
}
