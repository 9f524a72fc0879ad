/**
 * The origins of pages that may call (docs/identity.md). Flow: identity > **origin** > conversation.
 * Invariant: only browsers send an origin, so a request without one does not come from a page and passes.
 */
import { GatewayError, invalidRequest } from '../base/errors.ts';
import type { Headers } from '../base/http.ts';

/** Stands for any origin, including `null` of a page that was opened from disk. */
export const ANY_ORIGIN = '*';

/**
 * Refuses a page of an origin that is not allowed.
 * @param allowed origins as browsers send them (RFC 6454, 6.2), `null`, or `*` for any
 * @throws invalid_request for the header twice, origin_not_allowed
 */
export function requireAllowedOrigin(headers: Headers, allowed: readonly string[]): void {
  const [origin, ...others] = headers.get('origin') ?? [];
  if (others.length > 0) {
    throw invalidRequest('the header "origin" was sent twice');
  }
  if (origin === undefined || allowed.includes(ANY_ORIGIN) || allowed.includes(origin)) return;
  throw new GatewayError('origin_not_allowed');
}
