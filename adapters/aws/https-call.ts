/**
 * AWS over `node:https`: the adapter for calls that a request waits for. It costs a quarter of the SDK's client in
 * processor time, and next to nothing at a function's start (docs/decisions/0002).
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
 */
import type { ClientRequest, OutgoingHttpHeaders, RequestOptions } from 'node:http';
import { urlToHttpOptions } from 'node:url';
import { parseObject } from '../../core/base/json.ts';
import { http, loadHttps } from '../system.ts';
import {
  AnswerTooLarge,
  type AwsCall,
  AwsCallError,
  type CallFault,
  readAnswer,
  repeatBrokenRead,
  type SecretsEndpoint,
  SOCKETS_MAX,
  type TablesEndpoint,
} from './aws-call.ts';
import { makeRequestSigner, type SignerOptions } from './signature.ts';

/** Closes idle connections before the service does: AWS keeps them for longer, a frozen Lambda does not notice. */
const IDLE_SOCKET_MS = 20_000;
const JSON_PROTOCOLS = {
  dynamodb: { contentType: 'application/x-amz-json-1.0', targetPrefix: 'DynamoDB_20120810' },
  secretsmanager: { contentType: 'application/x-amz-json-1.1', targetPrefix: 'secretsmanager' },
} as const;

interface HttpsCallOptions extends SignerOptions {
  readonly url: string;
  readonly service: keyof typeof JSON_PROTOCOLS;
  readonly timeoutMs: number;
}

/** Makes the call to the tables of an endpoint. Its connections live as long as it does. */
export const callDynamoDb = (
  { dynamodbUrl: url, region, credentials }: TablesEndpoint,
  timeoutMs: number,
): AwsCall => makeHttpsCall({ url, service: 'dynamodb', region, credentials, timeoutMs });

/** Makes the call to the secrets of an endpoint. Its connections live as long as it does. */
export const callSecretsManager = (
  { secretsManagerUrl: url, region, credentials }: SecretsEndpoint,
  timeoutMs: number,
): AwsCall => makeHttpsCall({ url, service: 'secretsmanager', region, credentials, timeoutMs });

function makeHttpsCall(options: HttpsCallOptions): AwsCall {
  const { url, service } = options;
  const { contentType, targetPrefix } = JSON_PROTOCOLS[service];
  const open = makeOpener(url);
  const sign = makeRequestSigner(options);

  async function send(operation: string, body: string, timeoutMs: number) {
    const named = { 'content-type': contentType, 'x-amz-target': `${targetPrefix}.${operation}` };
    const added = sign({ method: 'POST', url, headers: named, body, atMs: Date.now() });
    const request = open({ ...named, ...added, 'content-length': Buffer.byteLength(body) });
    const answer = await exchange(request, body, timeoutMs);
    if (typeof answer === 'string') throw new AwsCallError(answer, operation, 0);
    return parseAnswer(operation, answer);
  }

  return (operation, input, withinMs = options.timeoutMs) => {
    const body = JSON.stringify(input);
    const timeoutMs = Math.min(withinMs, options.timeoutMs);
    return repeatBrokenRead(operation, () => send(operation, body, timeoutMs));
  };
}

/** Makes what starts a request to the URL: over TLS, or in plain text to this machine. */
function makeOpener(url: string): (headers: OutgoingHttpHeaders) => ClientRequest {
  const { protocol, hostname, port, path } = urlToHttpOptions(new URL(url));
  // An agent's `timeout` ends only connections that no request is using.
  const sockets = { keepAlive: true, maxSockets: SOCKETS_MAX, timeout: IDLE_SOCKET_MS };
  const isPlain = protocol === 'http:';
  const { Agent, request } = isPlain ? http : loadHttps();
  const agent = new Agent(sockets);
  const options: RequestOptions = { method: 'POST', hostname, port, path, agent };
  return (headers) => request({ ...options, headers });
}

interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/** Sends the body and reads the answer. Never rejects: errors of sockets and parsers may quote what was sent. */
function exchange(
  request: ClientRequest,
  body: string,
  timeoutMs: number,
): Promise<RawAnswer | CallFault> {
  return new Promise((resolve) => {
    let fault: CallFault = 'NetworkError';
    const timer = setTimeout(() => {
      fault = 'TimeoutError';
      request.destroy();
    }, timeoutMs);
    const end = (answer: RawAnswer | CallFault): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    const fail = (error: unknown): void =>
      end(error instanceof AnswerTooLarge ? 'ResponseTooLarge' : fault);
    request.on('error', fail);
    request.on('response', (response) => {
      const { statusCode: status = 0 } = response;
      readAnswer(response).then((bytes) => end({ status, text: bytes.toString('utf8') }), fail);
    });
    request.end(body);
  });
}

function parseAnswer(operation: string, { status, text }: RawAnswer): Record<string, unknown> {
  const body = parseObject(text);
  if (status === 200 && body !== undefined) return body;
  const name = nameOf(body?.__type);
  if (name !== undefined) throw new AwsCallError(name, operation, status, body);
  const unreadable: CallFault = 'UnreadableResponse';
  throw new AwsCallError(unreadable, operation, status);
}

/** `com.amazonaws.dynamodb.v20120810#ThrottlingException:http://…` is a `ThrottlingException`. */
const nameOf = (type: unknown): string | undefined =>
  /^(?:[^#:]*#)?(\w+)(?::|$)/.exec(String(type ?? ''))?.[1];
