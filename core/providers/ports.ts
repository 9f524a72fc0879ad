/**
 * The port to providers. Fails with `upstream_error`, `upstream_timeout` or `service_unavailable`.
 */

/** A POST to a provider. */
export interface UpstreamRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The latest instant for the last byte of the answer. */
  readonly deadlineAtMs: number;
  /** The AWS service to sign for, with the process's credentials. Absent: the request is not signed. */
  readonly sign?: { readonly service: string; readonly region: string };
}

export interface UpstreamResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Throws `upstream_error` or `upstream_timeout` if the provider fails during the answer. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Calls providers. Redirects are not followed. */
export interface Upstream {
  /** @throws upstream_error, upstream_timeout, or service_unavailable if there are no credentials to sign with */
  send(request: UpstreamRequest): Promise<UpstreamResponse>;
}
