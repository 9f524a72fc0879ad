/**
 * The JWT that a key's holder sends behind the key: `sk-…:<jwt>` (docs/identity.md; RFC 7519, RFC 8725).
 * Flow: credential > key record > **form > signature > claims** > identity.
 *
 * Checks, in order:
 * 1. the strict form, an algorithm that the key allows, and a header that points to nothing;
 * 2. the signature, by jose, under the one key that fits;
 * 3. the claims.
 *
 * Guarantees: nothing in a token is believed before its signature holds, and until then every fault is one
 * `invalid_api_key`. A token's header chooses among the algorithms and keys of the key's record, never beyond them.
 */
import { JOSEError } from 'jose/errors';
import { compactVerify } from 'jose/jws/compact/verify';
import { GatewayError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import { isName } from '../base/names.ts';
import type { Clock } from '../base/ports.ts';
import { readVerifiedUser } from './claims.ts';
import { decodeBase64Url, parseCompactJws, parseJsonObject } from './compact-jws.ts';
import type { JwtFact } from './facts.ts';
import { algorithmsOfKind } from './key-material.ts';
import { parseKid } from './kid.ts';
import type { JwtKeys, WantedKey } from './ports.ts';
import type { JwtAlgorithm, VerifiedUser, Verifier, VerifyingKey } from './verifier.ts';

export interface ClientJwtPorts {
  readonly jwtKeys: JwtKeys;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Receives each check that is passed, in order. @default the facts are dropped */
  readonly onPassed?: (fact: JwtFact) => void;
}

/**
 * Verifies a JWT and returns whose it is. Does NOT check e-mail domains; `access/identity.ts` does.
 * @throws invalid_api_key before the signature holds; then token_expired, token_not_active, token_claim_invalid or
 *   claim_not_allowed; service_unavailable when the secret or the issuer's keys cannot be read
 */
export async function verifyClientJwt(
  jwt: string,
  key: VerifyingKey,
  ports: ClientJwtPorts,
): Promise<VerifiedUser> {
  const claims = await verifySignedClaims(jwt, key, ports);
  return readVerifiedUser(claims, key, { nowMs: ports.clock.nowMs(), onPassed: ports.onPassed });
}

/**
 * Returns the claims of a JWT whose form and signature hold. Does NOT check any claim; `readVerifiedUser` does.
 * @throws invalid_api_key, token_claim_invalid for a payload that is no object, service_unavailable
 */
export async function verifySignedClaims(
  jwt: string,
  key: VerifyingKey,
  { jwtKeys, onPassed }: Pick<ClientJwtPorts, 'jwtKeys' | 'onPassed'>,
): Promise<JsonObject> {
  const wanted = readWantedKey(jwt, key.verifier);
  onPassed?.({ check: 'jwt form', alg: wanted.alg });
  const found = await jwtKeys.find(key, wanted);
  if (found === undefined) throw refuse('no key fits its "kid" and "alg"');
  const payload = await verifySignature(jwt, found, wanted.alg);
  onPassed?.({ check: 'jwt signature' });
  const claims = parseJsonObject(Buffer.from(payload));
  if (claims === undefined) {
    throw new GatewayError('token_claim_invalid', {
      detail: 'the payload is not one plain JSON object',
    });
  }
  return claims;
}

const refuse = (reason: string): GatewayError =>
  new GatewayError('invalid_api_key', { detail: `client access: ${reason}` });

/** Returns the payload that was verified. jose reads the token once more, and takes no algorithm but this one. */
async function verifySignature(
  jwt: string,
  key: Parameters<typeof compactVerify>[1],
  alg: JwtAlgorithm,
): Promise<Uint8Array> {
  try {
    const { payload } = await compactVerify(jwt, key, { algorithms: [alg] });
    return payload;
  } catch (error) {
    // Any other error says that the key is not of the algorithm, which ports must not let happen: still no grant.
    const isForged = error instanceof JOSEError;
    throw refuse(isForged ? 'the signature does not hold' : 'its key cannot be used');
  }
}

/** A scoped token may carry the same types; it is known by its `kid`. */
const TYPES: readonly string[] = ['jwt', 'at+jwt'];

/** Keys of the token's own choice (RFC 7515, 4.1.2, 4.1.3, 4.1.5, 4.1.6); encryption and nesting (RFC 7519, 5.2). */
const REFUSED_HEADERS = ['jku', 'jwk', 'x5u', 'x5c', 'enc', 'epk', 'cty'] as const;
const KID_CHARS_MAX = 256;

/**
 * Checks the strict form of a JWT and returns which key its header names.
 * @throws invalid_api_key for any other form, and for an algorithm that the verifier does not allow
 */
function readWantedKey(jwt: string, verifier: Verifier): WantedKey {
  const { header, signature } = parseCompactJws(jwt, refuse);
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
  if (signature === '') throw refuse('it has no signature');
  if (decodeBase64Url(signature) === undefined) {
    throw refuse('its signature is not of canonical base64url');
  }
  return { kid, alg };
}

/** The kind of the key material decides, whatever a record lists. */
function allowedAlgorithms({ algorithms, key }: Verifier): readonly JwtAlgorithm[] {
  const ofKind = algorithmsOfKind(key.kind);
  return algorithms.filter((algorithm) => ofKind.includes(algorithm));
}

/** Media types, whose `application/` may be left out (RFC 7515, 4.1.9). */
const isAllowedType = (typ: unknown): boolean =>
  typeof typ === 'string' && TYPES.includes(typ.toLowerCase().replace(/^application\//, ''));

function readKid(kid: unknown): string | undefined {
  if (kid === undefined) return undefined;
  if (typeof kid === 'string' && isName(kid, KID_CHARS_MAX)) return kid;
  throw refuse('its "kid" is not a text of 1 to 256 characters');
}
