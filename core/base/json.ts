/**
 * JSON from outside: plain objects, and strict objects that mean the same to every reader.
 */

/** The members of a JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** An object of JSON, which a list is not. */
export const isRecord = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const DEPTH_MAX = 16;

/** @returns undefined unless the text is one JSON object without a member of the same name twice, at any depth */
export function parseStrictObject(text: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined; // The parser's message quotes the text, so it is dropped here.
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const written = membersWritten(text);
  // First whether it is deep, since what reads it next goes as deep as it does.
  if (written === undefined || written !== membersRead(value)) return undefined;
  return value as Record<string, unknown>;
}

const [BRACE, BRACKET, BRACE_END, BRACKET_END] = [0x7b, 0x5b, 0x7d, 0x5d];
const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];

/** How many members valid JSON text has at all depths, each with a colon of its own; undefined: it is too deep. */
function membersWritten(text: string): number | undefined {
  let members = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COLON) members++;
    else if (code === BRACE_END || code === BRACKET_END) depth--;
    else if (code === BRACE || code === BRACKET) {
      depth++;
      if (depth > DEPTH_MAX) return undefined;
    }
  }
  return members;
}

/** The position of the quote that closes the string which opens at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE)
    at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

/** Of two members of one name, the parser keeps one: then fewer are read than were written. */
function membersRead(value: object): number {
  const inner = Object.values(value);
  let members = Array.isArray(value) ? 0 : inner.length;
  for (const each of inner) {
    if (typeof each === 'object' && each !== null) members += membersRead(each);
  }
  return members;
}
