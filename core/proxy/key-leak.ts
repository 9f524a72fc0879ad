/**
 * Refuses provider answers that contain the API key we sent. Flow: forward > **meter** > settle.
 * Invariant: no answer of a provider leaves with that key in it, whatever its status.
 */
import { GatewayError } from '../base/errors.ts';
import type { UpstreamResponse } from '../providers/ports.ts';

/** Shorter keys are plain words that a local server accepts as a key, and that an answer may well contain. */
const SECRET_CHARS_MIN = 16;

const isSecret = (key: Buffer): boolean => key.length >= SECRET_CHARS_MIN;

/** A provider's answer, with the key that must not be in it. */
export interface GuardedResponse extends UpstreamResponse {
  /** Undefined: no key was sent. */
  readonly sentKey: Buffer | undefined;
}

/** Leaves out headers that contain the key. Bodies are checked as they are read, by `findKeyLeak`. */
export function guardKey(response: UpstreamResponse, key: string | undefined): GuardedResponse {
  if (key === undefined) return { ...response, sentKey: undefined };
  const sentKey = Buffer.from(key);
  if (!isSecret(sentKey)) return { ...response, sentKey };
  const headers = Object.entries(response.headers).filter(([, value]) => !value.includes(key));
  return { ...response, headers: Object.fromEntries(headers), sentKey };
}

/** The error if whole events, or a whole answer, contain the key. */
export const findKeyLeak = (
  bytes: Buffer,
  { sentKey }: Pick<GuardedResponse, 'sentKey'>,
): GatewayError | undefined =>
  sentKey !== undefined && isSecret(sentKey) && bytes.includes(sentKey)
    ? new GatewayError('upstream_error', { detail: 'the provider repeated the key it was given' })
    : undefined;
