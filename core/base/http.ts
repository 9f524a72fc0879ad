/**
 * A request and an answer as the flows see them, independent of API Gateway.
 * Invariant: header names are lower-case, and a header that was sent twice has two values.
 */

/** Header values by lower-case name, in the order they were sent. */
export type Headers = ReadonlyMap<string, readonly string[]>;

/** Returns the members of a header that is a list (RFC 9110, 5.6.1), of all its lines. */
export const listIn = (headers: Headers, name: string): readonly string[] =>
  (headers.get(name) ?? []).flatMap((line) => line.split(',')).map((member) => member.trim());

/** Returns true if the client has the answer of this tag already (RFC 9110, 13.1.2). */
export const hasTag = (headers: Headers, etag: string): boolean =>
  listIn(headers, 'if-none-match').some((tag) => tag.replace(/^W\//, '') === etag);

export interface HttpRequest {
  /** Upper-case. */
  readonly method: string;
  /** Without stage and query: `/v1/chat/completions`. Escapes are not decoded. */
  readonly path: string;
  /** Decoded. A parameter that was sent twice has its last value. */
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Headers;
  /** Text; undefined if the request had no body. */
  readonly body: string | undefined;
}

/** A complete answer, for routes that do not stream. */
export interface HttpAnswer {
  readonly status: number;
  /** Undefined: the answer has no body. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
  /** Headers in place of those that every answer has, or beside them. */
  readonly headers?: Readonly<Record<string, string>>;
}
