/**
 * Meters a stream while it passes: its usage, the bytes of its output, its end.
 * Flow: forward > **meter** > settle. Invariant: the result is the same however the stream was cut into reads, and an
 * event is parsed only if it may report usage, the end or a failure.
 *
 * Fields are found in the raw text: a quote inside a JSON string is escaped, so `"usage":{` is never a completion's text.
 */
import { endOfString, type JsonObject, parseObject } from '../base/json.ts';
import type { ReportedUsage } from './usage.ts';

export interface MeterRead {
  /** Events for the client, unchanged. */
  readonly forward: Buffer;
  /** The stream's last event and what follows it, which the client gets after the books are written; undefined: it has not come. */
  readonly end: Buffer | undefined;
}

export interface Meter {
  /** Takes whole events. */
  take(events: Buffer): MeterRead;
  /** The last usage reported; cumulative reports repeat it. */
  usage(): ReportedUsage | undefined;
  /** UTF-8 bytes of all output: content, reasoning, refusals, arguments of tool calls. */
  contentBytes(): number;
  /** The answer is complete: it said why it stopped, or its last event came. */
  isFinished(): boolean;
  /** The provider sent an error event. */
  hasFailed(): boolean;
}

/** The facts read from the events so far. */
export interface MeterState {
  readonly usage?: ReportedUsage | undefined;
  readonly isFinished: boolean;
  readonly hasFailed: boolean;
  /** The event is the stream's last. */
  readonly isLast: boolean;
  /** UTF-8 bytes of output that is JSON, not a string. @default 0 */
  readonly valueBytes?: number;
}

/** The rules by which one dialect's events are read. */
export interface MeterRules {
  /**
   * Finds each string of output, up to and with its opening quote. Global, not sticky. Its group, if it has one, names
   * fields under which a provider may send one text at the same time: only the longest of them counts.
   */
  readonly said: RegExp;
  /** Finds events that may change the state, in their raw text. */
  readonly telling: RegExp;
  /** The state after an event that may change it. */
  read(event: JsonObject, state: MeterState): MeterState;
  /** True for an event that the client does not get. @default it gets all */
  readonly hides?: (event: JsonObject) => boolean;
}

const NOTHING: Buffer = Buffer.alloc(0);

/** OpenAI's last event, which is no JSON. */
const DONE = /^data: ?\[DONE\]/m;

export function makeMeter({ said, telling, read, hides }: MeterRules): Meter {
  let state: MeterState = { isFinished: false, hasFailed: false, isLast: false };
  let saidBytes = 0;
  const repeatedBytes = new Map<string, number>();

  const countSaid = (text: string): void => {
    said.lastIndex = 0;
    for (let found = said.exec(text); found !== null; found = said.exec(text)) {
      const end = endOfString(text, said.lastIndex);
      const bytes = bytesOfRaw(text.slice(said.lastIndex, end));
      const [, name] = found;
      if (name === undefined) saidBytes += bytes;
      else repeatedBytes.set(name, (repeatedBytes.get(name) ?? 0) + bytes);
      said.lastIndex = end;
    }
  };
  /** Reads an event, and returns true if the client gets it. */
  const take = (event: string): boolean => {
    countSaid(event);
    if (!telling.test(event)) return true;
    const parsed = parseEvent(event);
    if (parsed !== undefined) state = read(parsed, state);
    else if (DONE.test(event)) state = { ...state, isFinished: true, isLast: true };
    return parsed === undefined || hides?.(parsed) !== true;
  };

  return {
    take(events) {
      if (events.length === 0) return { forward: NOTHING, end: undefined };
      // One character a byte: names and numbers are ASCII, and lengths are bytes.
      const text = events.toString('latin1');
      // Most reads hold no such event, so they need not be cut into events.
      if (!telling.test(text)) {
        countSaid(text);
        return { forward: events, end: undefined };
      }
      const passed: Buffer[] = [];
      for (let start = 0, end = 0; start < text.length; start = end) {
        end = endOfEvent(text, start);
        const isPassed = take(text.slice(start, end));
        if (state.isLast) return { forward: Buffer.concat(passed), end: events.subarray(start) };
        if (isPassed) passed.push(events.subarray(start, end));
      }
      return { forward: Buffer.concat(passed), end: undefined };
    },
    usage: () => state.usage,
    contentBytes: () =>
      saidBytes + Math.max(0, ...repeatedBytes.values()) + (state.valueBytes ?? 0),
    isFinished: () => state.isFinished,
    hasFailed: () => state.hasFailed,
  };
}

/** The meter of answers that are never a stream, and of which nothing is output. */
export const makeSilentMeter = (): Meter =>
  makeMeter({ said: /(?!)/g, telling: /(?!)/, read: (_, state) => state });

/** UTF-8 bytes of a raw JSON string: `\n` is one, `\u4f60` three, whichever way the provider writes it. */
const bytesOfRaw = (raw: string): number =>
  raw.includes('\\')
    ? raw.replace(/\\u[\da-fA-F]{4}/g, '...').replace(/\\./g, '.').length
    : raw.length;

const EVENT_ENDS = /\n\n|\n\r\n|\r\r/g;

/** The end of the event that starts at `start`, with its blank line; the text's end if it has none. */
function endOfEvent(text: string, start: number): number {
  EVENT_ENDS.lastIndex = start;
  return EVENT_ENDS.exec(text) === null ? text.length : EVENT_ENDS.lastIndex;
}

/** The JSON of an event's data, its text as bytes; undefined when it is no object. */
function parseEvent(text: string): JsonObject | undefined {
  const data = text
    .split(/\r\n|\n|\r/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length))
    .join('\n');
  return parseObject(data);
}
