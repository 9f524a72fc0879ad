/**
 * Revocation (RFC 7009): the holder of a token may end it. Flow: token > **revoke** > next request.
 * Invariant: the answer is the same for every token, ours or not, so that it tells nothing.
 */

import { GatewayError } from '../base/errors.ts';
import { parseScopedClaims } from '../tokens/scoped-claims.ts';
import { isSignedWith, parsePayload, parseScopedToken } from '../tokens/scoped-token.ts';
import { type JsonAnswer, toJson } from './answer.ts';
import { endFamily, isRefreshToken, ownsFamily } from './family.ts';
import { need, type Parameters } from './form.ts';
import type { SignInPorts } from './ports.ts';

/**
 * Ends the family of a refresh token, or revokes an access token. @throws invalid_request, temporarily_unavailable
 */
export async function revoke(parameters: Parameters, ports: SignInPorts): Promise<JsonAnswer> {
  const token = need(parameters, 'token');
  if (isRefreshToken(token)) {
    const familyId = await ownsFamily(token, ports);
    if (familyId !== undefined) await endFamily(familyId, ports);
  } else {
    await revokeAccess(token, ports);
  }
  return toJson(200, {});
}

/** Does nothing for a token that is not signed by a key of sign-in: one that `sign-in use-key` put into its secret. */
async function revokeAccess(text: string, ports: SignInPorts): Promise<void> {
  const { account, keys, secrets, people } = ports;
  try {
    const token = parseScopedToken(text.replace(/^jwt:/, ''));
    if (token.account !== account) return;
    const record = await keys.findByName(account, token.keyName);
    const key = await secrets.findKey(token.keyName);
    if (record === undefined || key === undefined || !isSignedWith(token, key)) return;
    const { token: claims, user } = parseScopedClaims(parsePayload(token), record);
    if (claims.jti === undefined || user === undefined) return;
    await people.revokeToken(token.keyName, user, claims.jti);
  } catch (error) {
    if (!(error instanceof GatewayError) || error.status >= 500) throw error;
    // It is no token of ours.
  }
}
