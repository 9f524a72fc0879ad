/**
 * The strict form of a signed token: JWS compact serialisation (RFC 7515, 7.1), each token with one spelling.
 * Flow: credential > **form** > verify. Invariant: nothing here is believed; a signature says later whether it may be.
 */

import { makeBoundedMap } from '../base/bounded-map.ts';
import type { GatewayError } from '../base/errors.ts';
import { parseStrictObject } from '../base/json.ts';

/** A token taken apart, not verified. */
export interface CompactJws {
  readonly header: Readonly<Record<string, unknown>>;
  /** `header.payload`, what is signed. */
  readonly signingInput: string;
  readonly payload: Buffer;
  /** As it was sent: may be empty, or of whatever characters. */
  readonly signature: string;
}

/** Header members that change what a signature means (RFC 7515 4.1.11, RFC 7797 3, RFC 7516 4.1.3): refused. */
const REFUSED_HEADERS = ['crit', 'b64', 'zip'] as const;

/**
 * Takes a token apart: three parts, 8,192 characters at most, a header of 2,048 at most that is one JSON object and a
 * payload, both of canonical base64url. Does NOT look at the signature.
 * @param refuse makes what is thrown of the reason, which quotes nothing of the token
 */
export function parseCompactJws(jws: string, refuse: (reason: string) => GatewayError): CompactJws {
  if (jws.length > CREDENTIAL_CHARS_MAX) throw refuse('it is over 8 kB');
  // Not by `split`, which makes thousands of parts of thousands of dots.
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

/** Longer ones bring certificates, or nothing good. */
const HEADER_CHARS_MAX = 2_048;
const HEADERS_KEPT_MAX = 256;

/** An issuer's tokens, and a key's, have one header: what such a text says is worked out once. */
const headers = makeBoundedMap<string, CompactJws['header']>(HEADERS_KEPT_MAX);

function parseHeader(text: string, refuse: (reason: string) => GatewayError): CompactJws['header'] {
  const known = headers.get(text);
  if (known !== undefined) return known;
  const bytes = decodeBase64Url(text);
  const header = bytes && parseJsonObject(bytes);
  if (header === undefined) throw refuse('its header is not one plain JSON object in base64url');
  for (const name of REFUSED_HEADERS) {
    if (Object.hasOwn(header, name)) throw refuse(`its header has "${name}"`);
  }
  headers.set(text, header);
  return header;
}

/** Each octet string has one spelling here (RFC 4648, 3.5): others would be other names of one token. */
export function decodeBase64Url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Strictly. The lenient decoder is several times as fast, and leaves a mark wherever it was lenient. */
export function decodeUtf8(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd')) return text;
  try {
    return utf8.decode(bytes); // The mark itself was sent, or it stands for what is not UTF-8.
  } catch {
    return undefined; // Its caller says what was not UTF-8.
  }
}

/** @returns undefined unless the bytes are one plain JSON object in UTF-8 (strict-json.ts) */
export const parseJsonObject = (bytes: Buffer): Readonly<Record<string, unknown>> | undefined =>
  parseStrictObject(decodeUtf8(bytes) ?? '');

/** API Gateway takes 10,240 bytes for all headers together. */
export const CREDENTIAL_CHARS_MAX = 8192;
