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

const NOTHING: Buffer = Buffer.alloc(0);

/** Searches a stream on its way to the client. */
export interface LeakGuard {
  /**
   * Returns whole events.
   * @throws upstream_error when they contain the key
   */
  pass(events: Buffer): Buffer;
  /**
   * Returns what may be sent of an event that comes in pieces. The key may begin in a piece and end in the next one, so
   * while the event goes on, its last bytes are held back, one fewer than the key has.
   * @throws upstream_error when the event contains the key; the bytes that were held back are dropped
   */
  passPiece(piece: Buffer, isMidEvent: boolean): Buffer;
  /** The bytes held back, which may be sent when the stream is over. */
  held(): Buffer;
  hasFoundKey(): boolean;
}

export function makeLeakGuard({ sentKey }: Pick<GuardedResponse, 'sentKey'>): LeakGuard {
  const heldMax = sentKey !== undefined && isSecret(sentKey) ? sentKey.length - 1 : 0;
  let held = NOTHING;
  let hasFoundKey = false;
  const pass = (bytes: Buffer): Buffer => {
    const leak = findKeyLeak(bytes, { sentKey });
    hasFoundKey = leak !== undefined;
    if (leak !== undefined) throw leak;
    return bytes;
  };
  return {
    pass,
    passPiece(piece, isMidEvent) {
      const bytes = held.length === 0 ? piece : Buffer.concat([held, piece]);
      held = NOTHING;
      pass(bytes);
      const sentBytes = isMidEvent ? Math.max(0, bytes.length - heldMax) : bytes.length;
      held = bytes.subarray(sentBytes);
      return bytes.subarray(0, sentBytes);
    },
    held: () => held,
    hasFoundKey: () => hasFoundKey,
  };
}
