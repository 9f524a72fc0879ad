/**
 * The parameters of a sign-in request, from its query or its form. Flow: **parameters** > route.
 * Invariant: a parameter that is sent twice is refused (RFC 6749, 3.2); an unknown one is ignored. A body is at most 16 kB.
 */
import type { Headers } from '../base/http.ts';
import { badRequest } from './oauth-error.ts';

/** A request as the sign-in routes see it. */
export interface SignInRequest {
  /** Upper-case. */
  readonly method: string;
  /** Without stage and query: `/oauth/token`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: string | undefined;
  /** The address that the connection came from; never a header. */
  readonly sourceIp: string;
}

/** Parameters by name, each once. */
export type Parameters = ReadonlyMap<string, string>;

/** The longest body, in bytes. A subject token is at most 8 kB. */
export const BODY_BYTES_MAX = 16_384;
const FORM = /^application\/x-www-form-urlencoded\s*(;|$)/i;

/** Returns the parameters of the query. @throws invalid_request for one that is there twice */
export const readQuery = ({ query }: SignInRequest): Parameters => once(query);

/**
 * Reads the parameters of a form.
 * @throws invalid_request for another type, a longer body, and a parameter that is there twice
 */
export function readForm({ headers, body = '' }: SignInRequest): Parameters {
  const [type = '', ...more] = headers.get('content-type') ?? [];
  if (!FORM.test(type) || more.length > 0) {
    throw badRequest('the body must be application/x-www-form-urlencoded');
  }
  if (Buffer.byteLength(body) > BODY_BYTES_MAX) {
    throw badRequest(`the body must be at most ${BODY_BYTES_MAX} bytes`);
  }
  return once(new URLSearchParams(body));
}

function once(sent: URLSearchParams): Parameters {
  const parameters = new Map(sent);
  if (parameters.size < sent.size) throw badRequest('a parameter was sent twice');
  // RFC 6749, 3.1: a parameter without a value counts as absent.
  return new Map([...parameters].filter(([, value]) => value !== ''));
}

/** Returns a parameter that must be there. @throws invalid_request */
export function need(parameters: Parameters, name: string): string {
  const value = parameters.get(name);
  if (value !== undefined) return value;
  throw badRequest(`"${name}" is missing`);
}
