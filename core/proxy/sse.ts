/**
 * Cuts a provider's stream of bytes into whole server-sent events, however the bytes arrive.
 * Flow: forward > **events** > meter. Invariant: bytes leave in their order and unchanged, and what leaves ends with a
 * complete event, so that a comment or an error event may follow.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */

/** A longer event is passed on in pieces and not read. No text event is that long; images may be. */
export const EVENT_BYTES_MAX = 1024 * 1024;

const NOTHING: Buffer = Buffer.alloc(0);
const CR = 13;

/** Bytes of the last read that are enough to see an event's end that spans two reads. */
const STRADDLE_BYTES = 3;

export interface EventRead {
  /** Bytes of an event that is too long to hold; they come before `events`. */
  readonly unread: Buffer;
  /** Whole events. */
  readonly events: Buffer;
}

export interface EventSplitter {
  push(read: Uint8Array): EventRead;
  /** The bytes held of an event that has not ended. */
  rest(): Buffer;
  /** True after a part of a long event was passed on: the next bytes belong to that event. */
  isMidEvent(): boolean;
}

export function makeEventSplitter(): EventSplitter {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let isMidEvent = false;
  /** The last bytes of the event that has not ended: held, or passed on. */
  let tail = NOTHING;

  const hold = (bytes: Buffer): void => {
    if (bytes.length === 0) return;
    held.push(bytes);
    heldBytes += bytes.length;
    tail = tailOf(tail, bytes);
  };
  const release = (last: Buffer): Buffer => {
    const bytes = held.length === 0 ? last : Buffer.concat([...held, last]);
    held = [];
    heldBytes = 0;
    return bytes;
  };
  /** The rest of a long event, up to its end if that is here. */
  const passLongEvent = (bytes: Buffer): Buffer => {
    const end = firstEventEnd(Buffer.concat([tail, bytes])) - tail.length;
    isMidEvent = end < 0;
    tail = isMidEvent ? tailOf(tail, bytes) : NOTHING;
    return isMidEvent ? bytes : bytes.subarray(0, end);
  };
  const pushWhole = (bytes: Buffer): EventRead => {
    const end = lastEventEnd(bytes) || straddlingEnd(tail, bytes);
    if (end > 0) {
      const events = release(bytes.subarray(0, end));
      tail = NOTHING;
      hold(bytes.subarray(end));
      return { unread: NOTHING, events };
    }
    hold(bytes);
    if (heldBytes <= EVENT_BYTES_MAX) return { unread: NOTHING, events: NOTHING };
    isMidEvent = true;
    return { unread: release(NOTHING), events: NOTHING };
  };

  return {
    push(read) {
      const bytes = Buffer.isBuffer(read) ? read : Buffer.from(read);
      if (!isMidEvent) return pushWhole(bytes);
      const passed = passLongEvent(bytes);
      if (isMidEvent) return { unread: passed, events: NOTHING };
      const { unread, events } = pushWhole(bytes.subarray(passed.length));
      return { unread: unread.length === 0 ? passed : Buffer.concat([passed, unread]), events };
    },
    rest: () => Buffer.concat(held),
    isMidEvent: () => isMidEvent,
  };
}

/** The last bytes of two pieces together, without joining the pieces. */
const tailOf = (before: Buffer, bytes: Buffer): Buffer =>
  bytes.length >= STRADDLE_BYTES
    ? bytes.subarray(-STRADDLE_BYTES)
    : Buffer.concat([before, bytes]).subarray(-STRADDLE_BYTES);

/** The blank lines that end an event: lines end in LF, CRLF or CR. The second covers CRLF CRLF. */
const BLANK_LINES = ['\n\n', '\n\r\n', '\r\r'] as const;

/** The index after the last whole event; 0: there is none. */
function lastEventEnd(bytes: Buffer): number {
  if (!bytes.includes(CR)) return endOf(bytes.lastIndexOf('\n\n'), 2);
  return Math.max(...BLANK_LINES.map((line) => endOf(bytes.lastIndexOf(line), line.length)));
}

/** The index after the first event; negative: there is none. */
function firstEventEnd(bytes: Buffer): number {
  const ends = BLANK_LINES.map((line) => endOf(bytes.indexOf(line), line.length)).filter(
    (end) => end > 0,
  );
  return ends.length === 0 ? Number.NEGATIVE_INFINITY : Math.min(...ends);
}

const endOf = (at: number, length: number): number => (at < 0 ? 0 : at + length);

/** The index in `bytes` after an event whose blank line began before them; 0: there is none. */
function straddlingEnd(tail: Buffer, bytes: Buffer): number {
  if (tail.length === 0) return 0;
  const end = lastEventEnd(Buffer.concat([tail, bytes.subarray(0, STRADDLE_BYTES)]));
  return Math.max(0, end - tail.length);
}
