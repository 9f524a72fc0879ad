/**
 * Meters a stream while it passes: its usage, the bytes of its output, its end.
 * Flow: forward > **meter** > settle. Invariant: the result is the same however the stream was cut into reads, and an
 * event is parsed only if it may hold usage.
 *
 * Fields are found in the raw text: a quote inside a JSON string is escaped, so `"usage":{` is never a completion's text.
 */
import { endOfString, isRecord, type JsonObject } from '../base/json.ts';
import { type ReportedUsage, readUsage } from './usage.ts';

export interface MeterOptions {
  /** Drops the event that holds nothing but usage: the client did not ask, and `choices: []` breaks its code. */
  readonly dropsUsageEvent: boolean;
}

export interface MeterRead {
  /** Events for the client, unchanged. */
  readonly forward: Buffer;
  /** `[DONE]` and what follows it; undefined: it has not come. */
  readonly end: Buffer | undefined;
}

export interface Meter {
  /** Takes whole events. */
  take(events: Buffer): MeterRead;
  /** The last usage reported; cumulative reports repeat it. */
  usage(): ReportedUsage | undefined;
  /** UTF-8 bytes of all output: content, reasoning, refusals, arguments of tool calls. */
  contentBytes(): number;
  /** A finish reason or `[DONE]` was seen. */
  isFinished(): boolean;
  /** The provider sent an error event. */
  hasFailed(): boolean;
}

const NOTHING: Buffer = Buffer.alloc(0);

