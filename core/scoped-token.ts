/**
 * Scoped tokens: signed offline with a server key, read and verified here. Flow: credential > key record > **verify**.
 * Invariant: nothing of a token is believed before its signature held; until then every fault is `invalid_api_key`.
 * The form is contract.md's "Scoped token": JWS compact serialisation (RFC 7515, 7.1) of a JWT (RFC 7519), HS256.
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { makeBoundedMap } from './bounded-map.ts';
import { CREDENTIAL_CHARS_MAX } from './credential.ts';
import { GatewayError } from './errors.ts';
import { isName, KEY_NAME_CHARS_MAX } from './key-record.ts';
import { parseStrictObject } from './strict-json.ts';

/** A token taken apart, not verified. */
export interface ScopedToken {
  readonly account: string;
  readonly keyName: string;
  /** `header.payload`, what is signed. */
  readonly signingInput: string;
  readonly payload: Buffer;
  readonly signature: Buffer;
}

/** Header members that change what a signature means (RFC 7515 4.1.11, RFC 7797 3, RFC 7516 4.1.3): refused. */
const REFUSED_HEADERS = ['crit', 'b64', 'zip'] as const;

const SIGNATURE_BYTES = 32;

/**
 * Takes a token apart, without its leading `jwt:`.
 * @throws invalid_api_key for whatever is not in the strict form
 */
export function parseScopedToken(jws: string): ScopedToken {
  if (jws.length > CREDENTIAL_CHARS_MAX) throw malformed('it is over 8 kB');
  const parts = jws.split('.');
  const [head = '', body = '', tail = ''] = parts;
  const header = decodeBase64Url(head);
  const payload = decodeBase64Url(body);
  const signature = decodeBase64Url(tail);
  if (parts.length !== 3 || !header || !payload || signature?.length !== SIGNATURE_BYTES) {
    throw malformed('it is not three parts of canonical base64url');
  }
  return {
    ...parseKid(parseHeader(header)),
    signingInput: `${head}.${body}`,
    payload,
    signature,
  };
}

const malformed = (reason: string): GatewayError =>
  new GatewayError('invalid_api_key', { detail: `scoped token: ${reason}` });

/** Each octet string has one spelling here (RFC 4648, 3.5): others would be other names of one token. */
function decodeBase64Url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Strictly. The lenient decoder is several times as fast, and leaves a mark wherever it was lenient. */
function decodeUtf8(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd')) return text;
  try {
    return utf8.decode(bytes); // The mark itself was sent, or it stands for what is not UTF-8.
  } catch {
    return undefined; // Its caller says what was not UTF-8.
  }
}

const parseObject = (bytes: Buffer): Readonly<Record<string, unknown>> | undefined =>
  parseStrictObject(decodeUtf8(bytes) ?? '');

/** @returns the `kid` */
function parseHeader(bytes: Buffer): string {
  const header = parseObject(bytes);
  if (header === undefined) throw malformed('its header is not one plain JSON object');
  if (header.alg !== 'HS256') throw malformed('"alg" is not HS256');
  const typ = header.typ ?? 'JWT';
  if (typeof typ !== 'string' || typ.toUpperCase() !== 'JWT') throw malformed('"typ" is not JWT');
  for (const name of REFUSED_HEADERS) {
    if (Object.hasOwn(header, name)) throw malformed(`its header has "${name}"`);
  }
  if (typeof header.kid !== 'string') throw malformed('"kid" is missing');
  return header.kid;
}

/**
 * `<account>:<base64 of the key's name>`, parted at the last colon: an account may hold colons.
 * @throws invalid_api_key for any other text
 */
export function parseKid(kid: string): { account: string; keyName: string } {
  const colon = kid.lastIndexOf(':');
  const keyName = decodeKeyName(kid.slice(colon + 1));
  if (colon === -1 || keyName === undefined) {
    throw malformed('"kid" is not an account and the base64 of a name');
  }
  return { account: kid.slice(0, colon), keyName };
}

/** Standard base64 with or without padding, or base64url; strict UTF-8 within. */
function decodeKeyName(text: string): string | undefined {
  const bare = text.replace(/={1,2}$/, '');
  if (bare !== text && text.length % 4 !== 0) return undefined;
  const bytes = decodeBase64Url(bare.replaceAll('+', '-').replaceAll('/', '_'));
  const name = bytes && decodeUtf8(bytes);
  return name !== undefined && isName(name, KEY_NAME_CHARS_MAX) ? name : undefined;
}

/** The `kid` of tokens that a key signs. */
export const kidOf = (account: string, keyName: string): string =>
  `${account}:${Buffer.from(keyName).toString('base64')}`;

const HMAC_KEYS_MAX = 1_000;
/** Node 24 imports a key given as text anew for each HMAC, which costs five times the HMAC itself. */
const hmacKeys = makeBoundedMap<string, KeyObject>(HMAC_KEYS_MAX);

function hmacKeyOf(key: string): KeyObject {
  const known = hmacKeys.get(key);
  if (known !== undefined) return known;
  const made = createSecretKey(key, 'utf8');
  hmacKeys.set(key, made);
  return made;
}

const sign = (signingInput: string, key: string): Buffer =>
  createHmac('sha256', hmacKeyOf(key)).update(signingInput).digest();

/** Whether a token was signed with this whole key string. Takes the same time for any signature. */
export const isSignedWith = ({ signingInput, signature }: ScopedToken, key: string): boolean =>
  timingSafeEqual(sign(signingInput, key), signature);

/**
 * The payload of a token whose signature held, as one JSON object.
 * @throws token_claim_invalid unless it is that, without a member twice
 */
export function parsePayload({ payload }: ScopedToken): Readonly<Record<string, unknown>> {
  const claims = parseObject(payload);
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
  return `jwt:${signingInput}.${sign(signingInput, signer.key).toString('base64url')}`;
}

const toBase64Url = (value: object): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');
