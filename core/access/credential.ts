/**
 * The one credential a request carries (docs/use.md). Flow: request > **credential** > key record.
 * Invariant: a request with two different credentials is refused; errors quote nothing of what was read.
 */
import { GatewayError } from '../base/errors.ts';
import type { Headers } from '../base/http.ts';
import { CREDENTIAL_CHARS_MAX } from '../jwt/compact-jws.ts';

/** A key, a key with its user's own JWT, or a scoped token; as text, not verified. */
export type Credential =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'client-access'; readonly key: string; readonly jwt: string }
  | { readonly kind: 'scoped-token'; readonly jws: string };

/** The headers in which official SDKs send a key: OpenAI, Anthropic, Google, Azure. */
const CREDENTIAL_HEADERS = ['authorization', 'x-api-key', 'x-goog-api-key', 'api-key'] as const;

const TWO_CREDENTIALS = 'The request carries two different credentials.';
const SENT_TWICE = 'One of the headers for a credential was sent twice.';

/** The messages of credentials that are refused before anything is read of them. They may be shown to a stranger. */
export const CREDENTIAL_MESSAGES: readonly string[] = [TWO_CREDENTIALS, SENT_TWICE];

/**
 * Reads the credential. The same text in two headers is one credential, because some clients send a key both ways.
 * @throws invalid_api_key for two different credentials or one of the headers twice, with a message that says so; also
 *   for no credential and for any other form
 */
export function readCredential(headers: Headers): Credential {
  let text: string | undefined;
  for (const name of CREDENTIAL_HEADERS) {
    const values = headers.get(name) ?? [];
    if (values.length > 1) {
      throw new GatewayError('invalid_api_key', { message: SENT_TWICE });
    }
    const other = credentialIn(name, values[0]);
    if (other === '' || other === text) continue;
    if (text !== undefined) {
      throw new GatewayError('invalid_api_key', { message: TWO_CREDENTIALS });
    }
    text = other;
  }
  if (text === undefined) {
    throw new GatewayError('invalid_api_key', { detail: 'there is no credential' });
  }
  return parseCredential(text);
}

type CredentialHeader = (typeof CREDENTIAL_HEADERS)[number];

/** RFC 6750, 2.1. The scheme is read in any case (RFC 9110, 11.1). Another scheme stays in the text and is refused later. */
const credentialIn = (name: CredentialHeader, value = ''): string =>
  (name === 'authorization' ? value.trim().replace(/^bearer(?: +|$)/i, '') : value).trim();

/**
 * Recognises the three forms. `sk-…:<jwt>` is split at the first colon, because a key has none.
 * @throws invalid_api_key for any other text, and for one over 8,192 characters
 */
export function parseCredential(text: string): Credential {
  // Printable ASCII only: characters are then bytes, and no later step trims or folds them.
  if (text.length > CREDENTIAL_CHARS_MAX || !/^[!-~]+$/.test(text)) throw noForm();
  if (text.startsWith('jwt:')) return { kind: 'scoped-token', jws: text.slice('jwt:'.length) };
  if (!text.startsWith('sk-')) throw noForm();
  const colon = text.indexOf(':');
  if (colon === -1) return { kind: 'key', key: text };
  return { kind: 'client-access', key: text.slice(0, colon), jwt: text.slice(colon + 1) };
}

const noForm = (): GatewayError =>
  new GatewayError('invalid_api_key', { detail: 'the credential has none of the three forms' });
