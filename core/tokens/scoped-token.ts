/**
 * Scoped tokens: signed offline with a server key, read and verified here. Flow: credential > key record > **verify**.
 * Invariant: nothing in a token is believed before its signature holds; until then every fault is `invalid_api_key`.
 * The form (docs/tokens.md): JWS compact serialisation (RFC 7515, 7.1) of a JWT (RFC 7519), HS256.
 */
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '../base/errors.ts';
import { type CompactJws, parseCompactJws, parseJsonObject } from '../jwt/compact-jws.ts';
import { kidOf, type NamedKey, parseKid } from '../jwt/kid.ts';

/** A token split into its parts, not verified. */
export interface ScopedToken extends NamedKey {
  /** `header.payload`: the text that is signed. */
  readonly signingInput: string;
  readonly payload: Buffer;
  /** 43 characters of canonical base64url. */
  readonly signature: string;
}

/** 32 bytes in canonical base64url: the last of 43 characters has two spare bits, which must be 0. */
const SIGNATURE = /^[\w-]{42}[AEIMQUYcgkosw048]$/;

/**
 * Splits a token, without its leading `jwt:`, into its parts.
 * @throws invalid_api_key for anything that is not in the strict form
 */
export function parseScopedToken(jws: string): ScopedToken {
  const { header, signingInput, payload, signature } = parseCompactJws(jws, malformed);
  if (!SIGNATURE.test(signature)) {
    throw malformed('its signature is not 32 bytes of canonical base64url');
  }
  return { ...readSigningKey(header), signingInput, payload, signature };
}

const malformed = (reason: string): GatewayError =>
  new GatewayError('invalid_api_key', { detail: `scoped token: ${reason}` });

function readSigningKey(header: CompactJws['header']): NamedKey {
  const { alg, kid } = header;
  const typ = header.typ ?? 'JWT';
  if (alg !== 'HS256') throw malformed('"alg" is not HS256');
  if (typeof typ !== 'string' || typ.toUpperCase() !== 'JWT') throw malformed('"typ" is not JWT');
  if (typeof kid !== 'string') throw malformed('"kid" is missing');
  const named = parseKid(kid);
  if (named === undefined) throw malformed('"kid" is not an account and the base64 of a name');
  return named;
}

/** The signature of a text under a whole key string, as base64url. */
const sign = (signingInput: string, key: string): string =>
  createHmac('sha256', createSecretKey(key, 'utf8')).update(signingInput).digest('base64url');

/**
 * Returns true if a token was signed with this whole key string. Takes the same time for any signature. It compares
 * texts, because each signature has only one accepted spelling.
 */
export const isSignedWith = ({ signingInput, signature }: ScopedToken, key: string): boolean =>
  timingSafeEqual(Buffer.from(sign(signingInput, key)), Buffer.from(signature));

/**
 * Returns the payload of a token whose signature holds, as one JSON object.
 * @throws token_claim_invalid for anything else, and for a member that appears twice
 */
export function parsePayload({ payload }: ScopedToken): Readonly<Record<string, unknown>> {
  const claims = parseJsonObject(payload);
  if (claims !== undefined) return claims;
  throw new GatewayError('token_claim_invalid', {
    detail: 'the payload is not one plain JSON object',
  });
}

/**
 * Signs claims; the same input gives the same token. Does NOT check the claims; `parseScopedClaims` does.
 * @returns the token with its leading `jwt:`
 */
export function signScopedToken(
  signer: NamedKey & { readonly key: string },
  claims: Readonly<Record<string, unknown>>,
): string {
  const header = { alg: 'HS256', typ: 'JWT', kid: kidOf(signer.account, signer.keyName) };
  const signingInput = `${toBase64Url(header)}.${toBase64Url(claims)}`;
  return `jwt:${signingInput}.${sign(signingInput, signer.key)}`;
}

const toBase64Url = (value: object): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');
