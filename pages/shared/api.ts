/**
 * Calls of the gateway that the page came from. URLs are relative, so that a stage or a base path stays in them.
 * The credential is in a header alone.
 */

/** An answer that is no success. `code` is the gateway's, or `network` when there was no answer. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** The prefix of the path. @default `v1` */
  readonly base?: string;
}

/** Sends a request. @throws CallError for anything but a success */
export async function send(
  credential: string,
  path: string,
  { method = 'GET', body, headers, signal, base = 'v1' }: CallOptions = {},
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`${base}/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${credential}`,
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
      cache: 'no-store',
      credentials: 'omit',
    });
  } catch (error) {
    throw signal?.aborted ? error : toCallError(error);
  }
  if (response.ok) return response;
  throw readError(response.status, await response.json().catch(() => undefined));
}

/** Reads the error of an answer, or of an event in the middle of a stream. */
export function readError(status: number, body: unknown): CallError {
  const { error } = Object(body);
  const { code, message } = Object(error);
  return new CallError(
    status,
    typeof code === 'string' ? code : 'unknown',
    typeof message === 'string' ? message : `The gateway answered with status ${status}.`,
  );
}

/** Returns what went wrong in a call. Whatever is not the gateway's refusal means that no whole answer came. */
export const toCallError = (error: unknown): CallError =>
  error instanceof CallError ? error : new CallError(0, 'network', 'The gateway does not answer.');

/** Sends a request and reads its JSON. */
export async function call<T>(credential: string, path: string, options?: CallOptions): Promise<T> {
  return (await (await send(credential, path, options)).json()) as T;
}

/** One model of `GET /v1/models`. Prices are dollars a token, as decimal texts. */
export interface ModelInfo {
  readonly id: string;
  readonly pricing: { readonly prompt: string; readonly completion: string };
}

/** The sums of one line of `GET /v1/usage`, with the names it was grouped by. */
export interface UsageLine {
  readonly day?: string;
  readonly model?: string | null;
  readonly key?: string;
  readonly user?: string | null;
  readonly user_source?: string | null;
  readonly wallet?: string;
  readonly conversation?: string | null;
  readonly requests: number;
  readonly input_tokens: number;
  readonly cached_input_tokens: number;
  readonly output_tokens: number;
  readonly tokens: number;
  readonly usd: number;
}

export interface UsageAnswer {
  readonly data: readonly UsageLine[];
  readonly total: UsageLine;
  readonly truncated: boolean;
}
