/**
 * Meters a stream whose events name their own kind: Anthropic's, Google's, and OpenAI's responses.
 * Flow: forward > **meter** > settle. Invariant: the result is the same however the stream was cut into reads, and an
 * event is parsed only if it may report usage, the end or a failure.
 */

import { endOfString, type JsonObject } from '../base/json.ts';
import { bytesOfRaw, endOfEvent, type Meter, parseEvent } from './meter.ts';
import type { ReportedUsage } from './usage.ts';

/** The facts read from the events so far. */

export interface MeterState {
  readonly usage?: ReportedUsage | undefined;
  /** The answer is complete. */
  readonly isFinished: boolean;
  readonly hasFailed: boolean;
  /** The event is the stream's last: the client gets it after the books are written. */
  readonly isLast: boolean;
  /** UTF-8 bytes of output that is JSON, not a string. @default 0 */
  readonly valueBytes?: number;
}

export interface EventRules {
  /** Finds each string of output, up to and with its opening quote. Global, not sticky. */
  readonly said: RegExp;
  /** Finds events that may change the state, in their raw text. */
  readonly telling: RegExp;
  /** The state after an event that may change it. */
  read(event: JsonObject, state: MeterState): MeterState;
}

const NOTHING: Buffer = Buffer.alloc(0);

export function makeEventMeter({ said, telling, read }: EventRules): Meter {
  let state: MeterState = { isFinished: false, hasFailed: false, isLast: false };
  let contentBytes = 0;

  const countSaid = (event: string): void => {
    said.lastIndex = 0;
    while (said.exec(event) !== null) {
      const end = endOfString(event, said.lastIndex);
      contentBytes += bytesOfRaw(event.slice(said.lastIndex, end));
      said.lastIndex = end;
    }
  };
  const take = (event: string): void => {
    countSaid(event);
    if (!telling.test(event)) return;
    const parsed = parseEvent(event);
    if (parsed !== undefined) state = read(parsed, state);
  };

  return {
    take(events) {
      if (events.length === 0) return { forward: NOTHING, end: undefined };
      // One character a byte: names and numbers are ASCII, and lengths are bytes.
      const text = events.toString('latin1');
      let start = 0;
      while (start < text.length) {
        const end = endOfEvent(text, start);
        take(text.slice(start, end));
        if (state.isLast) {
          return { forward: events.subarray(0, start), end: events.subarray(start) };
        }
        start = end;
      }
      return { forward: events, end: undefined };
    },
    usage: () => state.usage,
    contentBytes: () => contentBytes + (state.valueBytes ?? 0),
    isFinished: () => state.isFinished,
    hasFailed: () => state.hasFailed,
  };
}

/** The meter of answers that are never a stream, and of which nothing is output. */
export const makeSilentMeter = (): Meter =>
  makeEventMeter({ said: /(?!)/g, telling: /(?!)/, read: (_, state) => state });
