/**
 * What a call of a provider needs from outside. Fails with `upstream_error`, `upstream_timeout` or `service_unavailable`.
 */

export interface UpstreamRequest {
  readonly method: 'POST' | 'GET';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The whole exchange, until the last byte, ends by then. */
  readonly deadlineAtMs: number;
  /** The AWS service it is signed for, with the process's credentials; absent: it is sent as it is. */
  readonly sign?: { readonly service: string; readonly region: string };
}

export interface UpstreamResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Throws `upstream_error` or `upstream_timeout` when the provider fails on the way. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Providers. `upstream_error`, `upstream_timeout`, or `service_unavailable` with nothing to sign with; no redirects. */
export interface Upstream {
  send(request: UpstreamRequest): Promise<UpstreamResponse>;
}
