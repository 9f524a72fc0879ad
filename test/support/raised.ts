/** Errors that clients raise, in one form for all clients. */
import { APICallError, RetryError } from 'ai';

/** The facts of an error, wherever the client keeps them. */
export interface Raised {
  /** The class as its users catch it. */
  readonly kind: string;
  readonly status?: unknown;
  /** Google's name for it is `reason`. */
  readonly code?: unknown;
  /** Anthropic's `type` or Google's `status`, which they have instead of a code. */
  readonly type?: unknown;
  /** The answer's headers, null where they are absent; undefined where the client keeps none. */
  readonly retryAfter?: unknown;
  readonly shouldRetry?: unknown;
}

/** @throws Error when nothing is raised */
export async function raisedBy(call: Promise<unknown>): Promise<Raised> {
  const raised = await call.then(
    () => {
      throw new Error('nothing was raised');
    },
    (error: unknown) => error,
  );
  const error = RetryError.isInstance(raised) ? raised.lastError : raised;
  if (APICallError.isInstance(error)) {
    const { name: kind, statusCode: status, responseHeaders, responseBody } = error;
    const headers = new Headers(responseHeaders);
    return { kind, status, ...factsOf(JSON.parse(responseBody ?? '{}')), ...waitsOf(headers) };
  }
  const { headers, status, code, type, error: body } = Object(error);
  const kind = Object(error).constructor.name;
  if (kind === 'ApiError' || kind === 'Error') {
    // Google's message holds the answer's body or the event.
    const text: string = Object(error).message;
    const found = /\{.*\}/s.exec(text)?.[0] ?? '{}';
    return { kind, status, ...factsOf(JSON.parse(found)), ...waitsOf(undefined) };
  }
  return { kind, status, ...factsOf(body ?? { code, type }), ...waitsOf(headers) };
}

/** @param body an answer's, or what is in its `error` */
function factsOf(body: object): Pick<Raised, 'code' | 'type'> {
  const { error = body } = body as { error?: object };
  const { reason, code, type, status } = error as Readonly<Record<string, unknown>>;
  return { code: reason ?? code, type: type ?? status };
}

const waitsOf = (headers: Headers | undefined): Pick<Raised, 'retryAfter' | 'shouldRetry'> => ({
  retryAfter: headers?.get('retry-after'),
  shouldRetry: headers?.get('x-should-retry'),
});
