/**
 * Makes the events that API Gateway REST hands to functions: of a Lambda REQUEST authorizer and of a proxy integration.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
 */
import type { IncomingMessage } from 'node:http';
import type { APIGatewayProxyEvent, APIGatewayRequestAuthorizerEvent } from 'aws-lambda';
import { findResource, type Integration } from '../../adapters/api-gateway/routes.ts';

const REGION = 'local';
const ACCOUNT_ID = '000000000000';
const API_ID = 'local';
const STAGE = 'local';

/** The ARN of this API and stage, which policies name. */
export const API_ARN = `arn:aws:execute-api:${REGION}:${ACCOUNT_ID}:${API_ID}/${STAGE}`;

/** The authorizer's context values, which are strings. */
export type AuthorizerContext = Readonly<Record<string, string>>;

/** A request's head, read once for both events. */
export interface RequestHead {
  readonly requestId: string;
  readonly method: string;
  /** As sent, without the query and the base path. */
  readonly path: string;
  /** The API's resource, as its template names it. */
  readonly resource: string;
  /** The function that serves it. */
  readonly integration: Integration;
  readonly methodArn: string;
  readonly shared: Omit<APIGatewayProxyEvent, 'body' | 'isBase64Encoded' | 'requestContext'>;
  readonly context: Omit<APIGatewayProxyEvent['requestContext'], 'authorizer'>;
}

/** Counts the bytes of request line and headers, as API Gateway does for its limit of 10,240. */
export function headBytes({ method = '', url = '', rawHeaders }: IncomingMessage): number {
  let bytes = method.length + url.length;
  for (const text of rawHeaders) bytes += text.length; // Node reads header bytes as Latin-1: a character is a byte.
  return bytes;
}

/** A request as it was received. */
export interface Received {
  readonly request: IncomingMessage;
  readonly requestId: string;
  /** The start of the path that no resource has: empty, or a slash and a word. */
  readonly prefix: string;
}

/** Returns true if a URL's path is the prefix or below it. */
export const isBelow = (prefix: string, url = '/'): boolean =>
  url.startsWith(prefix) && (prefix === '' || /^[/?]|^$/.test(url.slice(prefix.length)));

/** Reads the head. Header names stay as sent, like API Gateway's over HTTP/1.1. */
export function readHead({ request, requestId, prefix }: Received): RequestHead {
  const { method = 'GET', url = '/' } = request;
  const [sentPath, query] = splitUrl(url);
  const path = sentPath.slice(prefix.length) || '/';
  const { resource, integration } = findResource(method, path);
  return {
    requestId,
    method,
    path,
    resource,
    integration,
    methodArn: `${API_ARN}/${method}${path}`,
    shared: {
      resource,
      path: sentPath,
      httpMethod: method,
      ...readHeaders(request.rawHeaders),
      ...readQuery(query),
      pathParameters: readPathParameters(resource, path),
      stageVariables: null,
    },
    context: toRequestContext(request, { requestId, method, path: sentPath, resource }),
  };
}

const GREEDY = '{proxy+}';

const readPathParameters = (resource: string, path: string) =>
  resource.endsWith(GREEDY) ? { proxy: path.slice(resource.length - GREEDY.length) } : null;

function splitUrl(url: string): [path: string, query: string] {
  const at = url.indexOf('?');
  return at === -1 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}

function readHeaders(
  raw: readonly string[],
): Pick<APIGatewayProxyEvent, 'headers' | 'multiValueHeaders'> {
  const pairs = raw.flatMap((name, index) =>
    index % 2 === 0 ? [[name, raw[index + 1] ?? ''] as const] : [],
  );
  const { last, all } = collect(pairs);
  return { headers: last, multiValueHeaders: all };
}

function readQuery(
  query: string,
): Pick<APIGatewayProxyEvent, 'queryStringParameters' | 'multiValueQueryStringParameters'> {
  if (query === '') return { queryStringParameters: null, multiValueQueryStringParameters: null };
  const { last, all } = collect(new URLSearchParams(query));
  return { queryStringParameters: last, multiValueQueryStringParameters: all };
}

/** The last value of each name, and all of its values. */
function collect(pairs: Iterable<readonly [name: string, value: string]>) {
  const last: Record<string, string> = Object.create(null);
  const all: Record<string, string[]> = Object.create(null);
  for (const [name, value] of pairs) {
    last[name] = value;
    all[name] = [...(all[name] ?? []), value];
  }
  return { last, all };
}

type RequestContext = RequestHead['context'];

const NO_IDENTITY: Omit<RequestContext['identity'], 'sourceIp' | 'userAgent'> = {
  accessKey: null,
  accountId: null,
  apiKey: null,
  apiKeyId: null,
  caller: null,
  clientCert: null,
  cognitoAuthenticationProvider: null,
  cognitoAuthenticationType: null,
  cognitoIdentityId: null,
  cognitoIdentityPoolId: null,
  principalOrgId: null,
  user: null,
  userArn: null,
};

function toRequestContext(
  request: IncomingMessage,
  head: Pick<RequestHead, 'requestId' | 'method' | 'path' | 'resource'>,
): RequestContext {
  return {
    accountId: ACCOUNT_ID,
    apiId: API_ID,
    stage: STAGE,
    protocol: 'HTTP/1.1',
    requestId: head.requestId,
    requestTimeEpoch: Date.now(),
    httpMethod: head.method,
    path: head.path,
    resourceId: 'local',
    resourcePath: head.resource,
    identity: {
      ...NO_IDENTITY,
      sourceIp: request.socket.remoteAddress ?? '',
      userAgent: request.headers['user-agent'] ?? null,
    },
  };
}

/** Makes the authorizer's event, which never holds the body. */
export const toAuthorizerEvent = (head: RequestHead): APIGatewayRequestAuthorizerEvent => ({
  type: 'REQUEST',
  methodArn: head.methodArn,
  ...head.shared,
  requestContext: { ...head.context, authorizer: undefined },
});

/** Makes the integration's event. No media type is declared binary, so a body is always text. */
export const toProxyEvent = (
  head: RequestHead,
  authorizer: AuthorizerContext,
  body: Buffer,
): APIGatewayProxyEvent => ({
  ...head.shared,
  requestContext: { ...head.context, authorizer },
  body: body.length === 0 ? null : body.toString('utf8'),
  isBase64Encoded: false,
});
