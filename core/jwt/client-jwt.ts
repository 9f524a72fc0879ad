/**
 * The JWT that a key's holder sends behind the key: `sk-…:<jwt>` (contract.md, "Client-access JWT"; RFC 7519, RFC 8725).
 * Flow: credential > key record > form > **verify** > claims > identity. Invariant: nothing of it is believed before its
 * signature held; until then every fault is one `invalid_api_key`. Its header chooses among a key's algorithms and keys,
 * never beyond them, and nothing it points to is ever followed.
 */

import { GatewayError } from '../base/errors.ts';
import { isName } from '../base/names.ts';
import { readVerifiedUser } from './claims.ts';
import { decodeBase64Url, parseCompactJws, parseJsonObject } from './compact-jws.ts';
import { algorithmsOfKind } from './key-material.ts';
import { parseKid } from './kid.ts';
import type { ClientJwtPorts } from './ports.ts';
import { findSignatureFault } from './signature.ts';
import type { ClientJwt, JwtAlgorithm, VerifiedUser, Verifier, VerifyingKey } from './verifier.ts';

/**
 * Verifies a JWT and says whose it is. Does NOT check e-mail domains; `identity.ts` does.
 * @throws invalid_api_key before the signature held; then token_expired, token_not_active, token_claim_invalid or
 *   claim_not_allowed; service_unavailable when the secret or the issuer's keys cannot be read
 */
export async function verifyClientJwt(
  text: string,
  key: VerifyingKey,
  ports: ClientJwtPorts,
): Promise<VerifiedUser> {
  const jwt = parseClientJwt(text, key.verifier);
  ports.onPassed?.('jwt form', `it says it is signed with ${jwt.alg}`);
  const fault = await findSignatureFault(jwt, key, ports);
  if (fault !== undefined) throw refuse(fault);
  ports.onPassed?.('jwt signature', 'it holds');
  const claims = parseJsonObject(jwt.payload);
  if (claims === undefined) {
    throw new GatewayError('token_claim_invalid', {
      detail: 'the payload is not one plain JSON object',
    });
  }
  return readVerifiedUser(claims, key, { nowMs: ports.clock.nowMs(), onPassed: ports.onPassed });
}

const refuse = (reason: string): GatewayError =>
  new GatewayError('invalid_api_key', { detail: `client access: ${reason}` });

/** Ours has no name of its own here: a scoped token is told by its `kid`. */
const TYPES: readonly string[] = ['jwt', 'at+jwt'];

/** Keys of the token's own choice (RFC 7515, 4.1.2, 4.1.3, 4.1.5, 4.1.6); encryption and nesting (RFC 7519, 5.2). */
const REFUSED_HEADERS = ['jku', 'jwk', 'x5u', 'x5c', 'enc', 'epk', 'cty'] as const;
const KID_CHARS_MAX = 256;

/** @throws invalid_api_key for all that is not a JWT of the strict form in one of the verifier's algorithms */
function parseClientJwt(text: string, verifier: Verifier): ClientJwt {
  const jws = parseCompactJws(text, refuse);
  const { header } = jws;
  const alg = allowedAlgorithms(verifier).find((each) => each === header.alg);
  if (alg === undefined) throw refuse('its "alg" is not one that the key allows');
  if (header.typ !== undefined && !isAllowedType(header.typ)) {
    throw refuse('its "typ" is not JWT or at+jwt');
  }
  for (const name of REFUSED_HEADERS) {
    if (Object.hasOwn(header, name)) throw refuse(`its header has "${name}"`);
  }
  const kid = readKid(header.kid);
  if (alg === 'HS256' && kid !== undefined && parseKid(kid) !== undefined) {
    throw refuse('it is a scoped token');
  }
  const signature = decodeBase64Url(jws.signature);
  if (signature === undefined) throw refuse('its signature is not of canonical base64url');
  if (signature.length === 0) throw refuse('it has no signature');
  return { ...jws, signature, alg, kid };
}

/** The kind of the key material has the last word, whatever a record lists. */
function allowedAlgorithms({ algorithms, key }: Verifier): readonly JwtAlgorithm[] {
  const ofKind = algorithmsOfKind(key.kind);
  return algorithms.filter((algorithm) => ofKind.includes(algorithm));
}

/** Media types, of which `application/` may be left out (RFC 7515, 4.1.9). */
const isAllowedType = (typ: unknown): boolean =>
  typeof typ === 'string' && TYPES.includes(typ.toLowerCase().replace(/^application\//, ''));

function readKid(kid: unknown): string | undefined {
  if (kid === undefined) return undefined;
  if (typeof kid === 'string' && isName(kid, KID_CHARS_MAX)) return kid;
  throw refuse('its "kid" is not a text of 1 to 256 characters');
}
