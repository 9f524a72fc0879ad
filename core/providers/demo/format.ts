/**
 * The shape of the built-in provider's formats, and helpers that they share. Flow: reserve > **forward** > meter.
 * The request was checked before. A field of an unexpected type counts as absent.
 */
import { isRecord, type JsonObject } from '../../base/json.ts';

/** An answer in words. One word is one token. */
export interface DemoAnswer {
  /** The texts of the request, in order. */
  readonly texts: readonly string[];
  readonly words: readonly string[];
  /** True if the output cap cut the answer. */
  readonly isCut: boolean;
  readonly inputTokens: number;
}

export interface DemoFacts {
  readonly id: string;
  readonly createdSeconds: number;
  readonly model: string;
  readonly body: JsonObject;
}

interface DemoRequest {
  readonly texts: readonly string[];
  /** @default a cap of the model's own */
  readonly cap?: number | undefined;
  /** @default false */
  readonly isStream?: boolean;
}

export interface DemoFormat {
  read(body: JsonObject, path: string): DemoRequest;
  toWhole(answer: DemoAnswer, facts: DemoFacts): JsonObject;
  /** Returns the events before the first word, those of one word (by index), or those after the last. Absent: never streamed. */
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

/** Returns the text of a content, which is a string or a list of parts. */
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
