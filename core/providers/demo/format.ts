/**
 * What the built-in provider's wire formats share: how one reads a request and words the answer. Flow: reserve >
 * **forward** > meter. Invariant: what is read was checked before, and a field of another type counts as absent.
 */
import { isRecord, type JsonObject } from '../../base/json.ts';

/** One word is one token. */
export interface DemoAnswer {
  /** What was asked, in its order. */
  readonly texts: readonly string[];
  readonly words: readonly string[];
  /** The output cap left no room for the rest. */
  readonly isCut: boolean;
  readonly inputTokens: number;
}

export interface DemoFacts {
  readonly id: string;
  readonly createdSeconds: number;
  readonly model: string;
  readonly body: JsonObject;
}

interface DemoAsked {
  readonly texts: readonly string[];
  readonly cap: number | undefined;
  readonly isStream: boolean;
}

export interface DemoFormat {
  read(body: JsonObject, path: string): DemoAsked;
  toWhole(answer: DemoAnswer, facts: DemoFacts): JsonObject;
  /** Events: those before the first word, of a word by its index, behind the last. Absent: it is never streamed. */
  readonly toPart?: (
    part: 'start' | 'end' | number,
    answer: DemoAnswer,
    facts: DemoFacts,
  ) => string;
}

export const data = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
export const typed = (type: string, more: object): string =>
  `event: ${type}\n${data({ type, ...more })}`;
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const capOf = (value: unknown): number | undefined =>
  typeof value === 'number' ? value : undefined;

/** The text of a content, whether it is a string or a list of parts. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return list(content)
    .map((part) => (isRecord(part) && typeof part.text === 'string' ? part.text : ''))
    .join(' ');
}

export const textsOf = (
  messages: unknown,
  member: 'content' | 'parts' = 'content',
): readonly string[] =>
  list(messages).map((message) => textOf(isRecord(message) ? message[member] : undefined));
export const given = (value: unknown): readonly string[] =>
  value === undefined ? [] : [textOf(value)];
