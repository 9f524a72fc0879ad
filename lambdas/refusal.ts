/**
 * The answer to a request that failed, and its line in the log.
 */
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { readPath, toErrorResult } from '../adapters/api-gateway/events.ts';
import { toGatewayError } from '../core/base/errors.ts';
import type { RequestId } from '../core/base/ids.ts';
import type { Log } from '../core/base/ports.ts';

/** Logs why a request failed, and makes the error's answer in the dialect of its path. */
export function refuse(
  thrown: unknown,
  event: APIGatewayProxyEvent,
  { requestId, log }: { readonly requestId: RequestId; readonly log: Log },
) {
  const error = toGatewayError(thrown);
  const { code, status: httpStatus, detail, cause } = error;
  const level = httpStatus >= 500 ? 'error' : 'info';
  log.write({ level, event: 'refused', requestId, code, httpStatus, detail, cause });
  return toErrorResult(error, readPath(event), requestId);
}
