/** What a client raised, in one form for all of them. */
import { APICallError, RetryError } from 'ai';

/** What a client raised, wherever it keeps it. */
export interface Raised {
  /** The class as its users catch it. */
  readonly kind: string;
  readonly status?: unknown;
  readonly code?: unknown;
  /** Anthropic's name for what `code` is elsewhere. */
  readonly type?: unknown;
  /** The answer's, where the client has them. */
  readonly retryAfter?: string | null;
  readonly shouldRetry?: string | null;
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
    const { name: kind, responseHeaders = {}, statusCode: status, responseBody } = error;
    const { code, type } = JSON.parse(responseBody ?? '{}').error;
    const retryAfter = responseHeaders['retry-after'] ?? null;
    return {
      kind,
      status,
      code,
      type,
      retryAfter,
      shouldRetry: responseHeaders['x-should-retry'] ?? null,
    };
  }
  const { headers, status, code, type, error: body } = Object(error);
  return {
    kind: Object(error).constructor.name,
    status,
    code: body?.error?.code ?? code,
    type: body?.error?.type ?? type,
    retryAfter: headers?.get('retry-after'),
    shouldRetry: headers?.get('x-should-retry'),
  };
}
