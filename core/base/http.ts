/**
 * A request and an answer as the flows see them, whatever brought them here.
 * Invariant: header names are lower-case, and a header sent twice is seen twice.
 */

/** Header values by lower-case name, in the order they were sent. */
export type Headers = ReadonlyMap<string, readonly string[]>;

export interface HttpRequest {
  /** Upper-case. */
  readonly method: string;
  /** Without stage and query: `/v1/chat/completions`. As it was sent: escapes are not decoded. */
  readonly path: string;
  /** Decoded; of a parameter sent twice, the last value. */
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Headers;
  /** As text; undefined: there was none. */
  readonly body: string | undefined;
}

/** A whole answer, for routes that do not stream. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}
