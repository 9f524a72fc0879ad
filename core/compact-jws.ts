/**
 * The strict form of a signed token: JWS compact serialisation (RFC 7515, 7.1), each token with one spelling.
 * Flow: credential > **form** > verify. Invariant: nothing here is believed; a signature says later whether it may be.
 */
import { CREDENTIAL_CHARS_MAX } from './credential.ts';
import type { GatewayError } from './errors.ts';
import { parseStrictObject } from './strict-json.ts';

/** A token taken apart, not verified. */
export interface CompactJws {
  readonly header: Readonly<Record<string, unknown>>;
  /** `header.payload`, what is signed. */
  readonly signingInput: string;
  readonly payload: Buffer;
  /** May be empty. */
  readonly signature: Buffer;
}

/** Header members that change what a signature means (RFC 7515 4.1.11, RFC 7797 3, RFC 7516 4.1.3): refused. */
const REFUSED_HEADERS = ['crit', 'b64', 'zip'] as const;

/**
 * Takes a token apart. Three parts of canonical base64url, 8,192 characters at most, a header that is one JSON object.
 * @param refuse makes what is thrown of the reason, which quotes nothing of the token
 */
export function parseCompactJws(jws: string, refuse: (reason: string) => GatewayError): CompactJws {
  if (jws.length > CREDENTIAL_CHARS_MAX) throw refuse('it is over 8 kB');
  const parts = jws.split('.');
  const [head = '', body = '', tail = ''] = parts;
  const bytes = decodeBase64Url(head);
  const payload = decodeBase64Url(body);
  const signature = decodeBase64Url(tail);
  if (parts.length !== 3 || !bytes || !payload || !signature) {
    throw refuse('it is not three parts of canonical base64url');
  }
  const header = parseJsonObject(bytes);
  if (header === undefined) throw refuse('its header is not one plain JSON object');
  for (const name of REFUSED_HEADERS) {
    if (Object.hasOwn(header, name)) throw refuse(`its header has "${name}"`);
  }
  return { header, signingInput: `${head}.${body}`, payload, signature };
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
