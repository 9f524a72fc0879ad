/**
 * What a provider must not tell: the key it was asked with. Flow: forward > **meter** > settle.
 * Invariant: no answer of a provider leaves with that key in it, whatever its status.
 */
import { GatewayError } from '../base/errors.ts';
import type { UpstreamResponse } from '../providers/ports.ts';

/** Shorter ones are words that a local server takes for a key, and that an answer may well say. */
const SECRET_CHARS_MIN = 16;

/** A provider's answer, beside the key it was asked with. */

export interface KeyedResponse extends UpstreamResponse {
  /** Undefined: there was none, or none that is a secret. */
  readonly ownKey: Buffer | undefined;
}

/** Headers are compared here; bodies as they are read. */
export function withOwnKey(response: UpstreamResponse, key: string | undefined): KeyedResponse {
  if (key === undefined || key.length < SECRET_CHARS_MIN) return { ...response, ownKey: undefined };
  const headers = Object.entries(response.headers).filter(([, value]) => !value.includes(key));
  return { ...response, headers: Object.fromEntries(headers), ownKey: Buffer.from(key) };
}

/** What is wrong with whole events, or a whole answer, that hold the key; undefined: nothing. */
export const findOwnKey = (
  bytes: Buffer,
  { ownKey }: Pick<KeyedResponse, 'ownKey'>,
): GatewayError | undefined =>
  ownKey !== undefined && bytes.includes(ownKey)
    ? new GatewayError('upstream_error', { detail: 'the provider repeated the key it was given' })
    : undefined;
