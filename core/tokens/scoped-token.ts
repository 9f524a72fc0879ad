/**
 * Scoped tokens: signed offline with a server key, read and verified here. Flow: credential > key record > **verify**.
 * Invariant: nothing of a token is believed before its signature held; until then every fault is `invalid_api_key`.
 * The form is contract.md's "Scoped token": JWS compact serialisation (RFC 7515, 7.1) of a JWT (RFC 7519), HS256.
 */
import { timingSafeEqual } from 'node:crypto';
import { makeBoundedMap } from '../base/bounded-map.ts';
import { GatewayError } from '../base/errors.ts';
import { type HmacKey, hmacSha256, makeHmacKey } from '../hmac-sha256.ts';
import { type CompactJws, parseCompactJws, parseJsonObject } from '../jwt/compact-jws.ts';
import { kidOf, type NamedSigner, parseKid } from '../jwt/kid.ts';

/** A token taken apart, not verified. */

export interface ScopedToken {
  readonly account: string;
  readonly keyName: string;
  /** `header.payload`, what is signed. */
  readonly signingInput: string;
  readonly payload: Buffer;
  /** 43 characters of canonical base64url. */
  readonly signature: string;
}

/** Of 32 bytes: the last of 43 characters has two bits to spare, which are 0 in the one spelling that counts. */
const SIGNATURE = /^[\w-]{42}[AEIMQUYcgkosw048]$/;

/**
 * Takes a token apart, without its leading `jwt:`.
 * @throws invalid_api_key for whatever is not in the strict form
 */
export function parseScopedToken(jws: string): ScopedToken {
  const { header, signingInput, payload, signature } = parseCompactJws(jws, malformed);
  if (!SIGNATURE.test(signature))
    throw malformed('its signature is not 32 bytes of canonical base64url');
  const { account, keyName } = signerOf(header);
  return { account, keyName, signingInput, payload, signature };
}

/** Beside the headers that `compact-jws.ts` keeps: whom one names is worked out once, too. */
const signers = new WeakMap<CompactJws['header'], NamedSigner>();

function signerOf(header: CompactJws['header']): NamedSigner {
  const known = signers.get(header);
  if (known !== undefined) return known;
  const signer = parseKid(readKid(header));
  signers.set(header, signer);
  return signer;
}

export const malformed = (reason: string): GatewayError =>
  new GatewayError('invalid_api_key', { detail: `scoped token: ${reason}` });

function readKid(header: CompactJws['header']): string {
  if (header.alg !== 'HS256') throw malformed('"alg" is not HS256');
  const typ = header.typ ?? 'JWT';
  if (typeof typ !== 'string' || typ.toUpperCase() !== 'JWT') throw malformed('"typ" is not JWT');
  if (typeof header.kid !== 'string') throw malformed('"kid" is missing');
  return header.kid;
}

const HMAC_KEYS_MAX = 1_000;

/** Working a key out takes longer than an HMAC with it. */
const hmacKeys = makeBoundedMap<string, HmacKey>(HMAC_KEYS_MAX);

function hmacKeyOf(key: string): HmacKey {
  const known = hmacKeys.get(key);
  if (known !== undefined) return known;
  const made = makeHmacKey(Buffer.from(key));
  hmacKeys.set(key, made);
  return made;
}

const sign = (signingInput: string, key: string): string =>
  hmacSha256(hmacKeyOf(key), signingInput);

/**
 * Whether a token was signed with this whole key string. Takes the same time for any signature. What is compared is the
 * text, of which each signature has one spelling that counts.
 */
export const isSignedWith = ({ signingInput, signature }: ScopedToken, key: string): boolean =>
  timingSafeEqual(Buffer.from(sign(signingInput, key)), Buffer.from(signature));

/**
 * The payload of a token whose signature held, as one JSON object.
 * @throws token_claim_invalid unless it is that, without a member twice
 */
export function parsePayload({ payload }: ScopedToken): Readonly<Record<string, unknown>> {
  const claims = parseJsonObject(payload);
  if (claims !== undefined) return claims;
  throw new GatewayError('token_claim_invalid', {
    detail: 'the payload is not one plain JSON object',
  });
}

/**
 * Signs claims: the same input gives the same token. Does NOT check the claims; `scoped-claims.ts` does.
 * @returns the token with its leading `jwt:`
 */
export function signScopedToken(
  signer: { readonly account: string; readonly keyName: string; readonly key: string },
  claims: Readonly<Record<string, unknown>>,
): string {
  const header = { alg: 'HS256', typ: 'JWT', kid: kidOf(signer.account, signer.keyName) };
  const signingInput = `${toBase64Url(header)}.${toBase64Url(claims)}`;
  return `jwt:${signingInput}.${sign(signingInput, signer.key)}`;
}

const toBase64Url = (value: object): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');