/** One pass finds all fields of interest, by name and by the kind of their value. Each scan starts it anew. */
const FIELDS =
  /"(?:content|reasoning|reasoning_content|text|refusal|arguments|finish_reason|usage|error)"\s*:\s*["{]/g;

export function makeMeter({ dropsUsageEvent }: MeterOptions): Meter {
  const bytes = { said: 0, reasoning: 0, reasoningContent: 0, text: 0 };
  let usage: ReportedUsage | undefined;
  let isFinished = false;
  let hasFailed = false;

  /** Counts the output, and returns the positions of usage objects. */
  const scan = (events: string): readonly number[] => {
    const usageAt: number[] = [];
    FIELDS.lastIndex = 0;
    for (let found = FIELDS.exec(events); found !== null; found = FIELDS.exec(events)) {
      const isText = events.charCodeAt(FIELDS.lastIndex - 1) === QUOTE;
      const field = fieldAt(events, found.index);
      if (field === 'usage') {
        if (!isText) usageAt.push(found.index);
      } else if (field === 'error') {
        hasFailed = true;
      } else if (isText) {
        const end = endOfString(events, FIELDS.lastIndex);
        if (field === 'finish') isFinished = true;
        else bytes[field] += bytesOfRaw(events.slice(FIELDS.lastIndex, end));
        FIELDS.lastIndex = end;
      }
    }
    return usageAt;
  };

  return {
    take(events) {
      if (events.length === 0) return { forward: NOTHING, end: undefined };
      // One character a byte: names and numbers are ASCII, and lengths are bytes.
      const text = events.toString('latin1');
      const reports = eventsAt(text, scan(text));
      usage = lastUsage(reports) ?? usage;
      const doneAt = findDone(text);
      if (doneAt >= 0) isFinished = true;
      const until = doneAt < 0 ? events.length : doneAt;
      const dropped = dropsUsageEvent ? findUsageEvents(reports, until) : [];
      return {
        forward: without(events.subarray(0, until), dropped),
        end: doneAt < 0 ? undefined : events.subarray(doneAt),
      };
    },
    usage: () => usage,
    // Some providers send reasoning under two names at once, so only the longest of those counts.
    contentBytes: () => bytes.said + Math.max(bytes.reasoning, bytes.reasoningContent, bytes.text),
    isFinished: () => isFinished,
    hasFailed: () => hasFailed,
  };
}

const QUOTE = 34;
type Field = 'usage' | 'error' | 'finish' | 'said' | 'reasoning' | 'reasoningContent' | 'text';

/** The field whose name opens at `at`, by the letters that differ between the names of the pattern. */
function fieldAt(events: string, at: number): Field {
  switch (events[at + 1]) {
    case 'u':
      return 'usage';
    case 'e':
      return 'error';
    case 'f':
      return 'finish';
    case 't':
      return 'text';
    case 'r':
      if (events[at + 3] === 'f') return 'said';
      return events[at + 10] === '_' ? 'reasoningContent' : 'reasoning';
    default:
      return 'said';
  }
}

/** UTF-8 bytes of a raw JSON string: `\n` is one, `\u4f60` three, whichever way the provider writes it. */
export const bytesOfRaw = (raw: string): number =>
  raw.includes('\\')
    ? raw.replace(/\\u[\da-fA-F]{4}/g, '...').replace(/\\./g, '.').length
    : raw.length;

interface EventSpan {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The events that some positions lie in, each once, with the blank line that ends it. */
function eventsAt(events: string, positions: readonly number[]): readonly EventSpan[] {
  const spans: EventSpan[] = [];
  let start = 0;
  let end = 0;
  for (const at of positions) {
    if (at < end) continue;
    while (end <= at) {
      start = end;
      end = endOfEvent(events, start);
    }
    spans.push({ start, end, text: events.slice(start, end) });
  }
  return spans;
}

const EVENT_ENDS = /\n\n|\n\r\n|\r\r/g;

/** The end of the event that starts at `start`, with its blank line; the text's end if it has none. */
export function endOfEvent(text: string, start: number): number {
  EVENT_ENDS.lastIndex = start;
  return EVENT_ENDS.exec(text) === null ? text.length : EVENT_ENDS.lastIndex;
}

/** The usage of the last event whose report can be read. */
function lastUsage(events: readonly EventSpan[]): ReportedUsage | undefined {
  for (const { text } of events.toReversed()) {
    const event = parseEvent(text);
    const usage = readUsage(event?.usage ?? Object(event?.x_groq).usage);
    if (usage !== undefined) return usage;
  }
  return undefined;
}

/** The JSON of an event's data, its text as bytes; undefined when it is no object. */
export function parseEvent(text: string): JsonObject | undefined {
  const data = text
    .split(/\r\n|\n|\r/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length))
    .join('\n');
  try {
    const value: unknown = JSON.parse(data);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined; // A provider's garbage is passed on and not read.
  }
}

/** The position of `data: [DONE]`; negative if it is missing. */
function findDone(events: string): number {
  for (let at = events.indexOf('[DONE]'); at >= 0; at = events.indexOf('[DONE]', at + 1)) {
    const start = events[at - 1] === ' ' ? at - 'data: '.length : at - 'data:'.length;
    const opensLine = start === 0 || events[start - 1] === '\n' || events[start - 1] === '\r';
    if (start >= 0 && opensLine && events.startsWith('data:', start)) return start;
  }
  return -1;
}

/** Events before `until` that hold usage and an empty list of choices. */
const findUsageEvents = (events: readonly EventSpan[], until: number): readonly EventSpan[] =>
  events.filter(
    ({ start, text }) =>
      start < until && EMPTY_CHOICES.test(text) && isUsageEvent(parseEvent(text)),
  );

const EMPTY_CHOICES = /"choices"\s*:\s*\[\s*\]/;

const isUsageEvent = (event: JsonObject | undefined): boolean =>
  Array.isArray(event?.choices) &&
  event.choices.length === 0 &&
  typeof event.usage === 'object' &&
  event.usage !== null;

function without(events: Buffer, dropped: readonly EventSpan[]): Buffer {
  if (dropped.length === 0) return events;
  const kept: Buffer[] = [];
  let at = 0;
  for (const { start, end } of dropped) {
    if (start < at) continue;
    kept.push(events.subarray(at, start));
    at = end;
  }
  return Buffer.concat([...kept, events.subarray(at)]);
}
