/**
 * `DELETE /v1/scoped-jwt`: a server key revokes tokens that it signed. Flow: Grant > **answer**.
 * Invariant: only the key in force revokes: whoever still holds one that was replaced can take nothing from anyone.
 */

import type { Grant } from './access/grant.ts';
import { revokeJti, revokeToken, revokeUser } from './account/revoke.ts';
import { parseOwnToken, requireServerKey } from './account/scoped-jwt.ts';
import { GatewayError } from './base/errors.ts';
import type { HttpRequest } from './base/http.ts';
import type { Clock, RevokedList, WalletMarks } from './base/ports.ts';
import { isName, USER_CHARS_MAX } from './keys/key-record.ts';
import { JTI_CHARS_MAX } from './tokens/scoped-claims.ts';

export interface RevokePorts {
  readonly marks: WalletMarks;
  readonly revokedList: RevokedList;
  readonly clock: Clock;
}

type Body = Readonly<Record<string, unknown>>;

const PARAMETERS = ['jwtoken', 'jti', 'user'] as const;
/** Until then a function may believe a record that it has read. */
const EFFECTIVE_WITHIN_SECONDS = 10;

/**
 * Revokes one token (`jwtoken`, expired ones too), all with one `jti`, or all of a user's issued until now.
 * `effective_within_seconds` is 0 where the next request is refused.
 * @throws route_not_allowed for anything but the key in force of a server, invalid_request naming the parameter,
 *   service_unavailable
 */
export async function revoke(
  request: HttpRequest,
  grant: Grant,
  ports: RevokePorts,
): Promise<Body> {
  const key = requireServerKey(request, grant);
  if (grant.former) {
    throw new GatewayError('route_not_allowed', {
      message: 'a key that has been replaced revokes no tokens; use the new one',
    });
  }
  const { name, value } = readParameter(request.query);
  switch (name) {
    case 'jwtoken': {
      const { id, claims } = parseOwnToken(value, key, grant);
      const { user, token } = claims;
      await revokeToken(grant, { id, expiresAtMs: token.expiresAtMs, user }, ports);
      return { revoked: true, jti: token.jti ?? null, effective_within_seconds: 0 };
    }
    case 'jti':
      await revokeJti(grant, requireName('jti', value, JTI_CHARS_MAX), ports);
      return { revoked: true, jti: value, effective_within_seconds: EFFECTIVE_WITHIN_SECONDS };
    case 'user': {
      const user = requireName('user', value, USER_CHARS_MAX);
      const { notBeforeMs } = await revokeUser(grant, user, ports);
      const issuedUntil = new Date(notBeforeMs).toISOString();
      return { revoked: true, user, issued_until: issuedUntil, effective_within_seconds: 0 };
    }
  }
}

type Parameter = (typeof PARAMETERS)[number];

/** The one parameter there must be. */
function readParameter(query: HttpRequest['query']): { name: Parameter; value: string } {
  const [only = '', ...more] = Object.keys(query);
  const name = PARAMETERS.find((each) => each === only);
  const value = query[only];
  if (name === undefined || value === undefined || more.length > 0) {
    throw new GatewayError('invalid_request', {
      message: `there must be exactly one of the parameters ${PARAMETERS.join(', ')}`,
    });
  }
  return { name, value };
}

function requireName(name: Parameter, value: string, charsMax: number): string {
  if (isName(value, charsMax)) return value;
  throw new GatewayError('invalid_request', {
    message: `"${name}" must be 1 to ${charsMax} characters, none a control character`,
    param: name,
  });
}
