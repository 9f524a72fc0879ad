/**
 * The strict form of a signed token: JWS compact serialisation (RFC 7515, 7.1), one spelling for each token.
 * Flow: credential > **form** > signature. Invariant: nothing read here is believed until the signature holds.
 */
import type { GatewayError } from '../base/errors.ts';
import { type JsonObject, parseStrictObject } from '../base/json.ts';

/** A signed token split into its parts, not verified. */
export interface CompactJws {
  readonly header: JsonObject;
  /** `header.payload`: the text that is signed. */
  readonly signingInput: string;
  readonly payload: Buffer;
  /** As it was sent: may be empty and may hold any characters. */
  readonly signature: string;
}

/** API Gateway accepts 10,240 bytes for all headers together. */
export const CREDENTIAL_CHARS_MAX = 8192;

/** A longer header carries certificates, which are never used. */
const HEADER_CHARS_MAX = 2_048;

/** Header members that change what a signature means (RFC 7515 4.1.11, RFC 7797 3, RFC 7516 4.1.3): refused. */
const REFUSED_HEADERS = ['crit', 'b64', 'zip'] as const;

/**
 * Splits a token into three parts: at most 8,192 characters, with a header of at most 2,048 that is one JSON object, and
 * a payload, both in canonical base64url. Does NOT check the signature.
 * @param refuse makes the error from a reason, which quotes nothing from the token
 */
export function parseCompactJws(jws: string, refuse: (reason: string) => GatewayError): CompactJws {
  if (jws.length > CREDENTIAL_CHARS_MAX) throw refuse('it is over 8 kB');
  // Without `split`, which would make thousands of parts out of thousands of dots.
  const first = jws.indexOf('.');
  const second = jws.indexOf('.', first + 1);
  const isThree = first >= 0 && second > first && !jws.includes('.', second + 1);
  if (!isThree) throw refuse('it is not three parts');
  if (first > HEADER_CHARS_MAX) throw refuse('its header is over 2 kB');
  const header = parseHeader(jws.slice(0, first), refuse);
  const payload = decodeBase64Url(jws.slice(first + 1, second));
  if (!payload) throw refuse('it is not of canonical base64url');
  return { header, signingInput: jws.slice(0, second), payload, signature: jws.slice(second + 1) };
}

function parseHeader(text: string, refuse: (reason: string) => GatewayError): JsonObject {
  const bytes = decodeBase64Url(text);
  const header = bytes && parseJsonObject(bytes);
  if (header === undefined) throw refuse('its header is not one plain JSON object in base64url');
  for (const name of REFUSED_HEADERS) {
    if (Object.hasOwn(header, name)) throw refuse(`its header has "${name}"`);
  }
  return header;
}

/** Decodes base64url; undefined for any but the one canonical spelling, since others would be other names of one token. */
export function decodeBase64Url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes UTF-8 strictly. The lenient decoder is several times faster and marks every fault, so it goes first. */
export function decodeUtf8(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd')) return text;
  try {
    return utf8.decode(bytes); // The mark may have been sent itself.
  } catch {
    return undefined; // The caller reports which part is not UTF-8.
  }
}

/** Reads bytes as one JSON object in UTF-8; undefined for anything else (`parseStrictObject`). */
export const parseJsonObject = (bytes: Buffer): JsonObject | undefined =>
  parseStrictObject(decodeUtf8(bytes) ?? '');
