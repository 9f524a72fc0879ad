/**
 * The metadata of sign-in (RFC 8414). Flow: client > **metadata** > every other route.
 * Invariant: each URL is built from the configured public URL, never from a header of the request.
 */
import { type JsonAnswer, toJson } from './answer.ts';
import { EXCHANGE_GRANT } from './exchange.ts';

/** @param publicUrl without a slash at its end */
export const toMetadata = (publicUrl: string): JsonAnswer => ({
  ...toJson(200, {
    issuer: publicUrl,
    token_endpoint: `${publicUrl}/oauth/token`,
    response_types_supported: [],
    grant_types_supported: [EXCHANGE_GRANT],
    token_endpoint_auth_methods_supported: ['none'],
    scopes_supported: ['inference'],
  }),
  cache: 'public',
});
