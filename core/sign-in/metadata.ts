/**
 * The metadata of sign-in (RFC 8414). Flow: client > **metadata** > every other route.
 * Invariant: each URL is built from the configured public URL, never from a header of the request.
 */
import { type JsonAnswer, toJson } from './answer.ts';
import { DEVICE_GRANT } from './device.ts';
import { EXCHANGE_GRANT } from './exchange.ts';

/** @param hasLogin true where people sign in */
export const toMetadata = (publicUrl: string, hasLogin: boolean): JsonAnswer => ({
  ...toJson(200, {
    issuer: publicUrl,
    token_endpoint: `${publicUrl}/oauth/token`,
    revocation_endpoint: `${publicUrl}/oauth/revoke`,
    response_types_supported: hasLogin ? ['code'] : [],
    ...(hasLogin && {
      authorization_endpoint: `${publicUrl}/oauth/authorize`,
      device_authorization_endpoint: `${publicUrl}/oauth/device_authorization`,
      response_modes_supported: ['query'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    }),
    grant_types_supported: [
      EXCHANGE_GRANT,
      ...(hasLogin ? ['authorization_code', 'refresh_token', DEVICE_GRANT] : []),
    ],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    scopes_supported: ['inference'],
    // Claude Code reads it.
    gateway_protocol_version: 1,
  }),
  cache: 'public',
});
